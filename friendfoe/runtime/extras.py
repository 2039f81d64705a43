"""What is installed apart from the library itself: the extras of pyproject.toml, and who needs which."""

from friendfoe.runtime.errors import UserError

_EXTRAS = {
    "dvc": "pipeline",
    "psutil": "pipeline",
    "sklearn": "pipeline",
    "voluptuous": "pipeline",
    "jinja2": "report",
    "matplotlib": "report",
    "tabulate": "report",
    "ray": "cluster",
    "timm": "timm",
}


def missing(error: ImportError) -> UserError | None:
    """What to tell a user who lacks a package of an extra; None: it is no package of ours to name."""
    # pandas raises an ImportError of its own, without a name, from that of Python
    name = error.name or getattr(error.__cause__, "name", None) or ""
    package = name.partition(".")[0]
    if package not in _EXTRAS:
        return None
    extra = _EXTRAS[package]
    return UserError(
        f"this needs {package}, which is not installed; in the folder of friendfoe: pip install -e '.[{extra}]'"
    )

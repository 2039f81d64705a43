"""Fingerprints of code: what a module computes with, in one line that changes when the code does.

The fingerprint of a module covers all project files that importing it runs, directly or through others, at the top of a
module or inside a function, and the data files of their packages. Comments, docstrings and layout do not count: mending
a sentence trains nothing again. What is imported by a name put together at run time is not seen; a stage that does so
depends on those fingerprints as well.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from friendfoe.runtime.errors import UserError

PACKAGES = ("friendfoe", "stages")


def fingerprints(root: Path = Path()) -> dict[str, str]:
    """SHA-256 by dotted module name, of every module of the project.

    Raises:
        UserError: a module is not valid Python, or imports relatively.
    """
    digests = {path: _digest(root / path) for path in _files(root)}

    def of(module: Path) -> str:
        lines = [f"{path.as_posix()} {digests[path]}" for path in sorted(with_data(root, closure(root, module)))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    return {_name(path): of(path) for path in digests if path.suffix == ".py"}


def closure(root: Path, start: Path) -> set[Path]:
    """The files that importing the module at `start` runs, itself included, relative to `root`."""
    found: set[Path] = set()
    todo = [*_run_by(root, _name(start))]
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += [file for name in imported(root / path) for file in _run_by(root, name)]
    return found


def with_data(root: Path, modules: set[Path]) -> set[Path]:
    """`modules` and the data files (tables, templates) of the packages that they stand in."""
    packages = {path.parent for path in modules}
    return modules | {path for path, package in _tables(root).items() if package in packages}


@cache
def _tables(root: Path) -> dict[Path, Path]:
    """The data files of the project, and the package of each: the nearest folder with modules."""
    tables = [path for path in _files(root) if path.suffix != ".py"]
    return {path: next((p for p in path.parents if any((root / p).glob("*.py"))), path.parent) for path in tables}


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names that a file imports and that may be modules: `from a import b` gives both `a` and `a.b`."""
    names: set[str] = set()
    for node in _run(_parse(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise UserError(f"{path}:{node.lineno}: relative imports are not followed; import from friendfoe")
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(name for name in names if name.split(".")[0] in PACKAGES)


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`, which never run."""
    yield tree
    types = isinstance(tree, ast.If) and isinstance(tree.test, ast.Name) and tree.test.id == "TYPE_CHECKING"
    for child in tree.orelse if types and isinstance(tree, ast.If) else ast.iter_child_nodes(tree):
        yield from _run(child)


@cache
def _run_by(root: Path, name: str) -> tuple[Path, ...]:
    """The files that importing a dotted name runs: the module and the packages that it stands in."""
    words = name.split(".")
    bases = [Path(*words[:end]) for end in range(1, len(words) + 1)]
    files = [path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py")]
    return tuple(path for path in files if (root / path).is_file())


def _name(path: Path) -> str:
    words = path.with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def _files(root: Path) -> list[Path]:
    found = (path for package in PACKAGES for path in (root / package).rglob("*"))
    return sorted(path.relative_to(root) for path in found if path.is_file() and "__pycache__" not in path.parts)


def _digest(path: Path) -> str:
    content = _code(_parse(path)).encode() if path.suffix == ".py" else path.read_bytes()
    return hashlib.sha256(content).hexdigest()


@cache
def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise UserError(f"{path}:{error.lineno}: {error.msg}") from None


def _code(node: Any) -> str:
    """A syntax tree as text, the same on all versions of Python: empty fields and docstrings are left out."""
    if isinstance(node, list):
        return f"[{','.join(map(_code, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
        fields["body"] = node.body[1:]
    said = (f"{name}={_code(value)}" for name, value in fields.items() if value is not None and value != [])
    return f"{type(node).__name__}({','.join(said)})"

"""Fingerprints of code: what a job computes with, in one line that changes when the code does.

A fingerprint covers all project files that importing some modules runs, directly or through others, at the top of a
module or inside a function, and the data files of their packages. What does not compute does not count: comments,
docstrings, layout, the version, the text of errors, descriptions and help texts; mending a sentence trains nothing
again. What is imported by a name put together at run time is not seen: the plan adds the modules of a job's attack,
network and method, which are found by their names.
"""

import ast
import hashlib
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from friendfoe.runtime.errors import UserError

PACKAGES = ("friendfoe", "stages")


@cache
def fingerprint(modules: frozenset[str], root: Path = Path()) -> str:
    """SHA-256 of all code that importing `modules` (dotted names) runs.

    Raises:
        UserError: a module is not valid Python, or imports relatively.
    """
    files = {file for module in modules for file in closure(root, module)}
    lines = [f"{path.as_posix()} {_digest(root / path)}" for path in sorted(with_data(root, files))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def with_files(code: str, files: Collection[Path]) -> str:
    """A fingerprint that also changes when one of the user's own files does; the same where there are none."""
    if not files:
        return code
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files) if path.is_file()]
    return hashlib.sha256("\n".join([code, *digests]).encode()).hexdigest()


@cache
def closure(root: Path, module: str) -> frozenset[Path]:
    """The files that importing a module runs, relative to `root`."""
    files: set[Path] = set()
    todo = [*_run_by(root, module)]
    while todo:
        path = todo.pop()
        if path not in files:
            files.add(path)
            todo += [file for name in imported(root / path) for file in _run_by(root, name)]
    return frozenset(files)


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
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        types = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        todo += node.orelse if types and isinstance(node, ast.If) else ast.iter_child_nodes(node)


@cache
def _run_by(root: Path, name: str) -> tuple[Path, ...]:
    """The files that importing a dotted name runs: the module and the packages that it stands in."""
    words = name.split(".")
    bases = [Path(*words[:end]) for end in range(1, len(words) + 1)]
    files = [path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py")]
    return tuple(path for path in files if (root / path).is_file())


def _files(root: Path) -> list[Path]:
    found = (path for package in PACKAGES for path in (root / package).rglob("*"))
    return sorted(path.relative_to(root) for path in found if path.is_file() and "__pycache__" not in path.parts)


@cache
def _digest(path: Path) -> str:
    content = _code(_parse(path)).encode() if path.suffix == ".py" else path.read_bytes()
    return hashlib.sha256(content).hexdigest()


@cache
def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise UserError(f"{path}:{error.lineno}: {error.msg}") from None


def _code(node: Any, silent: bool = False) -> str:
    """A syntax tree as text, the same on all versions of Python, without what only says something.

    Empty fields are left out, and docstrings; `silent` is what an error is raised with: its texts are left out, too.
    """
    if isinstance(node, list):
        return f"[{','.join(_code(item, silent) for item in node)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if silent and (isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))):
        return "text"
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields["body"] = [statement for statement in node.body if not _says(statement)]
    if isinstance(node, ast.Call):
        fields["keywords"] = [keyword for keyword in node.keywords if keyword.arg not in _SAYING]
    silent = silent or isinstance(node, ast.Raise) or _is_error(node)
    parts = (f"{name}={_code(value, silent)}" for name, value in fields.items() if value is not None and value != [])
    return f"{type(node).__name__}({','.join(parts)})"


def _is_error(node: ast.AST) -> bool:
    """Whether an error is made: `UserError(...)`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error")


_SAYING = ("description", "help")  # arguments of pydantic's Field and of Typer


def _says(statement: ast.stmt) -> bool:
    """Whether a statement is a text alone (a docstring, of an attribute too), or the version."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__version__"

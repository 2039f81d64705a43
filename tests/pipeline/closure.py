"""Which project files a script imports, directly or through others, at the top of a module or inside a function."""

import ast
from pathlib import Path


def closure(root: Path, *starts: Path) -> set[Path]:
    """The files of `friendfoe` that `starts` import, and the starts themselves, relative to `root`."""
    found: set[Path] = set()
    todo = [*starts]
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += [module for name in imported(root / path) for module in files(root, name)]
    return found


def imported(path: Path) -> set[str]:
    """Dotted names that may be modules: `from a import b` gives both `a` and `a.b`."""
    names: set[str] = set()
    tree = ast.parse(path.read_text())
    for_types = {inner for node in ast.walk(tree) if _for_types(node) for part in node.body for inner in ast.walk(part)}
    for node in set(ast.walk(tree)) - for_types:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not followed here"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in ("friendfoe", "stages")}


def _for_types(node: ast.AST) -> bool:
    """Whether `node` is `if TYPE_CHECKING:`, whose body never runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def files(root: Path, name: str) -> list[Path]:
    """The files that importing a dotted name runs: the module and the packages that it stands in."""
    words = name.split(".")
    found = []
    for end in range(1, len(words) + 1):
        base = Path(*words[:end])
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if (root / path).exists():
                found.append(path)
    return found


if __name__ == "__main__":
    import sys

    print(*sorted(closure(Path(), *map(Path, sys.argv[1:]))), sep="\n")

"""Where the reports of a run are: in a folder, or in a commit, of which an experiment of DVC is one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from friendfoe.comparison import kept
from friendfoe.comparison.git import git
from friendfoe.report.study import FILE
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest

HERE = "workspace"  # as DVC calls what is here now
Files = Mapping[Path, bytes]


@dataclass(frozen=True)
class Folder:
    """A folder that is laid out as the project is, with `reports` in it.

    Attributes:
        name: what the run is called.
        root: where the project's paths begin.
        elsewhere: files that are not in their place there, and where they are.
    """

    name: str
    root: Path = Path()
    elsewhere: Mapping[Path, Path] = field(default_factory=dict)

    def reports(self) -> list[tuple[str, str]]:
        """Data set and study of each report."""
        return [(file.parts[-3], file.parts[-2]) for file in sorted((self.root / paths.REPORTS).glob(f"*/*/{FILE}"))]

    def files(self, *places: Path) -> Files:
        """The files at some places of the project and below them."""
        found: dict[Path, bytes] = {}
        for place in places:
            where = self.root / place
            below = [where] if where.is_file() else sorted(path for path in where.rglob("*") if path.is_file())
            found |= {path.relative_to(self.root): path.read_bytes() for path in below}
        found |= {place: path.read_bytes() for place, path in self.elsewhere.items() if place in found}
        return found


@dataclass(frozen=True)
class Revision:
    """A commit of the project in this folder."""

    name: str
    commit: str

    def reports(self) -> list[tuple[str, str]]:
        """Data set and study of each report."""
        files = (path.relative_to(paths.REPORTS).parts for path in self._listed([paths.REPORTS]))
        return [(parts[0], parts[1]) for parts in files if len(parts) == 3 and parts[2] == FILE]

    def files(self, *places: Path) -> Files:
        """The files at some places of the project and below them."""
        listed = self._listed(places)
        written = git("cat-file", "--batch", given="".join(f"{blob}\n" for blob in listed.values()).encode())
        found: dict[Path, bytes] = {}
        for path in listed:
            head, _, written = written.partition(b"\n")
            size = int(head.split()[-1])
            found[path], written = written[:size], written[size + 1 :]
        return found

    def _listed(self, places: Iterable[Path]) -> dict[Path, str]:
        """The files at and below places, with the names of their contents."""
        lines = git("ls-tree", "-r", "-z", self.commit, "--", *map(str, places)).decode().split("\0")
        entries = (line.split("\t", 1) for line in lines if line)
        return {Path(path): kind.split()[2] for kind, path in entries}


Run = Folder | Revision


def find(text: str) -> Run:
    """The run of a name: "workspace" (the last one here), a folder, a revision of Git, or an experiment of DVC.

    Raises:
        UserError: there is none, or it holds no reports.
    """
    run = Folder(HERE, elsewhere=kept.files()) if text == HERE else _folder(Path(text)) or _revision(text)
    if not run.reports():
        raise UserError(f"{text} holds no reports: there is no {paths.REPORTS}/DATA/STUDY/{FILE}")
    return run


def _folder(path: Path) -> Folder | None:
    """The project, or the `reports` of it, that lies at a path."""
    if not path.is_dir():
        return None
    if path.name == paths.REPORTS.name and any(path.glob(f"*/*/{FILE}")):
        return Folder(str(path), path.parent)
    return Folder(str(path), path)


def _revision(text: str) -> Revision:
    experiments = dict(_experiments())
    commit = experiments.get(text) or _commit(text)
    if commit is None:
        raise UserError(
            f"there is no run '{text}': no folder, no revision of Git and no experiment of DVC has this name; "
            f"{nearest(text, [HERE, *experiments])}"
        )
    return Revision(text, commit)


def _commit(text: str) -> str | None:
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}").decode().strip()
    except UserError:
        return None


def _experiments() -> Iterable[tuple[str, str]]:
    """The experiments of DVC, and their commits."""
    try:
        refs = git("for-each-ref", "--format=%(refname) %(objectname)", "refs/exps").decode().splitlines()
    except UserError:  # no repository
        return
    for ref in refs:
        name, commit = ref.split()
        yield name.rpartition("/")[2], commit

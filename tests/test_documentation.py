"""What README and docs tell people to type is what there is: commands, options, targets, modules."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML

from friendfoe import console

ROOT = Path(__file__).parents[1]
PAGES = [
    *map(ROOT.joinpath, ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
WALKED = {"mine", "noise"}  # a data set and a study that a walk of extending.md adds (tests/plan/test_walks.py runs it)
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
STARTS = re.compile(r"(?:[A-Z_]+=\S+ )*(friendfoe|dvc|make|python|torchrun|ruff|mypy|pytest)\b")


def lines(page):
    """Every command of a page: lines of shell blocks, indented lines, and words in backticks."""
    text = page.read_text()
    blocks = [body for kind, body in FENCE.findall(text) if kind in ("sh", "bash", "console", "")]
    blocks += re.findall(r"(?:^    \S.*\n)+", FENCE.sub("", text), re.MULTILINE)
    found = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    found += [" ".join(word.split()) for word in re.findall(r"`([^`]+)`", FENCE.sub("", text))]
    for line in found:
        for part in re.split(r" && |; |  +#| # ", line):
            if STARTS.match(part):
                yield part.strip()


COMMANDS = sorted({(line, page.relative_to(ROOT).as_posix()) for page in PAGES for line in lines(page)})


def words(line):
    parts = shlex.split(line)
    while re.fullmatch(r"[A-Z_]+=.*", parts[0]):
        parts.pop(0)
    return parts


def test_there_are_commands():
    assert len(COMMANDS) > 60
    assert {words(line)[0] for line, _ in COMMANDS} >= {"friendfoe", "dvc", "make", "python"}


@pytest.mark.parametrize(("line", "page"), COMMANDS)
def test_a_command_exists(line, page):
    program, *rest = words(line)
    check = {"friendfoe": ours, "dvc": dvc, "make": make, "python": python, "torchrun": torchrun}.get(program)
    if check:
        check(rest)


def ours(rest):
    """A command of friendfoe takes its options and arguments."""
    if not rest or "..." in rest[:1]:
        return
    group = typer.main.get_command(console.app)
    name, *arguments = rest
    assert name in group.commands, name
    if arguments and not any(word.isupper() or "..." in word for word in arguments):
        group.commands[name].make_context(name, arguments)
    else:  # what stands for something else: its options exist
        known = {option for parameter in group.commands[name].params for option in parameter.opts}
        for option in (word.partition("=")[0] for word in arguments if word.startswith("--") and word != "--"):
            assert option in known, option


def dvc(rest):
    """A target of a pipeline is one of its stages, of a data set that it knows."""
    for word in rest:
        found = re.fullmatch(r"(pipelines/(\w+)/dvc\.yaml|dvc\.yaml)(?::([a-z-]+)(?:@(\S+))?)?", word)
        if not found or found[2] in {"STUDY", *WALKED}:
            continue
        stages = YAML(typ="safe").load(ROOT / found[1])["stages"]
        if found[3] and not found[3].isupper():
            assert found[3] in stages, word
        if found[4] and not any(part.isupper() for part in found[4].split("-")):
            known = YAML(typ="safe").load(ROOT / "params.yaml")["data"]
            assert any(found[4] == data or found[4].startswith(f"{data}-") for data in [*known, *WALKED]), word


def make(rest):
    makefile = (ROOT / "Makefile").read_text()
    for word in rest:
        name, assigned, _ = word.partition("=")
        pattern = rf"^{name} \?=" if assigned else rf"^{name}:"
        assert re.search(pattern, makefile, re.MULTILINE), word


def python(rest):
    if rest[:1] == ["-m"]:
        assert importlib.util.find_spec(rest[1]), rest[1]
    elif rest and rest[0].endswith(".py") and "/" in rest[0]:
        assert (ROOT / rest[0]).exists(), rest[0]


def torchrun(rest):
    if rest:
        python(rest[rest.index("-m") :])

"""docs/statements: every statement of the sources, and where it is tested; what it names exists."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from friendfoe import studies

ROOT = Path(__file__).parents[2]
WHERE = re.compile(r"(?:(?P<study>[a-z]+): )?(?P<kind>claim|table|figure|check|model) (?P<name>\S+)")


def statements(study):
    """(statement, place, where) of every row of a study's table."""
    text = (ROOT / "docs" / "statements" / f"{study}.md").read_text(encoding="utf-8")
    rows = [line.strip().strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert all(len(row) == 3 for row in rows), [row for row in rows if len(row) != 3]
    return [tuple(cell.strip() for cell in row) for row in rows[1:] if not set(row[0]) <= set("- :")]


def references(study):
    """(study, kind, name) of everything that the table names."""
    for statement, _, where in statements(study):
        for token in where.split(";"):
            token = token.strip()
            if token.startswith("not tested: "):
                assert len(token) > len("not tested: ") + 10, f"{statement}: say why"
                continue
            found = WHERE.fullmatch(token)
            assert found, f"{study}, '{statement}': '{token}' names nothing"
            yield found["study"] or study, found["kind"], found["name"]


@pytest.mark.parametrize("study", studies.names())
def test_what_a_statement_names_exists(study):
    named = list(references(study))
    assert named
    for owner, kind, name in named:
        report = ROOT / "reports" / "digits" / owner
        claims = import_module(f"friendfoe.studies.{owner}.claims").CLAIMS
        exists = {
            "claim": lambda name=name, claims=claims: 1 <= int(name) <= len(claims),
            "table": lambda name=name, report=report: (report / "tables" / f"{name}.csv").exists(),
            "figure": lambda name=name, report=report: any((report / "figures").glob(f"{name}.*")),
            "model": lambda name=name, owner=owner: bool(list(ROOT.glob(f"reports/*/training/{owner}/{name}*"))),
            "check": lambda name=name, owner=owner: any(
                f",{name}," in file.read_text(encoding="utf-8")
                for file in ROOT.glob(f"reports/digits/gradients/{owner}/*/checks.csv")
            ),
        }[kind]
        assert exists(), f"docs/statements/{study}.md names {kind} {name} of {owner}, which is not there"


@pytest.mark.parametrize("study", studies.names())
def test_every_claim_is_a_statement_of_its_source(study):
    claims = import_module(f"friendfoe.studies.{study}.claims").CLAIMS
    named = {int(name) for owner, kind, name in references(study) if (owner, kind) == (study, "claim")}
    assert named == set(range(1, len(claims) + 1))

"""A hook of mkdocs: pages that are written to be read in the repository become pages of the site."""

import json
import re
from pathlib import Path
from posixpath import join, normpath
from typing import Any

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]+)(?:#[^)]*)?\)")
_FENCE_OF_A_FILE = re.compile(r"^(```\w+) (\S+(?: \w+)?)$", re.MULTILINE)
_CLAIMS = re.compile(r"^<!-- claims: (\w+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """What a page of the site has besides what stands in its file.

    Links out of docs/ become the names of files, which the site does not have; a block's file becomes its title; the
    claims of a study come from its committed reports. A link to a file that does not exist stays, and fails the build.
    """

    def named(link: re.Match[str]) -> str:
        target = normpath(join("docs", page.file.src_uri, "..", link[2]))
        outside = not target.startswith("docs/") and Path(target).exists()
        return f"{link[1]} (`{target}`)" if outside else link[0]

    markdown = _CLAIMS.sub(lambda study: claims(study[1]), markdown)
    return _FENCE_OF_A_FILE.sub(r'\1 title="\2"', _OUTSIDE.sub(named, markdown))


def claims(study: str) -> str:
    """Claims and verdicts of a study's committed reports of this version, a table for each data set, in Markdown."""
    tables = []
    for file in sorted(Path("reports").glob(f"*/{study}/study.json")):
        report = json.loads(file.read_text(encoding="utf-8"))
        if "judged" not in report:  # an earlier version's
            continue
        rows = [
            f"| {number}. {claim['text']} | {claim['verdict']} |" for number, claim in enumerate(report["claims"], 1)
        ]
        tables.append("\n".join([report["budget"], "", "| claim | verdict |", "| --- | --- |", *rows]))
    return "\n\n".join(tables)

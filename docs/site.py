"""A hook of mkdocs: pages that are written to be read in the repository become pages of the site."""

import re
from pathlib import Path
from posixpath import join, normpath
from typing import Any

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]+)(?:#[^)]*)?\)")
_FENCE_OF_A_FILE = re.compile(r"^(```\w+) (\S+(?: \w+)?)$", re.MULTILINE)


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links out of docs/ become the names of files, which the site does not have; a block's file becomes its title.

    A link to a file that does not exist stays, and fails the build.
    """

    def named(link: re.Match[str]) -> str:
        target = normpath(join("docs", page.file.src_uri, "..", link[2]))
        outside = not target.startswith("docs/") and Path(target).exists()
        return f"{link[1]} (`{target}`)" if outside else link[0]

    return _FENCE_OF_A_FILE.sub(r'\1 title="\2"', _OUTSIDE.sub(named, markdown))

"""Measured sections as files, and the code that was measured."""

import json
import subprocess
from pathlib import Path
from typing import Any


def save(file: Path, section: dict[str, Any]) -> None:
    """Write a section."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(section, indent=2) + "\n")


def last_commit(*paths: str) -> str:
    """The last commit that changed any of the paths."""
    command = ["git", "log", "-1", "--format=%h", "--", *paths]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

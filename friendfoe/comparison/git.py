"""What Git says."""

import subprocess

from friendfoe.runtime.errors import UserError


def git(*words: str, given: bytes = b"") -> bytes:
    """The output of a command of Git's, which is given something to read.

    Raises:
        UserError: Git is not there, or cannot.
    """
    try:
        done = subprocess.run(("git", *words), input=given, capture_output=True, check=False)
    except OSError:
        raise UserError("Git is not installed, which knows the committed reports") from None
    if done.returncode:
        raise UserError(f"git {words[0]}: {' '.join(done.stderr.decode(errors='replace').split())}")
    return done.stdout

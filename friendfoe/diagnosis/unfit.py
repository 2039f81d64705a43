"""What a diagnosis cannot go on with."""

from friendfoe.runtime.errors import UserError


class UnfitError(UserError, ValueError):
    """A model, images or words that cannot be examined, in one line: a ValueError in Python, a line on the terminal."""

"""The one exception that users are meant to see."""


class UserError(Exception):
    """Something that the user can mend; its text is one line: what is wrong, where, what to do.

    Raised at the boundary (params, files, command line) and printed by `friendfoe.runtime.cli` without a traceback.
    """


def first_line(error: BaseException) -> str:
    """What an error of others says, in one line; its kind where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

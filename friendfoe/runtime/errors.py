"""The one exception that users are meant to see."""


class UserError(Exception):
    """Something that the user can mend; its text is one line: what is wrong, where, what to do.

    Raised at the boundary (params, files, command line) and printed by `friendfoe.runtime.cli` without a traceback.
    """

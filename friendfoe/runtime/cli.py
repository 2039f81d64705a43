"""The boundary between a stage and its user: run a command, and turn what went wrong into one line."""

import errno
import os
import sys
from collections.abc import Callable

import typer

from friendfoe.runtime import extras, jobs, outputs, startup
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.refused import in_one_line

INTERRUPTED = 130  # the exit status that shells give to Ctrl-C


def run(command: Callable[..., None] | typer.Typer) -> None:
    """Run a function as a Typer program, or a program of several commands.

    A `UserError`, a system error, a package that is missing, or a setting that the library refuses is one line and exit
    status 1, Ctrl-C one line and 130. Programming errors keep their traceback: they are ours to mend, not the user's.
    So does what the library refuses where `FRIENDFOE_DEBUG=1`.
    """
    startup.ready()
    app = command
    if not isinstance(app, typer.Typer):
        app = program()
        app.command()(command)
    try:
        with outputs.stage():
            code = app(standalone_mode=False)
            jobs.check_unchanged()
            if code == INTERRUPTED:  # Typer makes an exit code of Ctrl-C
                raise KeyboardInterrupt
    except UserError as error:
        _fail(str(error), 1)
    except (KeyboardInterrupt, typer.Abort):
        _fail(startup.LINE, INTERRUPTED)
    except startup.Stopped as stopped:
        _fail(startup.LINE, stopped.status)
    except OSError as error:
        _fail(_system_error(error), 1)
    except ImportError as error:
        if not (needed := extras.missing(error)):
            raise
        _fail(str(needed), 1)
    except Exception as error:
        if isinstance(error, ValueError) and (refused := in_one_line(error)):
            if os.environ.get("FRIENDFOE_DEBUG") == "1":
                raise
            _fail(str(refused), 1)
        # Typer's usage errors (a missing or unknown argument) know how to show themselves
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            sys.exit(2)
        _fail(f"{error.format_message()} (see --help)", getattr(error, "exit_code", 2))
    else:
        sys.exit(code or 0)
    finally:
        startup.end()


def program() -> typer.Typer:
    """A Typer program without what only fills the screen."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _system_error(error: OSError) -> str:
    where = error.filename or "the output folder"
    if error.errno == errno.ENOSPC:
        return f"the disk is full while writing {where}; free some space and run again"
    if error.errno == errno.EROFS:
        return f"{where} is on a read-only file system; work in a copy of the project that can be written"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission for {where}; make it accessible for this user and run again"
    return f"{where}: {error.strerror or error}"


def _fail(message: str, code: int) -> None:
    sys.stdout.flush()
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    sys.exit(code)

"""Stages of one `dvc repro` share one start of Python: a process that has imported torch forks for each of them.

Starting Python and importing torch costs a stage 1.5 s, seventy times in a pipeline of seventy stages. The first stage
that DVC runs leaves a process behind which imports the libraries and nothing of this project, so that every stage runs
the code that is on the disk; it ends with DVC. The stages after it, also side by side, hand it their arguments and
their terminal, pass signals on, and end as their fork ends: 0.1 s of CPU, a fourth of what it is where the warm process
imports torch alone, lets its forks look through its memory for garbage, and has them end as Python does. Where anything
is unusual (another system than Linux, not run by DVC, another environment, `FRIENDFOE_WARM=0`), a stage starts by
itself, as it would without this module.
"""

import atexit
import gc
import hashlib
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from friendfoe.runtime.parents import end_with
from friendfoe.runtime.paths import CHECKPOINTS_OF_A_STAGE

# what a stage of most kinds imports that is not ours; scikit-learn's data are prepared once
_LIBRARIES = [
    "torch",
    "safetensors.numpy",
    "safetensors.torch",
    "pydantic.functional_serializers",
    "pydantic.type_adapter",
    "typer",
    "multiprocessing.popen_fork",
    "pandas.io.formats.csvs",
    "pandas.io.formats.style",  # and what it imports: jinja2
    "scipy.special",
    "torchvision.transforms.v2",  # in every worker that augments, were it not here
    "tabulate",
    "matplotlib.figure",
    "matplotlib.style",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "PIL.PngImagePlugin",
    "ruamel.yaml",
]
RUN = "FRIENDFOE_RUN"  # the process that runs stages side by side, a process of DVC's for each
_OF_A_STAGE = (
    "DVC_STAGE",
    "FRIENDFOE_WORKERS",
    "CUDA_VISIBLE_DEVICES",
    CHECKPOINTS_OF_A_STAGE,
)  # what differs between the stages of a run
_NOT_SHARED = {*_OF_A_STAGE, "SHLVL", "_", "PWD", "OLDPWD", "DVC_ROOT"}


def hand_over() -> None:
    """In a stage that has just started: have it run by the process that is warm, and end as it ends.

    Returns where there is none; then one is started for the stages that come.
    """
    if not (sys.platform == "linux" and "DVC_STAGE" in os.environ and os.environ.get("FRIENDFOE_WARM") != "0"):
        return
    if sys.orig_argv[1] != "-m":
        return
    connection = socket.socket(socket.AF_UNIX)
    try:
        dvc = _dvc()
        connection.connect(_address(dvc))
    except ConnectionRefusedError:
        quiet = subprocess.DEVNULL
        with suppress(OSError):  # in a session of its own: signals of the terminal are for the stages
            command = [sys.executable, "-m", __name__, str(dvc)]
            subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    except OSError:  # whatever is not there, or not allowed
        return
    else:
        if _is_ours(connection):
            _follow(connection)


def _follow(connection: socket.socket) -> None:
    """Wait for the end of the fork; return where there is none after all."""
    request = json.dumps(
        [sys.orig_argv[2:], os.getcwd(), {name: os.environ.get(name) for name in _OF_A_STAGE}]
    ).encode()
    answer = b""
    with suppress(ConnectionError):
        socket.send_fds(connection, [request], [0, 1, 2])
        answer = connection.recv(4)
    if not answer:
        return
    (child,) = struct.unpack("i", answer)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: _tell(child, number))
    signal.signal(signal.SIGTSTP, lambda number, frame: _pause(child))
    status = b""
    with suppress(ConnectionError):
        status = connection.recv(4)
    if not status:
        os.write(2, b"error: the process that ran this stage was ended from outside; run the same command again\n")
    os._exit(struct.unpack("i", status)[0] if status else 1)


def _tell(child: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, number)


def _pause(child: int) -> None:
    """Ctrl-Z, for the fork and its workers."""
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.killpg(child, signal.SIGCONT)


def _dvc() -> int:
    """The process that runs the stages; a shell may stand between."""
    if RUN in os.environ:
        return int(os.environ[RUN])
    parent = os.getppid()
    for process in parent, int(Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[1]):
        if b"dvc" in Path(f"/proc/{process}/cmdline").read_bytes():
            return process
    raise ProcessLookupError


def _address(dvc: int) -> bytes:
    """Where the warm process of this run listens: for one DVC, one Python, one environment."""
    environment = sorted((name, value) for name, value in os.environ.items() if name not in _NOT_SHARED)
    content = json.dumps([dvc, sys.executable, environment])
    return b"\0friendfoe-" + hashlib.sha256(content.encode()).hexdigest().encode()


def _is_ours(connection: socket.socket) -> bool:
    """Whether the other end is a process of this user, in this container."""
    pid, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return bool(pid) and user == os.getuid()


def _serve(dvc: int) -> str:
    """Fork for every stage until DVC ends; return in the forks, with the module that they are to run."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(_address(dvc))
        end = os.pidfd_open(dvc)
    except OSError:
        sys.exit()  # another one is there already, or DVC is not
    for library in _LIBRARIES:
        importlib.import_module(library)
    _first_model()
    gc.collect()
    gc.freeze()  # a fork that looks for garbage would copy every page that it looks at
    listener.listen()  # until here, stages start by themselves
    forks: dict[int, _Fork] = {}  # by what becomes ready where one ends
    while True:
        stages = {fork.stage: fork for fork in forks.values() if not fork.abandoned}
        sources: list[Any] = [listener, end, *forks, *stages]
        ready = set(select.select(sources, [], [])[0])
        if end in ready:
            os._exit(0)  # nothing of torch is to be tidied
        for stage in stages.keys() & ready:  # it has ended, for it says nothing
            stages[stage].abandon()
        for process in forks.keys() & ready:
            forks.pop(process).tell_its_end()
            os.close(process)
        if listener not in ready:
            continue
        stage, _ = listener.accept()
        if not _is_ours(stage):
            stage.close()
            continue
        request, descriptors, _, _ = socket.recv_fds(stage, 1 << 20, 3)
        server, child = os.getpid(), os.fork()
        if not child:
            for connection in (listener, stage, *stages):
                connection.close()
            return _become(server, json.loads(request), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ConnectionError):
            stage.send(struct.pack("i", child))
        forks[os.pidfd_open(child)] = _Fork(child, stage)


class _Fork:
    """A process that runs in place of a stage, which waits for its end at the other side of a connection."""

    def __init__(self, process: int, stage: socket.socket) -> None:
        self.process, self.stage, self.abandoned = process, stage, False

    def abandon(self) -> None:
        """End the fork, for the stage has ended first."""
        os.kill(self.process, signal.SIGKILL)
        self.abandoned = True

    def tell_its_end(self) -> None:
        """Hand its exit status to the stage."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        with self.stage, suppress(ConnectionError):
            self.stage.send(struct.pack("i", status if status >= 0 else 128 - status))


def _first_model() -> None:
    """Have pydantic import what it leaves until a model needs it."""
    from pydantic import create_model

    create_model("First", number=(int, 0))


def _become(server: int, request: tuple[list[str], str, dict[str, str | None]], descriptors: list[int]) -> str:
    """In a fork: take the place of a stage; return its module."""
    os.setsid()
    end_with(server)
    (module, *arguments), folder, of_the_stage = request
    os.chdir(folder)
    sys.path[0] = folder  # where `python -m` looks first
    for name, value in of_the_stage.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    for name in [name for name in sys.modules if name.partition(".")[0] == "friendfoe"]:
        del sys.modules[name]
    os.environ["FRIENDFOE_WARM"] = "0"  # it is what the stage was handed over to
    sys.argv, sys.orig_argv = ["-m", *arguments], [sys.executable, "-m", module, *arguments]
    return module


def _run(module: str) -> None:
    """Run a stage; end without tidying up all of torch, which would copy what is shared with the warm process."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not (end.code is None or isinstance(end.code, int)):
            raise
        atexit._run_exitfuncs()
        for stream in sys.stdout, sys.stderr:
            stream.flush()
        os._exit(end.code or 0)


if __name__ == "__main__":
    _run(_serve(int(sys.argv[1])))

"""Stages on the nodes of a Ray cluster, which share nothing with this machine but DVC's remote.

Here DVC is asked whether a stage is to be run, and nothing is computed: what a node has made comes from the remote. One
process, which stages talk to, is what Ray knows of this run: its threads must not be forked with every stage.
"""

import logging
import math
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from dvc.config import Config
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage, Stage
from dvc.stage.loader import StageLoader

from friendfoe.pipeline import node, on_node, points, side_by_side
from friendfoe.pipeline.one_stage import Entry, Interrupted, reproduce
from friendfoe.pipeline.side_by_side import in_one_line, speak
from friendfoe.pipeline.travel import Results, check_remote, save_run
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.parents import end_with

LOG = Path(".friendfoe/logs/cluster.log")
RETRIES = 3  # of a stage whose worker or node was lost
_SECONDS = 10.0  # for an address to answer
_CORES = 2  # for a stage, where nothing is said


@dataclass(frozen=True)
class Part:
    """What of the cluster a stage has.

    Attributes:
        jobs: stages at once.
        cpus: for each of them.
        gpus: for each of them; less than one where they share.
    """

    jobs: int
    cpus: int
    gpus: float

    @classmethod
    def of(cls, nodes: Sequence[Mapping[str, float]], jobs: int | None, gpus: int | None) -> "Part":
        """Divide a cluster.

        Args:
            nodes: "CPU" and "GPU" of each.
            jobs: stages at once; one for each GPU, or for two cores where there is none, if not given.
            gpus: that they share; all if not given.

        Raises:
            UserError: there are not so many GPUs, or no cores at all.
        """
        cores = [int(each.get("CPU", 0)) for each in nodes if each.get("CPU", 0) >= 1]
        cards = int(sum(each.get("GPU", 0) for each in nodes))
        if not cores:
            raise UserError("no node of the cluster has a core for stages; `ray start --num-cpus N` on one of them")
        if gpus is not None and gpus > cards:
            raise UserError(f"--gpus {gpus}: the cluster has {cards or 'none'}; ask for fewer")
        cards = cards if gpus is None else gpus
        jobs = jobs or cards or sum(max(1, each // _CORES) for each in cores)
        return cls(jobs, max(1, min(sum(cores) // jobs, *cores)), 1 / math.ceil(jobs / cards) if cards else 0)


class Cluster:
    """A way to make stages; of `connect`.

    Args:
        address: of the process that speaks with Ray.
        part: of each stage.
    """

    def __init__(self, address: str, part: Part) -> None:
        self._address, self.part = address, part

    def make(
        self,
        stage: Stage,
        upstream: Sequence[Stage],
        options: Mapping[str, Any],
        begins: Callable[[], None],
        is_interrupted: Callable[[], bool],
    ) -> tuple[str, Entry | None]:
        """As `side_by_side.make`, with the command on a node."""
        if not isinstance(stage, PipelineStage):  # an import of DVC's
            return side_by_side.make(stage, upstream, options, begins, is_interrupted)
        os.chdir(stage.repo.root_dir)
        speak()
        try:
            try:
                return reproduce(stage, upstream, begins, lambda: True, **options)
            except Interrupted:  # before the command, which is not for this machine
                pass
            if is_interrupted():
                raise Interrupted
            for each in upstream:  # they may have been made here, some time ago
                Results.of(each).push(stage.repo)
            for_node = {name: value for name, value in options.items() if name != "claims"}
            request = on_node.request(stage, upstream, for_node)
            found = self._ask(stage.repo.root_dir, request, begins, is_interrupted)
            print(found["log"], end="")
            if found["outcome"] == "failed":
                return "failed", None
            results = Results.of(stage, found["entry"])
            results.pull(stage.repo)
            StageLoader.fill_from_lock(stage, results.entry)
            save_run(stage)
        except (DvcException, OSError) as error:
            print(in_one_line(error))
            return "failed", None
        return found["outcome"], results.entry

    def _ask(
        self, root: str, request: dict[str, Any], begins: Callable[[], None], is_interrupted: Callable[[], bool]
    ) -> dict[str, Any]:
        with Client(self._address, family="AF_UNIX") as connection:
            connection.send((root, request))
            told = False
            while True:
                if connection.poll(0.2):
                    try:
                        said: dict[str, Any] | str = connection.recv()
                    except EOFError:
                        raise DvcException(f"the connection with the cluster has ended; {LOG} may say why") from None
                    if isinstance(said, dict):
                        if told and said["outcome"] == "failed":
                            raise Interrupted
                        return said
                    print(said, flush=True)
                    begins()
                if is_interrupted() and not told:
                    connection.send("end")
                    told = True


@contextmanager
def connect(
    address: str, jobs: int | None, gpus: int | None, copies: Mapping[Path, points.State] | None = None
) -> Iterator[Cluster]:
    """A Ray cluster that makes stages of this project, or of copies of it, while in the block.

    Args:
        address: as Ray's tools take it: HOST:PORT of its head, or "auto" on one of its nodes.
        jobs: stages at once.
        gpus: that they share; all if not given.
        copies: with the same remotes; this project alone if not given.

    Raises:
        UserError: Ray is not installed, or the address is not one of a cluster, or has not so many GPUs; there is no
            remote, or Git does not know a file that stages need.
    """
    if not find_spec("ray"):
        raise UserError(
            "Ray is not installed; in the folder of friendfoe, on the nodes, too: pip install -e '.[cluster]'"
        )
    _reach(address)
    projects = as_packed(copies or {Path(): points.state()})
    ours, childs = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        socket_path = str(Path(folder, "ray"))
        context = multiprocessing.get_context("fork")
        arguments = (os.getpid(), childs, socket_path, address, projects, jobs, gpus)
        process = context.Process(target=_serve, args=arguments)
        process.start()
        childs.close()
        try:
            said = ours.recv()
        except EOFError:
            raise UserError(f"--ray {address}: the connection failed; {LOG} says why") from None
        if isinstance(said, str):
            raise UserError(said)
        try:
            yield Cluster(socket_path, said)
        finally:
            process.terminate()
            process.join()


def _reach(address: str) -> None:
    """Ray would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if address == "auto":
        return
    if not (host and port.isdigit()):
        raise UserError(f"--ray {address}: must be HOST:PORT, such as 10.0.0.1:6379, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"--ray {address}: there is no answer ({error.strerror or error}); `ray start --head` starts a cluster, "
            "and says its address"
        ) from None


@dataclass(frozen=True)
class Packed:
    """Projects for the nodes, by the folder that each is in here, and a repository with the commits of all."""

    projects: dict[str, node.Project]
    repository: bytes


def as_packed(states: Mapping[Path, points.State]) -> Packed:
    """Projects as they are, by their folders, for the nodes.

    Raises:
        UserError: there is no remote, or none that can be used.
    """
    repo = Repo()
    try:
        check_remote(repo)
    except DvcException as error:
        raise UserError(
            f"a cluster needs a remote of DVC, through which results travel: {in_one_line(error)}"
        ) from None
    with tempfile.TemporaryDirectory() as folder:
        with Config(folder).edit("local") as config:
            config["core"] = {"remote": repo.config["core"]["remote"]}
            config["remote"] = {name: dict(each) for name, each in repo.config["remote"].items()}
            config["cache"] = {"dir": "../../cache"}
        remotes = Path(folder, "config.local").read_text()
    roots = {str(folder.resolve()): state for folder, state in states.items()}
    projects = {root: node.Project(Path(root).name, state.head, state.edits, remotes) for root, state in roots.items()}
    commits = {commit: root for root, state in roots.items() for commit in (state.head, state.edits) if commit}
    return Packed(projects, node.pack(commits))


def _serve(
    parent: int, told: Connection, path: str, address: str, packed: Packed, jobs: int | None, gpus: int | None
) -> None:
    """In a process of its own: have Ray run what connections ask for."""
    end_with(parent)
    os.setsid()  # signals of the terminal are for the stages
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("w") as log:
        for standard in (1, 2):
            os.dup2(log.fileno(), standard)
    import ray
    from ray import cloudpickle

    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        part = Part.of([each["Resources"] for each in nodes if each["Alive"]], jobs, gpus)
    except UserError as error:
        told.send(str(error))
        return
    except Exception as error:
        told.send(f"--ray {address}: {' '.join(str(error).split())}")
        return
    cloudpickle.register_pickle_by_value(node)  # type: ignore[no-untyped-call]
    run = ray.remote(node.run).options(
        num_cpus=part.cpus, num_gpus=part.gpus, max_retries=0, scheduling_strategy="SPREAD"
    )
    projects = {root: ray.put(project) for root, project in packed.projects.items()}
    repository = ray.put(packed.repository)
    with Listener(path, family="AF_UNIX", backlog=part.jobs) as listener:
        told.send(part)
        while True:
            connection = listener.accept()
            threading.Thread(target=_follow, args=(connection, run, projects, repository, part), daemon=True).start()


def _follow(connection: Connection, run: Any, projects: Mapping[str, Any], repository: Any, part: Part) -> None:
    """One stage, until it has ended or nobody waits for it."""
    import ray
    from ray.exceptions import RayError, RayTaskError, TaskCancelledError

    with connection, suppress(OSError):
        root, request = connection.recv()
        for attempt in range(RETRIES + 1):
            task = run.remote(projects[root], repository, request, part.cpus)
            connection.send(f"attempt {attempt + 1}: a task of Ray, with {part.cpus} cores and {part.gpus:g} GPUs")
            while not ray.wait([task], timeout=0.2)[0]:
                if connection.poll():
                    try:
                        ray.cancel(task, force=connection.recv() != "end")
                    except EOFError:  # it was killed
                        ray.cancel(task, force=True)
                        return
            try:
                found = ray.get(task)
                connection.send({**found, "log": f"{found['node']}: \n{found.get('log', '')}"})
                return
            except (TaskCancelledError, RayTaskError) as error:
                connection.send({"outcome": "failed", "log": f"{error}\n"})
                return
            except RayError as error:  # the worker or the node
                why = f"{type(error).__name__}: {' '.join(str(error).split())}"
                print(why, file=sys.stderr, flush=True)
        connection.send({"outcome": "failed", "log": f"lost {RETRIES + 1} times; the last time: {why}\n"})

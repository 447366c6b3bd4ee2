"""One launch: start its worker processes, serve them, watch them, and leave nothing behind."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zbench.errors import InvalidRun
from zbench.fabrics.base import Seat
from zbench.measure.channel import PROTOCOL, Channel, Message
from zbench.measure.plan import Group

WATCH_S = 0.25
"""How often a silent worker is looked at: two looks name a stopped one within a second."""
GOODBYE_S = 5.0
"""Time a worker gets to end by itself after its last message, before it is killed."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""In a world of several ranks the cores belong to the ranks."""


@dataclass
class Worker:
    rank: int
    process: subprocess.Popen[bytes]
    channel: Channel
    done: bool = False
    shared: str | None = None
    """What it has put up for the all-gather that is under way."""
    stopped_looks: int = 0
    doing: str = "starting"


@dataclass
class Crew:
    """The workers of one launch."""

    group: Group
    workers: list[Worker] = field(default_factory=list)

    def name(self, worker: Worker) -> str:
        rank = f"rank {worker.rank} of " if len(self.workers) > 1 else ""
        return f"{rank}{self.group.subject} (pid {worker.process.pid})"


def interpreter(group: Group) -> str:
    """The Python of the subject's virtual environment, or this one."""
    venvs = {subject.venv for subject in group.subjects if subject.venv}
    if len(venvs) > 1:
        raise InvalidRun(f"{group.subject}: one launch cannot live in two environments")
    return str(Path(venvs.pop()) / "bin" / "python") if venvs else sys.executable


@contextmanager
def crew(group: Group) -> Iterator[Crew]:
    """Start the workers of a group; on leaving, all of them are gone."""
    members = Crew(group)
    with ExitStack() as stack:
        seats = [Seat()]
        for subject in group.subjects:
            if subject.kind == "fabric":
                seats = stack.enter_context(subject.load().seats(group.ranks, subject.option))
        stack.callback(_end, members)
        with undisturbed():
            for rank, seat in enumerate(seats):
                members.workers.append(_start(group, rank, seat))
        yield members


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM take effect when the block ends: a worker must not be started and then forgotten.

    Only in the main thread, where Python delivers signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    handlers = {
        sign: signal.signal(sign, lambda number, frame: pending.append(number))
        for sign in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for sign, handler in handlers.items():
            signal.signal(sign, handler)
        for number in pending:
            signal.raise_signal(number)


def _start(group: Group, rank: int, seat: Seat) -> Worker:
    ours, theirs = socket.socketpair()
    environment = os.environ | (ONE_THREAD if group.ranks > 1 else {}) | seat.environment
    environment |= {"ZBENCH_CONTROL_FD": str(theirs.fileno()), "ZBENCH_PARENT": str(os.getpid())}
    try:
        process = _popen(group, seat, environment, theirs)
    except OSError as error:
        raise InvalidRun(f"{group.subject}: {interpreter(group)} cannot be started: {error}") from error
    theirs.close()
    return Worker(rank, process, Channel(ours))


def _popen(
    group: Group, seat: Seat, environment: dict[str, str], theirs: socket.socket
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*seat.prefix, interpreter(group), "-m", "zbench.worker"],
        env=environment,
        pass_fds=(theirs.fileno(), *seat.pass_fds),
        stdin=subprocess.DEVNULL,
        # The parent's standard output is the report's; a library that chatters goes to stderr.
        stdout=sys.stderr.fileno() if _has_fd(sys.stderr) else subprocess.DEVNULL,
        cwd="/",  # `-m` puts the working directory first on the path: a checkout would hide the package
        start_new_session=True,  # Ctrl-C is the parent's to handle
    )


def _has_fd(stream: Any) -> bool:
    try:
        stream.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    return True


def _end(members: Crew) -> None:
    for worker in members.workers:
        worker.channel.connection.close()
    for worker in members.workers:
        try:
            if not worker.done:
                worker.process.kill()
            worker.process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def serve(members: Crew, order: Message) -> Iterator[Message]:
    """Give every worker its order; yield what rank 0 reports until all are done.

    Raises InvalidRun, naming the rank, when a worker dies, is stopped or fails.
    """
    with selectors.DefaultSelector() as selector:
        for worker in members.workers:
            selector.register(worker.channel.connection, selectors.EVENT_READ, worker)
            _send(members, worker, order | {"rank": worker.rank, "protocol": PROTOCOL})
        while not all(worker.done for worker in members.workers):
            ready = selector.select(WATCH_S)
            if not ready:
                _look(members)
            for key, _ in ready:
                worker = key.data
                messages = worker.channel.available()
                if messages is None:
                    if not worker.done:
                        _name_the_dead(members, worker)
                    selector.unregister(key.fileobj)
                    continue
                for message in messages:
                    yield from _handle(members, worker, message)


def _handle(members: Crew, worker: Worker, message: Message) -> Iterator[Message]:
    kind = message["type"]
    if kind == "share":
        worker.shared = message["data"]
        if all(each.shared is not None for each in members.workers):
            answer = {"data": [each.shared for each in members.workers]}
            for each in members.workers:
                each.shared = None
                _send(members, each, answer)
    elif kind == "failed":
        raise InvalidRun(f"{members.name(worker)} failed during {worker.doing}: {message['why']}")
    elif kind == "done":
        worker.done = True
    else:
        if kind == "burst":
            worker.doing = message["key"]
        if worker.rank == 0:
            yield message


def _send(members: Crew, worker: Worker, message: Message) -> None:
    try:
        worker.channel.send(message)
    except OSError:
        _name_the_dead(members, worker)


def _look(members: Crew) -> None:
    """Name a worker that somebody stopped: it would never speak again."""
    for worker in members.workers:
        stopped = not worker.done and _state(worker.process.pid) in ("T", "t")
        worker.stopped_looks = worker.stopped_looks + 1 if stopped else 0
        if worker.stopped_looks > 1:
            raise InvalidRun(f"{members.name(worker)} was stopped (SIGSTOP) during {worker.doing}")


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _name_the_dead(members: Crew, worker: Worker) -> None:
    try:
        code = worker.process.wait(GOODBYE_S)
    except subprocess.TimeoutExpired:
        code = 0
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    raise InvalidRun(f"{members.name(worker)} {how} during {worker.doing}")

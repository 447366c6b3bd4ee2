"""One launch: start its worker processes, serve them, watch them, and leave nothing behind."""

from __future__ import annotations

import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zbench.errors import InvalidRun, Silent, explain
from zbench.fabrics.base import Seat
from zbench.limits import environment as inherited
from zbench.measure.channel import FD_VARIABLE, PROTOCOL, Channel, Message, spoken
from zbench.measure.endings import LOOK_AGAIN_S, exit_code, how
from zbench.measure.launcher import SAID, Launcher
from zbench.measure.plan import Group
from zbench.measure.processes import PROC, has_ended, process
from zbench.signals import STOPPING, undisturbed

WATCH_S = 0.25
"""How often a silent worker is looked at."""
STOPPED_S = 5.0
"""How long a worker may be stopped before it is given up: whoever attaches a debugger, freezes a container or
moves a virtual machine does so for a second or two, and nobody is wrong then."""
GONE_S, GONE_TOLD = 0.1, 3
"""A rank may fail because others have died, whose processes show that a moment later than their sockets."""
GOODBYE_S = 5.0
"""Time a worker gets to end by itself after its last message, before it is killed."""
PATIENCE_S = 600.0
"""The longest that no worker says anything. They speak before and after each burst; the longest bursts take
seconds, the import of a large framework from a cold network disk minutes. Beyond that a plug-in hangs."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""In a world of several ranks the cores belong to the ranks."""
APART: dict[str, Any] = {"start_new_session": True}
"""Ctrl-C is the parent's to handle."""
TOGETHER: dict[str, Any] = {"process_group": 0} if sys.version_info >= (3, 11) else APART
"""Likewise, but in the parent's session: Linux shares a CPU between sessions first (sched(7), autogroup), so
that a rank which yields its core would yield it to none of the other ranks. Measured with 8 ranks on 2 cores:
12 us instead of 8 ms for a barrier."""


@dataclass
class Worker:
    rank: int
    process: subprocess.Popen[bytes]
    """Itself, or the command that has started it."""
    channel: Channel
    launched: int = 0
    """Its own number, where a command has started it."""
    done: bool = False
    shared: str | None = None
    """What it has put up for the all-gather that is under way."""
    stopped_looks: int = 0
    doing: str = "starting"

    @property
    def pid(self) -> int:
        return self.launched or self.process.pid


@dataclass
class Crew:
    """The workers of one launch."""

    group: Group
    workers: list[Worker] = field(default_factory=list)
    launchers: list[Launcher] = field(default_factory=list)

    def name(self, worker: Worker) -> str:
        if self.group.together > 1:
            return f"{self.group.answering[worker.rank]} (pid {worker.pid})"
        rank = f"rank {worker.rank} of " if len(self.workers) > 1 else ""
        return f"{rank}{self.group.subject} (pid {worker.pid})"


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
        seats = [Seat()] * members.group.together
        for subject in group.subjects:
            if subject.kind == "fabric":
                seats = stack.enter_context(subject.load().seats(group.ranks, subject.option))
        stack.callback(_end, members)
        with undisturbed():
            for rank, seat in enumerate(seats):
                if seat.launches:
                    members.launchers.append(_launch(group, seat))
                else:
                    members.workers.append(_start(group, rank, seat))
        for launcher in members.launchers:
            for rank, pid, channel in launcher.calls(PATIENCE_S):
                members.workers.append(Worker(rank, launcher.process, channel, pid))
        members.workers.sort(key=lambda worker: worker.rank)
        yield members


def _start(group: Group, rank: int, seat: Seat) -> Worker:
    """Raises InvalidRun."""
    try:
        ours, theirs = socket.socketpair()
        with theirs:
            fd = theirs.fileno()
            process = subprocess.Popen(
                [*seat.prefix, *_command(group)],
                env=_environment(group, seat) | {FD_VARIABLE: str(fd)},
                pass_fds=(fd, *seat.pass_fds),
                **_streams(),
                **(TOGETHER if group.ranks > 1 else APART),
            )
    except OSError as error:
        who = f"rank {rank} of {group.subject}" if group.ranks > 1 else group.subject
        raise InvalidRun(f"{who}: {interpreter(group)} cannot be started: {explain(error)}") from error
    return Worker(rank, process, Channel(ours))


def _launch(group: Group, seat: Seat) -> Launcher:
    """Raises InvalidRun."""
    try:
        return Launcher(seat, _command(group), _environment(group, seat), **_streams(), **APART)
    except OSError as error:
        raise InvalidRun(f"{group.subject}: cannot be started: {explain(error)}") from error


def _command(group: Group) -> list[str]:
    return [interpreter(group), "-m", "zbench.worker"]


def _environment(group: Group, seat: Seat) -> dict[str, str]:
    threads = ONE_THREAD if group.ranks > 1 else {}
    return inherited() | threads | seat.environment | {"ZBENCH_PARENT": str(os.getpid())}


def _streams() -> dict[str, Any]:
    return {
        "stdin": subprocess.DEVNULL,
        # The parent's standard output is the report's; a library that chatters goes to stderr.
        "stdout": sys.stderr.fileno() if _has_fd(sys.stderr) else subprocess.DEVNULL,
        "cwd": "/",  # `-m` puts the working directory first on the path: a checkout would hide the package
    }


def _has_fd(stream: Any) -> bool:
    try:
        stream.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    return True


def _end(members: Crew) -> None:
    """End every worker, with whatever it has started that is still in its process group."""
    for worker in members.workers:
        worker.channel.connection.close()
    for launcher in members.launchers:
        done = [worker.done for worker in members.workers if worker.process is launcher.process]
        launcher.end(GOODBYE_S, len(done) == launcher.ranks and all(done))
    for worker in members.workers:
        if worker.launched:
            continue
        if worker.done:
            exit_code(worker.pid, GOODBYE_S)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)
        # A process that hangs in a driver or on a network disk cannot be waited for.
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(GOODBYE_S)


def serve(members: Crew, order: Message, patience_s: float = PATIENCE_S) -> Iterator[Message]:
    """Give every worker its order; yield what rank 0 reports until all are done, and of cards that are
    measured at the same time the records of each.

    Raises InvalidRun, naming the rank, when a worker dies, is stopped, fails or says nothing for too long.
    """
    with selectors.DefaultSelector() as selector:
        for worker in members.workers:
            selector.register(worker.channel.connection, selectors.EVENT_READ, worker)
            _send(members, worker, order | {"rank": worker.rank, "protocol": PROTOCOL})
        looks = 0
        while not all(worker.done for worker in members.workers):
            ready = selector.select(WATCH_S)
            # Looks, not a clock: time in which this process itself was stopped is nobody's silence.
            looks = 0 if ready else looks + 1
            if not ready:
                _look(members)
            if looks * WATCH_S > patience_s:
                _name_the_silent(members, patience_s)
            for key, _ in ready:
                worker = key.data
                for message in _heard(members, worker):
                    yield from _handle(members, worker, message)
                if worker.channel.ended:
                    if not worker.done:
                        _name_the_dead(members, worker)
                    selector.unregister(key.fileobj)


def _heard(members: Crew, worker: Worker) -> list[Message]:
    try:
        return [spoken(message) for message in worker.channel.available()]
    except ValueError as error:
        raise InvalidRun(f"{members.name(worker)} sent what is no message during {worker.doing}") from error


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
        gone = "".join(f"; {members.name(each)} has ended" for each in _gone(members, worker))
        raise InvalidRun(f"{members.name(worker)} failed during {worker.doing}: {message['why']}{gone}")
    elif kind == "done":
        worker.done = True
    else:
        if kind == "burst":
            worker.doing = message["key"]
        if worker.rank == 0 or (members.group.together > 1 and kind != "burst"):
            yield message


def _gone(members: Crew, teller: Worker) -> list[Worker]:
    """The others that have ended before they were done: likely why this one failed, and it need not know."""
    others = [each for each in members.workers if each is not teller and not each.done]
    deadline = time.monotonic() + GONE_S
    while not (gone := [each for each in others if has_ended(each.pid)]) and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_S)
    return gone[:GONE_TOLD]


def _send(members: Crew, worker: Worker, message: Message) -> None:
    try:
        worker.channel.send(message)
    except OSError:
        _name_the_dead(members, worker)


def _look(members: Crew) -> None:
    """Name a worker that somebody stopped, or that died while a child of its own keeps its channel open:
    it would never speak again."""
    for worker in members.workers:
        if worker.done:
            continue
        found = process(PROC / str(worker.pid))
        stopped = found is not None and found.state in ("T", "t")
        worker.stopped_looks = worker.stopped_looks + 1 if stopped else 0
        if worker.stopped_looks * WATCH_S > STOPPED_S:
            raise InvalidRun(f"{members.name(worker)} was stopped (SIGSTOP) during {worker.doing}")
        # In this order: what a worker said before it ended can be read once its end is seen.
        if exit_code(worker.process.pid) is not None and not _has_said_more(worker):
            _name_the_dead(members, worker)


def _has_said_more(worker: Worker) -> bool:
    return bool(select.select([worker.channel.connection], [], [], 0)[0])


def _name_the_silent(members: Crew, patience_s: float) -> None:
    """The first rank that the others wait for."""
    silent = [worker for worker in members.workers if not worker.done]
    worker = next((each for each in silent if each.shared is None), silent[0])
    raise Silent(
        f"{members.name(worker)} has said nothing for {patience_s:g} s during {worker.doing}: it hangs, or "
        "takes longer than anything should"
    )


def _name_the_dead(members: Crew, worker: Worker) -> None:
    code = exit_code(worker.process.pid, GOODBYE_S)
    if worker.launched or (code is not None and -code in STOPPING):
        time.sleep(WATCH_S)  # whoever stops the whole job is about to stop this process, too
    told = how(code)
    if worker.launched:
        (launcher,) = (each for each in members.launchers if each.process is worker.process)
        told = "ended" if code is None else f"ended ({launcher.name} {told}; {SAID})"
    raise InvalidRun(f"{members.name(worker)} {told} during {worker.doing}")

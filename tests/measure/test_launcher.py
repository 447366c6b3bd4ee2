"""Ranks that a command starts, as mpiexec does: they are found, named when they die, never left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zbench.case import Case
from zbench.errors import InvalidRun
from zbench.fabrics.base import Seat
from zbench.measure.launch import Crew, crew, serve
from zbench.measure.launcher import Launcher
from zbench.measure.plan import Group
from zbench.subject import Subject

PLUGINS = Path(__file__).parent / "plugins"
RANKS = 3
BARRIER = Case("barrier", "byte", (0,), {"ranks": RANKS})
LONG_NS = 10**9
"""Of a burst that must not be skipped on such a machine; its rounds are few."""
GONE_S = 20.0
"""Long for a machine that is busy with other things; it takes a few hundredths of a second."""

CALLER = Seat(prefix=("env",), launches=1, rank_variable="RANK")
"""Of a command that is itself its only rank."""
CALL = """
import os, socket, sys
call = socket.socket(socket.AF_UNIX)
call.connect(chr(0) + os.environ["ZBENCH_CONTROL_NAME"])
if sys.argv[1]:
    call.sendall(sys.argv[1].encode() + b"\\n")
call.shutdown(socket.SHUT_WR)
call.recv(1)
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The plug-in is found by this process and by its workers; what they leave has a place of its own."""
    monkeypatch.syspath_prepend(PLUGINS)
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def group(how: str | None = None) -> Group:
    return Group("fabric", (Subject("fabric", "launched.fabrics:ByCommand", how),), RANKS, (BARRIER,))


def order(group: Group, burst_ns: int, rounds_max: int = 10**6) -> dict[str, Any]:
    return {
        "type": "measure",
        "suite": group.suite,
        "subject": group.subject,
        "subjects": [vars(s) for s in group.subjects],
        "ranks": group.ranks,
        "role": "measure",
        "block": 0,
        "launch": 0,
        "seed": 1,
        "burst_ns": burst_ns,
        "rounds_max": rounds_max,
        "table": {},
        "cases": [msgspec.to_builtins(case) for case in group.cases],
    }


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pids: list[int]) -> bool:
    """Within a bounded time: the init of a container reaps orphans at its leisure."""
    deadline = time.monotonic() + GONE_S
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(alive, pids))


def endless() -> Iterator[tuple[Crew, Iterator[Any]]]:
    """A launch in the middle of a burst that takes far longer than the test."""
    with crew(group()) as members:
        messages = serve(members, order(group(), 10**11))
        for message in messages:
            if message["type"] == "burst":
                time.sleep(0.2)
                yield members, messages


def test_a_launch_reports_its_machine_and_its_records(tmp_path: Path) -> None:
    """As one of workers that zbench has started itself; every rank is asked as the one that it is."""
    with crew(group()) as members:
        messages = list(serve(members, order(group(), LONG_NS, rounds_max=20)))
        pids = [worker.pid for worker in members.workers]
    assert [message["type"] for message in messages] == ["hello", "burst", "record"]
    assert messages[2]["record"]["status"] == "ok"
    assert [worker.rank for worker in members.workers] == [0, 1, 2]
    assert members.workers[0].process.returncode == 0
    assert len(set(pids)) == RANKS
    assert gone(pids)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sign", "told"),
    [
        (signal.SIGKILL, r"ended \(python.* ended with exit code 137; what it said"),
        (signal.SIGSTOP, "was stopped"),
    ],
)
def test_a_rank_that_is_killed_or_stopped_is_named(sign: signal.Signals, told: str, tmp_path: Path) -> None:
    """Its number, its pid and what it did; the others, in sessions of their own, are ended."""
    pids: list[int] = []
    with pytest.raises(InvalidRun, match=rf"rank 2 of .*{told}.* during {BARRIER.key}") as caught:
        for members, messages in endless():
            pids = [worker.pid for worker in members.workers]
            os.kill(pids[2], sign)
            list(messages)
    assert f"pid {pids[2]}" in str(caught.value)
    assert gone(pids)
    assert list(tmp_path.iterdir()) == []


def test_ranks_end_although_nobody_looks_after_them_any_more() -> None:
    """The process between zbench and the command was killed: its ranks are known all the same."""
    with crew(group()) as members:
        pids = [worker.pid for worker in members.workers]
        for pid in pids:  # deaf to the end of their channel
            os.kill(pid, signal.SIGSTOP)
        os.kill(members.workers[0].process.pid, signal.SIGKILL)
    assert gone(pids)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("fails", "ended with exit code 7 before rank 0 had come"),
        ("twice", r"a process that is no rank of this world \(0\)"),
    ],
)
def test_a_command_that_does_not_start_its_ranks_is_told(how: str, told: str, tmp_path: Path) -> None:
    """With what it ended with; nothing is left."""
    with pytest.raises(InvalidRun, match=told), crew(group(how)):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("hello", "JSONDecodeError"),
        ("[]", "no object"),
        ('{"type": "done"}', "'rank'"),
        ('{"type": "rank", "rank": "0"}', "rank without rank"),
        ('{"type": "rank", "rank": 1}', r"no rank of this world \(1\)"),
        ('{"type": "rank", "rank": -1}', r"no rank of this world \(-1\)"),
        ("", r"no rank of this world \(-1\)"),
    ],
)
def test_a_caller_that_is_no_rank_is_told(said: str, told: str) -> None:
    """Whatever it says, or if it says nothing; the launch ends."""
    launcher = Launcher(CALLER, [sys.executable, "-c", CALL, said], dict(os.environ))
    try:
        with pytest.raises(InvalidRun, match=told):
            list(launcher.calls(GONE_S))
    finally:
        launcher.end(GONE_S, False)


def test_another_users_call_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket's name stands in /proc for everybody: who calls is asked of the kernel."""
    monkeypatch.setattr(os, "geteuid", lambda: 2**31 - 1)
    launcher = Launcher(CALLER, [sys.executable, "-c", CALL, '{"type": "rank", "rank": 0}'], dict(os.environ))
    try:
        with pytest.raises(InvalidRun, match="before rank 0 had come"):
            list(launcher.calls(GONE_S))
    finally:
        launcher.end(GONE_S, False)


def test_a_command_that_ends_too_early_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts fewer ranks than it was told to; those that came end when their parent is gone."""
    monkeypatch.setattr("zbench.measure.launch.PATIENCE_S", 1.0)
    with pytest.raises(InvalidRun, match=r"not yet rank \d had come"), crew(group("short")):
        pass

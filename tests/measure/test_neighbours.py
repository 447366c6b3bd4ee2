"""Two runs on one machine see each other: real processes, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zbench.measure.neighbours import NAME, measuring, neighbours, told

MEASURES = """
import sys
from zbench.measure.neighbours import measuring, neighbours
with measuring():
    print(neighbours(), flush=True)
    sys.stdin.readline()
print("over", flush=True)
sys.stdin.readline()
"""
"""A run that tells whom it sees, measures until it gets a line, and ends with the next."""
PATIENCE_S = 30
ZEROS = " ".join("0" * 40)
"""The other fields of a process, which nobody asks for."""


@contextmanager
def run() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that measures, and whom it saw."""
    command = [sys.executable, "-c", MEASURES]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, heard(process)
        finally:
            process.kill()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go on\n")
    process.stdin.flush()


def becomes(expected: bool, pid: int) -> bool:
    """Whether it is a neighbour, as soon as that is `expected`, or at the end of our patience."""
    end = time.monotonic() + PATIENCE_S
    while (pid in neighbours()) != expected and time.monotonic() < end:
        time.sleep(0.01)
    return pid in neighbours()


def test_a_run_is_seen_while_it_measures() -> None:
    """By its process id, until it has measured; it need not have ended."""
    with run() as (other, _):
        assert other.pid in neighbours()
        tell(other)
        assert heard(other) == "over\n"
        assert other.poll() is None
        assert other.pid not in neighbours()


def test_each_of_two_runs_sees_the_other() -> None:
    """The later one at its start, the earlier one at its next look; none sees itself."""
    with run() as (first, _), run() as (second, seen):
        assert first.pid in json.loads(seen)
        assert second.pid not in json.loads(seen)
        assert {first.pid, second.pid} <= set(neighbours())


def test_a_killed_run_is_forgotten() -> None:
    """Even before its parent has taken note of its death: a zombie measures nothing."""
    with run() as (other, _):
        other.kill()
        assert becomes(False, other.pid) is False
        assert Path(f"/proc/{other.pid}/comm").read_text().strip() == NAME  # still a zombie


def test_a_run_sees_neither_itself_nor_who_started_it() -> None:
    """`zbench run` inside a process that measures, such as a test, is no second run."""
    with measuring(), run() as (inner, seen):
        assert os.getpid() not in json.loads(seen)
        assert os.getpid() not in neighbours()
        assert inner.pid not in neighbours()


def test_the_name_is_given_back() -> None:
    """Whatever the process was called before."""
    comm = Path("/proc/self/comm")
    before = comm.read_text()
    with measuring():
        assert comm.read_text() == f"{NAME}\n"
    assert comm.read_text() == before


def stat(root: Path, pid: int, name: str, state: str = "S", parent: int = 1) -> None:
    place = root / str(pid)
    place.mkdir(parents=True)
    (place / "stat").write_text(f"{pid} ({name}) {state} {parent} {ZEROS}\n")


def test_children_between_fork_and_exec_are_no_runs_of_their_own(tmp_path: Path) -> None:
    """They still carry their parent's name; and a name may hold brackets and spaces."""
    stat(tmp_path, 20, NAME)
    stat(tmp_path, 21, NAME, parent=20)
    stat(tmp_path, 30, NAME, state="Z")
    stat(tmp_path, 40, f"a) Z 1 ({NAME}")
    (tmp_path / "50").mkdir()  # ended meanwhile
    (tmp_path / "self").symlink_to("21")
    assert neighbours(tmp_path) == []
    (tmp_path / "self").unlink()
    assert neighbours(tmp_path) == [20]


def test_what_is_told_fits_one_line() -> None:
    """Who, and what to do."""
    assert told([12]).startswith("another zbench run (pid 12) measures on this machine")
    assert told([12, 13]).startswith("2 other zbench runs (pids 12, 13) measure on this machine")
    assert "\n" not in told([12, 13])

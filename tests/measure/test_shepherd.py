"""What a command starts ends with it, and with whoever asked for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

TIMEOUT_S = 60
FAMILY = """
import os, subprocess, sys, time
# a child in a session of its own, whose own child has lost its parent
child = subprocess.Popen([sys.executable, "-c", '''
import os, subprocess, sys
orphan = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(orphan.pid, flush=True)
if sys.argv[1] == "stay": orphan.wait()
''', sys.argv[1]], start_new_session=True)
if sys.argv[1] == "go": child.wait()
print(child.pid, "end", flush=True)
if sys.argv[1] == "stay": time.sleep(600)
sys.exit(5)
"""


def start(scratch: Path, *command: str) -> tuple[subprocess.Popen[str], socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        shepherd = [sys.executable, "-m", "zbench.measure.shepherd", str(theirs.fileno()), str(scratch)]
        process = subprocess.Popen(
            [*shepherd, *command],
            pass_fds=(theirs.fileno(),),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    return process, ours


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    place = tmp_path / "scratch"
    place.mkdir()
    (place / "segment").write_text("left by a library")
    return place


def pids(process: subprocess.Popen[str]) -> list[int]:
    """Of the family, as soon as all of it has been born."""
    assert process.stdout is not None
    said: list[str] = []
    while "end" not in said:
        said += process.stdout.readline().split()
    return [int(word) for word in said if word != "end"]


def test_the_family_ends_with_the_command(scratch: Path) -> None:
    """Also who has changed session and parent; the exit code is the command's."""
    process, leash = start(scratch, sys.executable, "-c", FAMILY, "go")
    family = pids(process)
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 5
    assert all(map(gone, family))
    assert not scratch.exists()
    leash.close()


def test_the_family_ends_with_whoever_asked_for_it(scratch: Path) -> None:
    """However that ends: the socket says it."""
    process, leash = start(scratch, sys.executable, "-c", FAMILY, "stay")
    family = pids(process)
    assert not any(map(gone, family))
    leash.close()
    process.communicate(timeout=TIMEOUT_S)
    assert all(map(gone, family))
    assert not scratch.exists()


def test_a_signal_to_stop_is_not_its_own_to_heed(scratch: Path) -> None:
    """A batch system tells every process of a job; the command may do with it what it wants."""
    process, leash = start(scratch, "sh", "-c", "echo ready; sleep 600")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGTERM)
    time.sleep(0.1)
    assert process.poll() is None
    leash.close()
    process.communicate(timeout=TIMEOUT_S)
    assert not scratch.exists()


def test_a_command_that_a_signal_ends_is_told_as_a_shell_does(scratch: Path) -> None:
    """128 + its number."""
    process, leash = start(scratch, "sh", "-c", "kill -9 $$")
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 128 + signal.SIGKILL
    leash.close()


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its name, as a shell does."""
    process, leash = start(tmp_path / "none", "/no/such/mpiexec")
    _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 127
    assert said == "/no/such/mpiexec: No such file or directory\n"
    leash.close()

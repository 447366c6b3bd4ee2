"""Real runs that meet a bad day, and a look at what they leave behind."""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from zbench.records import store
from zbench.records.schema import Record, Run

SMALL = ("--profile", "smoke", "--launches", "1")
CARD = ("card", *SMALL, "--case", "gemm/fp32/256*threads=1")
FABRIC = ("fabric", *SMALL, "--case", "barrier*")
"""Where an exit code of 0 is asserted: on a machine that is busy with other things a card's clock and the
harness' may disagree, which is exit code 4, and rightly so."""
PLUGINS = Path(__file__).with_name("plugins")
TIMEOUT_S = 120
GONE_S = 10
"""Within this all that a run has started has ended; on an idle machine it takes a tenth of a second."""
MOMENTS = int(os.environ.get("ZBENCH_TEST_MOMENTS", "4"))
"""Random moments at which a run is hit; `tox -e soak` takes many more."""
MARK = "ZBENCH_TEST_MARK"

Process = subprocess.Popen[str]


def wait_for(what: Callable[[], Any], process: Process | None = None, seconds: float = 60) -> Any:
    """What `what` returns, once that is true; in vain where `process` has ended meanwhile."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        ended = process is not None and process.poll() is not None and not what()
        assert not ended, f"{process.args} ended with {process.returncode}: {process.communicate()}"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)
    return found


def children(parent: int) -> list[int]:
    """Live child processes; a zombie is not one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, ppid = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(ppid) == parent and state != "Z":
            found.append(int(stat.parent.name))
    return sorted(found)


def marked(mark: str) -> list[int]:
    """Every process that has inherited this mark, whoever its parent is by now."""
    needle = f"{MARK}={mark}\0".encode()
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if needle in environ.read_bytes():
                found.append(int(environ.parent.name))
        except OSError:
            continue
    return found


@dataclass
class Place:
    """A working directory of its own, with its own home and place for temporary files."""

    path: Path
    environment: dict[str, str]
    mark: str
    started: list[Process] = field(default_factory=list)
    killed: bool = False
    """zbench itself, by SIGKILL: the file that it was writing stays until the next writer replaces it."""

    @property
    def out(self) -> Path:
        return self.path / "out"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "zbench.cli", *arguments]

    def start(self, *command: str, **options: Any) -> Process:
        """A command in the background; `environment` is added, None takes a variable away."""
        added = options.pop("environment", {})
        environment = {k: v for k, v in (self.environment | added).items() if v is not None}
        options = {
            "cwd": self.path,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        } | options
        process = subprocess.Popen(command, env=environment, **options)
        self.started.append(process)
        return process

    def run(
        self, *arguments: str, before: Sequence[str] = (), **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """`zbench ARGUMENTS`, to its end; `before` is a command that starts it (prlimit, unshare)."""
        process = self.start(*before, *self.command(*arguments), **options)
        out, err = process.communicate(timeout=TIMEOUT_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def records(self) -> int:
        """How many whole records there are so far."""
        path = self.out / store.RECORDS_FILE
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def load(self) -> tuple[Run, list[Record]]:
        return store.load(self.out)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Where a run has its bad day. Afterwards no process of it lives, and no half-written file is there."""
    path, mark = tmp_path / "place", secrets.token_hex(8)
    for directory in (path, path / "tmp", path / "home"):
        directory.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ZBENCH_", "XDG_", "PYTEST_", "MPL"))}
    environment = kept | {
        MARK: mark,
        "HOME": str(path / "home"),
        "TMPDIR": str(path / "tmp"),
        "PYTHONPATH": str(PLUGINS),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    found = Place(path, environment, mark)
    yield found
    for process in found.started:
        process.kill()
        process.communicate()
    wait_for(lambda: not marked(mark), seconds=GONE_S)
    assert found.killed or list(path.rglob("*.part")) == []


@pytest.fixture
def ordinary() -> tuple[str, ...]:
    """The command that takes from root what no ordinary user has: no permission stops root."""
    return ordinary_user()


def ordinary_user() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    drop = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")
    if shutil.which("setpriv") is None or subprocess.run([*drop, "true"], capture_output=True).returncode:
        pytest.skip("setpriv does not work here: what an ordinary user meets was not tested")
    return drop


@pytest.fixture
def mounting() -> tuple[str, ...]:
    """The command that gives a process a mount namespace of its own."""
    own = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--mount")
    probe = [*own, "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"]
    if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here: what happens on a small file system was not tested")
    return own


def one_line(stderr: str) -> str:
    """The error: all else that was said is progress."""
    said = [line for line in stderr.splitlines() if not line.startswith(("zbench: warning:", *PROGRESS))]
    assert len(said) == 1, stderr
    return said[0]


PROGRESS = tuple(f"zbench: {digit}" for digit in range(10))


def moments(seed: int, within_s: float, count: int = MOMENTS) -> list[float]:
    """Seeded random moments, one in each equal part of a run."""
    rng = random.Random(seed)
    return [(i + rng.random()) / count * within_s for i in range(count)]


@pytest.fixture(scope="session")
def run_s(tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long a small run of cards and a fabric takes here."""
    command = [sys.executable, "-m", "zbench.cli", "run", *MIXED, "--out", "out"]
    began = time.monotonic()
    ended = subprocess.run(command, cwd=tmp_path_factory.mktemp("timed"), capture_output=True, text=True)
    assert ended.returncode in (0, 4), ended.stderr  # 4: disturbed, which takes as long
    return time.monotonic() - began


MIXED = ("card", "fabric", *SMALL, "--case", "gemm/fp32/256*threads=1", "--case", "barrier*")


def readable(directory: Path) -> str:
    """The state of a run whose files are all whole; "" where the run had not begun."""
    if not (directory / store.RUN_FILE).exists():
        return ""
    json.loads((directory / store.RUN_FILE).read_text())
    return store.load(directory)[0].state

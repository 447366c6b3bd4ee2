"""Two runs at once on one machine: each notices, says so at once, and keeps it in its record."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 120
ENDLESS = ["run", "card", "--profile", "smoke", "--launches", "500", "--case", "gemm/fp32/256*threads=1"]


def start(place: Path) -> subprocess.Popen[str]:
    """A run that would take many minutes; its standard error goes to a file."""
    place.mkdir()
    with (place / "stderr").open("w") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "zbench.cli", *ENDLESS, "--out", str(place / "run")],
            cwd=place,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            text=True,
        )


def until(done: Callable[[], bool]) -> None:
    """Wait for it, or for the end of our patience."""
    end = time.monotonic() + PATIENCE_S
    while not done() and time.monotonic() < end:
        time.sleep(0.05)


def disturbed(place: Path) -> list[str]:
    """What its record says of neighbours."""
    try:
        told = json.loads((place / "run/run.json").read_text())
    except (OSError, json.JSONDecodeError):
        return []
    return list(told.get("disturbed", []))


def test_two_runs_at_once_each_notice_and_say_so(tmp_path: Path) -> None:
    """The later one at its start, the earlier one before its next launch; once, by the other's pid.

    A third run, by whoever shares this machine, may be named beside it.
    """
    places = tmp_path / "one", tmp_path / "two"
    runs = []
    try:
        for place in places:
            runs.append(start(place))
            until((place / "run/records.jsonl").exists)
        pids = [str(run.pid) for run in reversed(runs)]
        until(lambda: all(pid in str(disturbed(place)) for pid, place in zip(pids, places, strict=True)))
    finally:
        for run in runs:
            run.send_signal(signal.SIGINT)
        for run in runs:
            run.wait(PATIENCE_S)
    for place, run, other in zip(places, runs, reversed(runs), strict=True):
        warnings = [line for line in (place / "stderr").read_text().splitlines() if "zbench run" in line]
        for told in (" ".join(disturbed(place)), " ".join(warnings)):
            named = re.findall(r"\d+", told)
            assert named.count(str(other.pid)) == 1, told
            assert str(run.pid) not in named
        assert run.returncode == 130

"""Signals that ask a run to stop: it ends its workers, closes its record and says so."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bad_days.conftest import (
    FABRIC,
    MIXED,
    MOMENTS,
    Place,
    children,
    moments,
    one_line,
    readable,
    wait_for,
)

LONG = ("fabric", "--profile", "smoke", "--launches", "200", "--out", "out")
STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def long_run(place: Place) -> "subprocess.Popen[str]":
    """A run of many blocks in a session of its own, with its first record on the disk."""
    process = place.start(*place.command("run", *LONG), start_new_session=True)
    wait_for(lambda: place.records(), process)
    return process


@pytest.mark.parametrize("sign", STOPS, ids=lambda sign: sign.name)
def test_a_run_that_is_told_to_stop_is_partial(
    sign: signal.Signals, long_run: "subprocess.Popen[str]", place: Place
) -> None:
    """Exit 128 + its number: 130, 143, 129; the line names the directory."""
    long_run.send_signal(sign)
    _, stderr = long_run.communicate(timeout=60)
    assert long_run.returncode == 128 + sign
    assert one_line(stderr).startswith("zbench: interrupted in out")
    run, records = place.load()
    assert run.state == "partial"
    assert records


def test_the_whole_process_group_is_told_to_stop(long_run: "subprocess.Popen[str]", place: Place) -> None:
    """As `kill -TERM -GROUP` and `timeout` do it."""
    os.killpg(long_run.pid, signal.SIGTERM)
    long_run.communicate(timeout=60)
    assert long_run.returncode == 143
    assert place.load()[0].state == "partial"


def test_a_batch_system_tells_every_process(long_run: "subprocess.Popen[str]", place: Place) -> None:
    """As a job's end does it: the workers hear it, too, and first. It is still a stop and no dead rank."""
    workers = wait_for(lambda: children(long_run.pid))
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
    time.sleep(0.05)
    long_run.send_signal(signal.SIGTERM)
    long_run.communicate(timeout=60)
    assert long_run.returncode == 143
    assert place.load()[0].state == "partial"


def test_pressed_twice_it_still_ends_in_order(long_run: "subprocess.Popen[str]", place: Place) -> None:
    """A second Ctrl-C and a hundredth while it ends change nothing."""
    while long_run.poll() is None:
        long_run.send_signal(signal.SIGINT)
        time.sleep(0.0005)
    _, stderr = long_run.communicate(timeout=60)
    assert long_run.returncode == 130
    assert "interrupted in out" in one_line(stderr)
    assert place.load()[0].state == "partial"


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_at_any_moment_it_is_one_line(moment: int, place: Place, run_s: float) -> None:
    """While modules are loaded, while workers start, during a burst, while charts are drawn."""
    process = place.start(*place.command("run", *MIXED, "--out", "out"))
    wait_for(lambda: listens(process))
    time.sleep(moments(3, run_s)[moment])
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    state = readable(place.out)
    if process.returncode != 130 and state == "complete":
        return
    assert process.returncode == 130, stderr
    assert "interrupted" in one_line(stderr)
    assert state in ("", "partial", "complete")
    assert stdout == "" or state == "complete"


def test_inside_a_string_of_code_it_is_the_same_exit_code() -> None:
    """Python would end by the signal itself, because dataclasses are made by `exec`."""
    code = (
        "import signal, sys; from zbench import cli;"
        "cli._main = lambda arguments: exec('signal.raise_signal(signal.SIGINT)', {'signal': signal});"
        "sys.exit(cli.main([]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "zbench: interrupted\n")


def test_what_was_measured_before_the_page_was_interrupted_is_drawn_later(place: Place) -> None:
    """The measurement is complete; only the drawing is cut short."""
    process = place.start(*place.command("run", *FABRIC, "--out", "out"))
    wait_for(lambda: readable(place.out) == "complete", process)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in one_line(stderr)
    assert place.load()[0].state == "complete"
    assert place.run("report", "out").returncode == 0


def test_nohup_is_respected(place: Place) -> None:
    """A signal that is ignored from outside stays ignored."""
    process = place.start("nohup", *place.command("run", *FABRIC, "--out", "out"))
    wait_for(lambda: children(process.pid), process)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert place.load()[0].state == "complete"


def listens(process: "subprocess.Popen[str]") -> bool:
    """Whether it has handlers by now; before, Python itself answers, with a traceback."""
    if process.poll() is not None:
        return True
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)

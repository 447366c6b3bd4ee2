"""Clocks that jump, and time in which a process did not run."""

import os
import signal
import subprocess
import time

import pytest

from tests.bad_days.conftest import FABRIC, Place, children, wait_for


def test_a_clock_of_another_time_does_not_matter(place: Place) -> None:
    """The monotonic clock of a machine that was started days later: only differences count."""
    own = ("unshare", "--time", "--monotonic", "500000", "--fork", "--kill-child")
    own = own if os.geteuid() == 0 else (own[0], "--map-root-user", *own[1:])
    if subprocess.run([*own, "true"], capture_output=True).returncode:
        pytest.skip("no time namespace can be made here: another monotonic clock was not tested")
    result = place.run("run", *FABRIC, "--out", "out", before=own)
    assert result.returncode == 0, result.stderr
    run, records = place.load()
    assert run.state == "complete"
    assert all(0 < sum(r.samples_ns) < 60e9 for r in records)


def test_a_run_that_was_suspended_goes_on(place: Place) -> None:
    """Ctrl-Z and `fg`, or a batch system that pauses a job: nobody is called silent or dead for it."""
    process = place.start(*place.command("run", *FABRIC, "--out", "out"))
    wait_for(lambda: children(process.pid), process)
    process.send_signal(signal.SIGSTOP)
    time.sleep(2)
    process.send_signal(signal.SIGCONT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert place.load()[0].state == "complete"

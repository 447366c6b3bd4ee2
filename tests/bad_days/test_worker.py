"""A worker that is killed, stopped or crashes while a run goes on."""

import contextlib
import os
import random
import signal
import subprocess
import time

import pytest

from tests.bad_days.conftest import MIXED, MOMENTS, Place, children, one_line, readable, wait_for

TOLD = {
    signal.SIGKILL: "was killed by SIGKILL",
    signal.SIGSEGV: "was killed by SIGSEGV",
    signal.SIGSTOP: "was stopped (SIGSTOP)",
}


@pytest.mark.parametrize("sign", TOLD, ids=lambda sign: sign.name)
@pytest.mark.parametrize("seed", range(max(1, MOMENTS // 3)))
def test_a_worker_that_is_hit_at_any_moment_is_named(sign: signal.Signals, seed: int, place: Place) -> None:
    """Exit 4, its number stands in the line, the others are ended, the run is invalid and readable."""
    rng = random.Random(f"{sign}/{seed}")
    process = place.start(*place.command("run", *MIXED, "--launches", "100", "--out", "out"))
    time.sleep(rng.random())
    hit: list[int] = []
    while process.poll() is None:  # one that had just told its last record is not missed: take the next
        found = wait_for(lambda: children(process.pid) or process.poll() is not None, process)
        if found is True:
            break
        time.sleep(rng.random() / 2)
        victim = rng.choice(found)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, sign)
            hit.append(victim)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(12)
    told = one_line(process.communicate()[1])
    assert process.returncode == 4
    assert TOLD[sign] in told
    assert f"(pid {hit[-1]})" in told
    assert readable(place.out) == "invalid"

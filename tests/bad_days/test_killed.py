"""`kill -9` of zbench itself."""

import os
import random
import signal
import subprocess
import time
from functools import partial

import pytest

from tests.bad_days.conftest import (
    CARD,
    FABRIC,
    GONE_S,
    MIXED,
    MOMENTS,
    Place,
    children,
    marked,
    moments,
    readable,
    wait_for,
)


def kill(place: Place, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    place.killed = True
    wait_for(lambda: not marked(place.mark), seconds=GONE_S)


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_at_any_moment_nothing_is_left_and_every_record_is_read(
    moment: int, place: Place, run_s: float
) -> None:
    """Workers are gone within seconds; run.json is whole, and does not say that the run was complete."""
    process = place.start(*place.command("run", *MIXED, "--out", "out"))
    time.sleep(moments(9, run_s)[moment])
    ended = process.poll()
    kill(place, process.pid) if ended is None else None
    state = readable(place.out)
    assert state in ("", "running", "complete")
    assert ended is None or state == "complete"


def test_while_a_worker_starts(place: Place) -> None:
    """The worker has not yet asked to die with its parent."""
    process = place.start(*place.command("run", *MIXED, "--out", "out"))
    wait_for(lambda: children(process.pid), process)
    kill(place, process.pid)
    assert readable(place.out) == "running"


def test_while_a_worker_hangs(place: Place) -> None:
    """One that would never look at its channel again."""
    arguments = ("run", *CARD, "--card", "bad.cards:Does:hang", "--out", "out")
    with (place.path / "said").open("w") as said:
        process = place.start(*place.command(*arguments), stderr=said)
    wait_for(lambda: "gemm" in (place.path / "said").read_text(), process)
    kill(place, process.pid)
    assert readable(place.out) == "running"


def test_between_two_launches(place: Place) -> None:
    """No worker lives, none is on its way."""
    process = place.start(*place.command("run", *MIXED, "--out", "out"))
    wait_for(lambda: children(process.pid), process)
    wait_for(lambda: not children(process.pid), process)
    kill(place, process.pid)
    assert readable(place.out) == "running"


def went_on(place: Place, process: "subprocess.Popen[str]", records: int) -> bool:
    return process.poll() is not None or place.records() > records


@pytest.mark.parametrize("seed", range(1, 1 + max(1, MOMENTS // 3)))
def test_a_killed_run_is_resumed_to_the_whole(seed: int, place: Place) -> None:
    """Killed a little after each of the next records, and resumed: in the end every planned block stands
    there exactly once, with its figures."""
    rng = random.Random(seed)
    process = place.start(
        *place.command("run", *FABRIC, "--case", "pingpong/byte/8/*", "--launches", "2", "--out", "out")
    )
    kills = 0
    while kills < 2:
        wait_for(partial(went_on, place, process, place.records()))
        time.sleep(rng.random() / 2)
        if process.poll() is not None:
            break
        kill(place, process.pid)
        kills += 1
        assert readable(place.out) in ("running", "complete")
        process = place.start(*place.command("run", "--resume", "out"))
    stderr = process.communicate()[1]
    assert kills
    # What was killed while its page was drawn was complete, and is not resumed.
    assert process.returncode == 0 or "this run is complete" in stderr, stderr
    place.killed = process.returncode != 0
    run, records = place.load()
    assert run.state == "complete"
    answers = [(r.block, r.key, r.role) for r in records]
    assert len(answers) == len(set(answers))
    anchored = {key for _, key, role in answers if role == "anchor"}
    assert len(anchored) == 1
    for asked in {key for _, key, _ in answers}:
        # A block that was cut in two between a case and its A/A twin pairs nothing, and is measured anew.
        wanted = {"measure", "anchor"} if asked in anchored else {"measure"}
        blocks = [
            {role for b, key, role in answers if (b, key) == (block, asked)}
            for block in {b for b, _, _ in answers}
        ]
        assert sum(wanted <= found for found in blocks) == 2
    assert all(r.status == "ok" and r.samples_ns for r in records)
    assert len(run.sittings) >= 2

"""All pairs of real ranks, from the command line to the page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zbench.case import Case
from zbench.errors import Unsupported
from zbench.fabrics.base import World
from zbench.fabrics.shm import FD_VARIABLE, Shm
from zbench.judge.observations import speaks_of
from zbench.judge.summary import summarise
from zbench.measure.pairs import PairsBench
from zbench.records import store

PLUGINS = Path(__file__).with_name("plugins")


def run(folder: Path, *words: str) -> tuple[int, str]:
    """The exit code and the screen of `zbench run fabric`."""
    command = [sys.executable, "-m", "zbench.cli", "run", "fabric", *words, "--out", str(folder / "run")]
    done = subprocess.run(
        command,
        cwd=folder,  # not the checkout, which has no C module
        env=os.environ | {"PYTHONPATH": str(PLUGINS)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Three ranks: in each matching one rests; and what a message adds to others under way."""
    folder = tmp_path_factory.mktemp("few")
    cases = ("--case", "pairs*", "--case", "pipelined/byte/8/*")
    code, told = run(folder, "--ranks", "3", *cases, "--profile", "full", "--launches", "1")
    assert code in (0, 3), told
    return folder / "run", told


def test_every_pair_is_measured_and_verified(few: tuple[Path, str]) -> None:
    """Latency once for both, bandwidth each way; one execution of each matching is looked at."""
    _, records = store.load(few[0])
    by_workload = {r.case.workload: r for r in records if r.role == "measure"}
    for name, count, matchings in [("pairs_latency", 3, 3), ("pairs_bandwidth", 6, 6)]:
        record = by_workload[name]
        assert record.pairs is not None
        assert record.verification is not None
        assert len({tuple(sorted(pair)) for pair in record.pairs.pairs}) == 3
        assert len(record.pairs.pairs) == count
        assert min(record.pairs.median_ns) > 0
        assert (record.status, record.verification.checked) == ("ok", matchings)
        assert record.verification.of == len(record.samples_ns) * record.batch * matchings
        assert record.slowest_rank == []


def test_a_pipelined_latency_is_measured_apart_and_never_called_latency(few: tuple[Path, str]) -> None:
    """A window of 64 messages one way and an acknowledgement, over the messages; what arrived is compared."""
    _, records = store.load(few[0])
    (summary,) = summarise(r for r in records if r.case.workload == "pipelined" and r.role == "measure")
    (record, *_) = (r for r in records if r.case.workload == "pipelined" and r.role == "measure")
    assert (summary.metric, summary.unit, summary.verified) == ("pipelined_latency", "s", True)
    assert summary.median_ns == pytest.approx(np.median(record.samples_ns) / record.batch / 64)
    assert summary.percentiles == {}
    assert speaks_of(summary, "pipelined_latency")
    assert not speaks_of(summary, "latency")


def test_the_screen_the_page_and_the_document_tell_of_pairs(few: tuple[Path, str]) -> None:
    """And that three pairs are too few to tell which is slow."""
    assert "Pairs of ranks" in few[1]
    assert "tell no outlier" in few[1]
    page = (few[0] / "report.html").read_text()
    assert "Which pair of ranks is slow?" in page
    shown = subprocess.run(
        [sys.executable, "-m", "zbench.cli", "report", str(few[0]), "--format", "json"],
        cwd=few[0],
        capture_output=True,
        text=True,
        check=False,
    )
    told = {each["key"]: each for each in json.loads(shown.stdout)["pairs"]}
    assert len(told["pairs_latency/byte/8/ranks=3"]["pairs"]) == 3


def test_a_slow_rank_and_a_slow_pair_are_named(tmp_path: Path) -> None:
    """A plug-in delays them; no other pair is named."""
    case = ("--case", "pairs_latency*", "--profile", "full", "--launches", "3")
    code, told = run(tmp_path, "--fabric", "uneven.fabrics:Uneven", "--ranks", "6", *case)
    told = " ".join(told.split())
    assert code in (0, 3), told
    assert "SLOW rank 0:" in told
    assert "SLOW ranks 3 and 4:" in told or "SLOW ranks 4 and 3:" in told
    assert told.count("SLOW") == 2


def test_a_fabric_without_groups_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line; two ranks are one pair, which the ping-pong measures."""
    with Shm.seats(1) as seats:
        monkeypatch.setenv(FD_VARIABLE, seats[0].environment[FD_VARIABLE])
        fabric = Shm(World(0, 1, lambda mine: [mine]))
        with pytest.raises(Unsupported, match="from 3 ranks on"):
            PairsBench(fabric, Case("pairs_latency", "byte", (8,), {"ranks": 2}), [1, 2])
        monkeypatch.setattr(Shm, "groups", False)
        with pytest.raises(Unsupported, match="this fabric takes no groups, so no pairs side by side"):
            PairsBench(fabric, Case("pairs_latency", "byte", (8,), {"ranks": 3}), [1, 2])
        fabric.close()

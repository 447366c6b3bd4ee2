"""All pairs of real ranks, from the command line to the page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.measure.simulated import Simulated, Took, bursts
from zbench.case import Case
from zbench.errors import Unsupported
from zbench.fabrics.base import World
from zbench.fabrics.shm import FD_VARIABLE, Shm
from zbench.judge.observations import speaks_of
from zbench.judge.pairs import PairMap, pair_maps
from zbench.judge.summary import summarise
from zbench.measure.pairs import PairsBench
from zbench.records import store
from zbench.records.schema import Record


def run(folder: Path, *words: str) -> tuple[int, str]:
    """The exit code and the screen of `zbench run fabric`."""
    command = [sys.executable, "-m", "zbench.cli", "run", "fabric", *words, "--out", str(folder / "run")]
    done = subprocess.run(
        command,
        cwd=folder,  # not the checkout, which has no C module
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
    assert "that it takes to tell an outlier" in " ".join(few[1].split())
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


def judged(name: str, took: Took, launches: int = 3) -> PairMap:
    """What six ranks whose rounds take so long are found to be, launch by launch as a run does."""
    case, records = Case(name, "byte", (8,), {"ranks": 6}), []
    for launch in range(launches):
        each = bursts(case, took, seed=100 * launch)
        assert all(fields["pairs"] == each[0]["pairs"] for fields in each)
        assert each[0]["verification"]["passed"], each[0]["why"]
        place = {"block": launch, "launch": launch, "order": 0, "ranks": 6, "subject": "simulated"}
        record = {"suite": "fabric", "key": case.key, "case": msgspec.to_builtins(case)} | place | each[0]
        records.append(msgspec.convert(record, Record))
    (found,) = pair_maps(records)
    return found


def named(found: PairMap) -> list[tuple[str, tuple[int, ...]]]:
    return sorted((each.kind, each.ranks) for each in found.suspects)


def test_a_slow_rank_and_a_slow_pair_are_named() -> None:
    """Both at once, and nothing else; each pair has the time that it took."""
    slow = judged("pairs_latency", lambda a, b: 4000 if {a, b} == {3, 4} or 0 in (a, b) else 2000)
    assert named(slow) == [("pair", (3, 4)), ("rank", (0,))]
    assert {round(link.ns, -2) for link in slow.links} == {1000, 2000}
    assert slow.unknown == ()


def test_a_slow_sender_is_no_slow_receiver() -> None:
    """There and back are rounds of their own."""
    assert named(judged("pairs_bandwidth", lambda a, b: 9e5 if a == 2 else 6e5)) == [("sender", (2,))]
    assert named(judged("pairs_bandwidth", lambda a, b: 9e5 if b == 2 else 6e5)) == [("receiver", (2,))]


def test_equal_pairs_raise_no_alarm() -> None:
    """In either case."""
    for name in ("pairs_latency", "pairs_bandwidth"):
        assert named(judged(name, lambda a, b: 5e5)) == []


def test_a_message_of_another_rank_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """One matching of five, in which nothing arrives: what stands there is of the one before."""

    def lost(self: Simulated, plan: Any, slot: int) -> None:
        if set(plan[2]) != {1, 4}:
            execute(self, plan, slot)

    execute = Simulated.execute
    monkeypatch.setattr(Simulated, "execute", lost)
    found = bursts(Case("pairs_latency", "byte", (8,), {"ranks": 6}), lambda a, b: 2000, 1)
    assert {each["status"] for each in found} == {"wrong"}
    assert "with 1 and 4: out: " in found[0]["why"] or "with 4 and 1: out: " in found[0]["why"]


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

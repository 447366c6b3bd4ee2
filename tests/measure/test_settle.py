"""Load before the first burst, by a clock that is made up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zbench.measure.settle import WINDOW_NS, settle, settled

COMMAND = [sys.executable, "-m", "zbench.cli", "run", "card", "--card", "warming.card:Warming"]
CARD = '''
import os
from zbench.cards.cpu import Cpu

class Warming(Cpu):
    """Writes down what it is asked."""

    settling = True

    def note(self, what):
        with open(os.environ["WARMING_LOG"], "a") as log:
            log.write(f"{os.getpid()} {what}\\n")

    def prepare(self, case, slots):
        self.note("prepare")
        return super().prepare(case, slots)

    def probe(self, case):
        self.note("probe")
        return super().probe(case)

    def run_rounds(self, plan, rounds, batch=1):
        self.note("rounds")
        return super().run_rounds(plan, rounds, batch)
'''


def others_go_on(windows: int) -> Callable[[bytes], list[bytes]]:
    """`share` with a second card that needs so many windows."""
    left = iter([True] * windows)
    return lambda data: [data, repr(float(next(left, False))).encode()]


class Card:
    """Slows down by `slower` with each window's worth of work, until it has done `windows` of them."""

    def __init__(self, slower: float, windows: int) -> None:
        self.slower, self.windows, self.now_ns = slower, windows, 0

    def run(self, rounds: int, batch: int) -> None:
        passed = min(self.windows, self.now_ns // WINDOW_NS)
        self.now_ns += int(rounds * batch * 1_000_000 * (1 + self.slower * passed))

    def clock(self) -> int:
        return self.now_ns


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([], False),
        ([100.0, 100.0], False),
        ([100.0, 100.0, 100.0], True),
        ([100.0, 101.0, 102.0], True),
        ([100.0, 101.0, 103.0], False),
        ([150.0, 100.0, 100.0, 100.0], True),
        ([100.0, 100.0, 100.0, 90.0], False),
    ],
)
def test_three_windows_that_agree_have_settled(rates: list[float], expected: bool) -> None:
    """Within 2 %, the last ones."""
    assert settled(rates) == expected


def test_load_ends_when_the_rate_holds() -> None:
    """A card that loses 10 % in each of four windows needs those and three more."""
    card = Card(slower=0.1, windows=4)
    rates = settle(card, 60_000_000_000, card.clock)  # type: ignore[arg-type]
    assert len(rates) in (6, 7, 8)
    assert (np.diff(rates[:4]) < 0).all()
    assert rates[-1] == pytest.approx(1e3 / 1.4, rel=0.01)


def test_load_ends_when_the_time_is_up() -> None:
    """However restless the card."""
    card = Card(slower=0.1, windows=1000)
    rates = settle(card, 10 * WINDOW_NS, card.clock)  # type: ignore[arg-type]
    assert not settled(rates)
    assert card.now_ns < 13 * WINDOW_NS


def test_a_card_settles_once_in_each_launch(tmp_path: Path) -> None:
    """Before the first burst's pilot; the harness drives it, a card only says that it needs it."""
    (tmp_path / "warming").mkdir()
    (tmp_path / "warming" / "card.py").write_text(CARD)
    log = tmp_path / "log"
    subprocess.run(
        [*COMMAND, "--profile", "smoke", "--case", "gemm/fp32/256x256x256*", "--out", "run"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "WARMING_LOG": str(log)},
        cwd=tmp_path,
        capture_output=True,
    )
    launches: dict[str, list[str]] = {}
    for line in log.read_text().splitlines():
        process, what = line.split()
        launches.setdefault(process, []).append(what)
    records = [json.loads(line) for line in (tmp_path / "run" / "records.jsonl").read_text().splitlines()]
    assert len(launches) == len({record["launch"] for record in records}) > 0
    for asked in launches.values():
        bursts = " ".join(asked).split("prepare")[1:]
        before_the_probe = [burst.split("probe")[0].count("rounds") for burst in bursts]
        assert before_the_probe[0] >= 7  # two, three windows, and the pilot's two
        assert set(before_the_probe[1:]) <= {1, 2}


def test_cards_that_are_measured_together_settle_together() -> None:
    """One that holds at once stays under load until its sibling does, too."""
    card = Card(0.0, 0)
    by_itself = settle(card, 60 * 10**9, card.clock)  # type: ignore[arg-type]
    card = Card(0.0, 0)
    beside = settle(card, 60 * 10**9, card.clock, others_go_on(9))  # type: ignore[arg-type]
    assert (len(by_itself) < 9, len(beside)) == (True, 9)

"""Zeros against random data: a finding with its interval, and nowhere a rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zbench.assess import assess
from zbench.case import Case
from zbench.judge.claims import load_claims
from zbench.judge.history import collect
from zbench.judge.power import gains
from zbench.judge.ratios import ratios
from zbench.judge.summary import summarise

RANDOM = Case("gemm", "bf16", (1000, 1000, 1000), {"threads": 1})
ZEROS = Case("gemm", "bf16", (1000, 1000, 1000), {"threads": 1, "data": "zeros"})
MS = 1e6


def both(make: Any, subject: str = "cpu") -> list[Any]:
    noise = (1.0, 1.01, 0.99, 1.005, 0.995)
    return [
        *make.launches(RANDOM, [1.15 * MS * n for n in noise], subject),
        *make.launches(ZEROS, [1.00 * MS * n for n in noise], subject),
    ]


def test_the_gain_is_paired_in_blocks(make: Any) -> None:
    """Blocks that were slow were slow for both."""
    (gain,) = gains(both(make))
    assert (gain.key, gain.subject, gain.blocks) == (RANDOM.key, "cpu", 5)
    assert gain.median == pytest.approx(1.15)
    assert gain.interval is not None
    assert gain.interval[0] == pytest.approx(1.15, rel=1e-3)


def test_zeros_stand_nowhere_among_rates(make: Any) -> None:
    """No summary, so no table, chart, ratio, verdict or history that is made of summaries."""
    records = both(make) + both(make, "numpy")
    assert {summary.key for summary in summarise(records)} == {RANDOM.key}
    assert {ratio.key for ratio in ratios(records, ["cpu", "numpy"])} == {RANDOM.key}
    history = collect([make.kept("a", records)])
    assert {series.key for series in history.series} == {RANDOM.key}
    assert history.left_out == {}


def test_a_claim_about_everything_does_not_speak_of_zeros(make: Any) -> None:
    """Judged with zeros and without, the verdicts are the same; only the finding is added."""
    kept, claims = make.kept("a", both(make)), load_claims("zhenwu-10k")
    plain = [record for record in kept.records if record.case.is_result]
    with_zeros = assess(Path("a"), kept.run, kept.records, claims)
    without = assess(Path("a"), kept.run, plain, claims)
    assert with_zeros.verdicts == without.verdicts
    assert with_zeros.summaries == without.summaries
    assert (len(with_zeros.gains), len(without.gains)) == (1, 0)


def test_wrong_zeros_are_wrong_answers(make: Any) -> None:
    """A product of zeros that is none ends the run with exit code 4 like any other."""
    records = both(make)
    records[-1] = make.record(ZEROS, 4, [1000] * 3, verification=make.WRONG)
    assert [summary.bad for summary in summarise(records) if summary.key == ZEROS.key] == [True]
    assert gains(records) == []


def test_zeros_alone_are_no_finding(make: Any) -> None:
    """There is nothing to hold them against."""
    assert gains(make.launches(ZEROS, [MS] * 5)) == []

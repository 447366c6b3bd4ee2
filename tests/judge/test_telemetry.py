"""Power, clock, temperature and work per energy of a case, from what its launches recorded."""

import msgspec
import pytest

from zbench.judge.claims import parse_claims
from zbench.judge.facts import RunFacts
from zbench.judge.scaling import scaling
from zbench.judge.summary import summarise
from zbench.judge.telemetry import ENERGY_ERROR_MAX
from zbench.judge.verdicts import Verdict, judge
from zbench.records.schema import Record, Sample, Telemetry

S = 1_000_000_000


def told(energy_j: float | None = 4.0, **fields: object) -> Telemetry:
    """Three rounds of 1 ms of 2e9 operations took 4 J: 1.5 GFLOP/J."""
    return Telemetry(
        method="made up",
        rate_hz=10.0,
        readings=2,
        window_ns=3_000_000,
        energy_j=energy_j,
        energy_from="" if energy_j is None else "counter",
        **fields,  # type: ignore[arg-type]
    )


def launches(make, watched: list[Telemetry | None]) -> list[Record]:
    """One of each telemetry."""
    records = make.launches(make.GEMM, [1_000_000] * len(watched))
    return [
        msgspec.structs.replace(record, telemetry=telemetry)
        for record, telemetry in zip(records, watched, strict=True)
    ]


def verdict(records: list[Record], value: str = "1 GFLOP/J") -> Verdict:
    """Of a claim file of one claim, as somebody would write it."""
    claims = parse_claims(
        'version = 1\n[[claim]]\nid = "x"\ntext = "x"\nsettles = "x"\nmetric = "energy_efficiency"\n'
        f'case = "gemm/*"\noperator = ">="\nvalue = "{value}"\n'
        'source = { publisher = "x", date = 2026-01-01 }\n',
        "test.toml",
    )
    summaries = summarise(records)
    facts = RunFacts(subjects=("cpu",), profile="quick")
    return judge(claims, summaries, [], scaling(summaries), facts)[0]


def test_work_per_energy_is_that_of_each_launch(make) -> None:
    """All operations of the timed rounds over the energy of exactly these; derived, never stored."""
    (summary,) = summarise(launches(make, [told(4.0), told(6.0)]))
    assert summary.watched is not None
    assert summary.watched.flop_per_j == pytest.approx((1.5e9, 1e9))
    assert summary.watched.power_w == pytest.approx(5 / 0.003)


def test_figures_are_medians_of_launches_and_the_hottest_moment(make) -> None:
    """Of each launch the mean of its samples; heat is a limit, so its highest."""
    cool = told(None, samples=[Sample(at_ns=1, clock_hz=2e9, power_w=300), Sample(at_ns=2, clock_hz=1e9)])
    hot = told(None, samples=[Sample(at_ns=1, clock_hz=1e9, power_w=500, temperature_c=91)])
    (summary,) = summarise(launches(make, [cool, hot]))
    assert summary.watched is not None
    figures = summary.watched.clock_hz, summary.watched.power_w, summary.watched.temperature_c
    assert figures == (1.25e9, 400, 91)
    assert (summary.watched.flop_per_j, summary.watched.why) == ((), "the meter tells no energy")


def test_a_throttled_launch_is_flagged_and_counts_like_any_other(make) -> None:
    """Its time is in the median, its reasons beside it."""
    watched = [told(), told(throttle={"too hot": 2}), told(throttle={"power": 1, "too hot": 1})]
    (summary,) = summarise(launches(make, watched))
    assert (summary.status, summary.launches) == ("ok", 3)
    assert summary.watched is not None
    assert (summary.watched.throttle, summary.watched.throttled) == (("too hot", "power"), 2)


def test_a_launch_without_telemetry_leaves_the_case_without(make) -> None:
    """Of an older record, say: half of the launches are not the case."""
    (summary,) = summarise(launches(make, [told(), None]))
    assert summary.watched is None


def test_energy_that_is_told_in_coarse_steps_gives_no_figure(make) -> None:
    """Half a second on a counter that advances every 0.1 s has told of twice the power."""
    coarse = told(energy_error=2 * ENERGY_ERROR_MAX)
    (summary,) = summarise(launches(make, [coarse] * 5))
    assert summary.watched is not None
    assert summary.watched.flop_per_j == ()
    assert summary.watched.why.startswith("the energy of 0.003 s may be off by 20 %")


def test_a_claim_of_energy_efficiency_is_judged(make) -> None:
    """Five launches near 1.5 GFLOP/J hold a claim of 1 and fail one of 2."""
    records = launches(make, [told(4.0 + 0.01 * i) for i in range(5)])
    met, missed = verdict(records), verdict(records, value="2 GFLOP/J")
    assert (met.verdict, missed.verdict) == ("MET", "NOT MET")
    assert met.measured == pytest.approx(6e9 / 4.02)
    assert met.evidence == "MEASURED"


def test_without_energy_the_claim_cannot_be_tested_and_says_why(make) -> None:
    """No further launch would tell it: not UNDECIDED."""
    found = verdict(launches(make, [told(None)] * 5))
    assert found.verdict == "NOT TESTABLE"
    assert "the meter tells no energy" in found.why


def test_without_a_meter_nothing_tells_the_metric(make) -> None:
    """As of any metric that no case measured."""
    found = verdict(launches(make, [None] * 5))
    assert (found.verdict, found.why) == ("NOT RUN", "no case gemm/* that was run tells a energy_efficiency")

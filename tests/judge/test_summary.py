"""Records of one case and subject become one figure, or an honest absence of one."""

from __future__ import annotations

import msgspec
import pytest

from zbench.case import Case
from zbench.errors import UsageError
from zbench.judge.summary import summarise

MS = 1_000_000


def test_a_time_is_per_operation_and_a_rate_follows_the_work_model(make):
    """Rounds of 4 executions: 8 ms a round is 2 ms a product, and 2e9 operations in 2 ms are 1 TFLOP/s."""
    (summary,) = summarise(make.launches(make.GEMM, [8 * MS] * 5, batch=4))
    assert (summary.median_ns, summary.value, summary.unit) == (2 * MS, 1e12, "FLOP/s")
    assert summary.interval_ns == pytest.approx((2 * MS, 2 * MS))
    assert (summary.launches, summary.batch, summary.method) == (5, 4, "t")


def test_the_latency_of_a_pair_is_half_the_round_trip(make):
    """A ping-pong execution counts two one-way trips."""
    (summary,) = summarise(make.launches(make.PINGPONG, [2000] * 5, subject="shm"))
    assert (summary.median_ns, summary.value, summary.unit) == (1000.0, 1e-6, "s")


def test_the_value_interval_runs_upwards_also_for_a_rate(make):
    """The slow end of the time is the low end of the rate."""
    (summary,) = summarise(make.launches(make.GEMM, [1.00 * MS, 1.01 * MS, 1.02 * MS, 1.03 * MS, 1.04 * MS]))
    low, high = summary.value_interval
    assert low < summary.value < high
    assert low == pytest.approx(2e18 / summary.interval_ns[1])


def test_launches_are_told_apart_by_the_median_of_each(make):
    """A spike inside a launch moves no launch median; blocks are kept for pairing."""
    records = [make.record(make.GEMM, block, [MS, MS, 50 * MS]) for block in (3, 1, 4)]
    (summary,) = summarise(records)
    assert summary.launch_medians_ns == (MS, MS, MS)
    assert summary.launch_blocks == (3, 1, 4)
    assert summary.launch_means_ns == pytest.approx([52 * MS / 3] * 3)


def test_subjects_and_variants_are_kept_apart(make):
    """The key is one; who answered, and how, are three groups."""
    records = [
        *make.launches(make.GEMM, [MS] * 2, variant={"isa": "avx2"}),
        *make.launches(make.GEMM, [MS] * 2, variant={"isa": "portable"}),
        *make.launches(make.GEMM, [MS] * 2, subject="numpy"),
    ]
    found = [(s.subject, s.variant) for s in summarise(records)]
    assert found == [("cpu", {"isa": "avx2"}), ("cpu", {"isa": "portable"}), ("numpy", {})]


def test_the_second_launch_for_the_noise_floor_is_no_result(make):
    """Anchor launches do not count among the launches of the case."""
    records = make.launches(make.GEMM, [MS] * 5)
    records += make.launches(make.GEMM, [9 * MS] * 5, role="anchor")
    (summary,) = summarise(records)
    assert (summary.launches, summary.median_ns) == (5, MS)


def test_a_wrong_answer_in_the_second_launch_counts(make):
    """The twin that gives the noise floor runs the same case: what it got wrong, the subject got wrong."""
    records = make.launches(make.GEMM, [MS] * 5)
    records.append(make.record(make.GEMM, 4, [MS], role="anchor", status="wrong", why="row 3 is wrong"))
    (summary,) = summarise(records)
    assert (summary.status, summary.median_ns, summary.why) == ("wrong", None, "row 3 is wrong")


def test_what_is_too_fast_to_be_true_has_no_figures(make):
    """Verified or not: at 500 times its peak a card shows an old answer; 105 % may be a slowed probe."""
    probes = [make.probe(2e12 / 1.05)] * 4
    (summary,) = summarise(make.launches(make.GEMM, [MS] * 4, probes=probes))
    assert (summary.status, summary.fraction_of_peak) == ("ok", pytest.approx(1.05))
    probes = [make.probe(4e9)] * 4
    (summary,) = summarise(make.launches(make.GEMM, [MS] * 4, probes=probes))
    assert (summary.status, summary.median_ns, summary.value) == ("invalid", None, None)
    assert summary.why == "500 times the peak measured beside it: it cannot have computed"


def test_overlapping_operations_have_no_share_of_a_floor(make):
    """A window of messages is faster than one at a time: 464 % of a floor would say nothing."""
    case = Case("message_rate", "byte", (8,), {"ranks": 2})
    probe = make.probe(100, unit="ns")
    (summary,) = summarise(make.launches(case, [1000] * 5, "shm", probes=[probe] * 5))
    assert (summary.probe, summary.fraction_of_peak) == (100, None)


@pytest.mark.parametrize(
    ("fields", "status", "verified"),
    [
        ({"status": "wrong", "why": "row 3 is wrong"}, "wrong", False),
        ({"status": "invalid", "why": "row 3 is wrong"}, "invalid", True),
        ({"status": "ok", "verification": "WRONG"}, "wrong", False),
    ],
)
def test_one_bad_launch_takes_all_figures_away(make, fields, status, verified):
    """Four good launches do not outvote a wrong answer: no time, no rate, and the reason."""
    if "verification" in fields:
        fields = fields | {"verification": make.WRONG}
    records = [*make.launches(make.GEMM, [MS] * 4), make.record(make.GEMM, 4, [MS], **fields)]
    (summary,) = summarise(records)
    assert (summary.status, summary.verified, summary.why) == (status, verified, "row 3 is wrong")
    assert (summary.median_ns, summary.interval_ns, summary.value, summary.value_interval) == (None,) * 4
    assert (summary.launch_medians_ns, summary.percentiles, summary.fraction_of_peak) == ((), {}, None)


def test_a_burst_without_samples_is_invalid(make):
    """It says "ok" and holds nothing: that is not a result."""
    (summary,) = summarise([make.record(make.GEMM, 0, [])])
    assert (summary.status, summary.why) == ("invalid", "no samples were taken")


def test_a_skip_is_shown_and_is_no_pass(make):
    """A case that was not run has no figure and is not verified."""
    (summary,) = summarise([make.record(make.GEMM, 0, [], status="skipped", why="no AVX", verification=None)])
    assert (summary.status, summary.value, summary.verified, summary.why) == ("skipped", None, None, "no AVX")
    assert summary.launches == 0


def test_verified_means_every_launch(make):
    """One launch that nobody checked leaves the question open."""
    records = make.launches(make.GEMM, [MS] * 2)
    assert summarise(records)[0].verified is True
    unchecked = [msgspec.structs.replace(records[0], verification=None), records[1]]
    assert summarise(unchecked)[0].verified is None


def test_the_share_of_peak_is_of_the_adjacent_probe(make):
    """A clock that drops by half takes rate and roof with it; each launch is held against its own."""
    probes = [make.probe(4e12), make.probe(2e12), make.probe(4e12)]
    (summary,) = summarise(make.launches(make.GEMM, [MS, 2 * MS, MS], probes=probes))
    assert summary.fraction_of_peak == 0.5
    assert (summary.probe, summary.probe_unit) == (4e12, "FLOP/s")


def test_the_share_of_a_floor_is_floor_over_time(make):
    """A round trip of 100 ns over a cache-line floor of 25 ns: half of it is 50, so the share is a half."""
    probes = [make.probe(25.0, unit="ns")] * 2
    (summary,) = summarise(make.launches(make.PINGPONG, [100, 100], subject="shm", probes=probes))
    assert summary.fraction_of_peak == 0.5


def test_a_time_has_a_share_of_peak_through_its_work_model(make):
    """A training step is reported in seconds; its operations give it a share of the FLOP/s roof."""
    case = make.step(2)
    flops = 6 * 512 * 1024 * 1024
    (summary,) = summarise(
        make.launches(case, [flops, flops], subject="cpu+shm", probes=[make.probe(4e9)] * 2)
    )
    assert (summary.unit, summary.fraction_of_peak) == ("s", 0.25)


def test_a_probe_of_another_kind_gives_no_share(make):
    """A message rate cannot be divided by a FLOP/s roof."""
    case = Case("message_rate", "byte", (8,), {"ranks": 2})
    (summary,) = summarise(make.launches(case, [100, 100], subject="shm", probes=[make.probe(4e9)] * 2))
    assert summary.fraction_of_peak is None


def test_modes_that_the_probe_explains_are_divided_out(make):
    """Half the launches ran at half the clock: the interval is narrow again and says how."""
    probes = [make.probe(4e12 / slow) for slow in (1, 2, 1, 2, 1)]
    times = [1.00 * MS, 2.01 * MS, 1.01 * MS, 1.99 * MS, 1.00 * MS]
    (summary,) = summarise(make.launches(make.GEMM, times, probes=probes))
    assert (summary.method, summary.modes) == ("t, normalised by the probe", (0, 1, 0, 1, 0))
    assert summary.interval_ns[1] < 1.03 * MS


def test_a_floor_explains_modes_the_other_way_round(make):
    """Cores far apart: cache line and round trip both take twice as long."""
    probes = [make.probe(25.0 * far, unit="ns") for far in (1, 2, 1, 2, 1)]
    records = make.launches(make.PINGPONG, [200, 402, 202, 398, 200], "shm", probes=probes)
    (summary,) = summarise(records)
    assert (summary.method, summary.median_ns) == ("t, normalised by the probe", 100.0)


def test_modes_that_nothing_explains_leave_a_range(make):
    """No t over a mixture: from the fastest launch to the slowest, with the confidence that has."""
    (summary,) = summarise(make.launches(make.GEMM, [MS, 2 * MS, MS, 2 * MS, MS]))
    assert (summary.method, summary.interval_ns, summary.confidence) == ("range", (MS, 2 * MS), 0.9375)


def test_a_restless_probe_flags_the_case_and_drops_nothing(make):
    """11 % between before and after: the flag is up, the figures are there."""
    quiet = make.launches(make.GEMM, [MS] * 2, probes=[make.probe(1e12, 1.09e12)] * 2)
    loud = make.launches(make.GEMM, [MS] * 2, probes=[make.probe(1e12), make.probe(1e12, 1.12e12)])
    assert [s.noisy for s in (*summarise(quiet), *summarise(loud))] == [False, True]
    assert summarise(loud)[0].value == 2e12


def test_percentiles_are_given_only_where_the_samples_carry_them(make):
    """500 single round trips bound p50 and p99; p99.9 would need 4603 and is not there."""
    samples = [2 * i for i in range(1, 501)]
    (summary,) = summarise([make.record(make.PINGPONG, 0, samples, "shm")])
    assert sorted(summary.percentiles) == ["p50", "p95", "p99"]
    assert summary.percentiles["p50"] == 277.0  # P(Binomial(500, 1/2) < 277) is the first above 99 %
    assert summary.percentiles["p99"] == 500.0


def test_a_percentile_is_that_of_the_worst_launch(make):
    """Five calm launches do not dilute a sixth; one too short to bound p99 takes it away."""
    calm, rough = [2000] * 500, [2000] * 480 + [40_000] * 20
    records = [make.record(make.PINGPONG, b, r, "shm") for b, r in enumerate([calm] * 5 + [rough])]
    (summary,) = summarise(records)
    assert (summary.percentile_floors["p99"], summary.percentiles["p99"]) == (1000.0, 20_000.0)
    (summary,) = summarise([*records, make.record(make.PINGPONG, 6, calm[:100], "shm")])
    assert sorted(summary.percentiles) == ["p50", "p95"]


@pytest.mark.parametrize(("workload", "batch"), [("pingpong", 2), ("message_rate", 1)])
def test_no_percentile_of_operations_that_were_not_timed_alone(make, workload, batch):
    """A batch, or a window of messages, hides its single operations."""
    case = Case(workload, "byte", (8,), {"ranks": 2})
    (summary,) = summarise([make.record(case, 0, [100] * 5000, "shm", batch=batch)])
    assert summary.percentiles == {}


def test_parts_are_medians_per_execution(make):
    """The parts of a step, as told by its rounds."""
    parts = {"compute": [70, 70, 90], "communication": [30, 30, 10]}
    (summary,) = summarise([make.record(make.step(2), 0, [100, 100, 100], "cpu+shm", parts_ns=parts)])
    assert summary.parts_ns == {"compute": 70.0, "communication": 30.0}


def test_the_smallest_error_is_that_of_the_least_sensitive_check(make):
    """What all launches together can promise."""
    blunt = msgspec.structs.replace(make.RIGHT, smallest_error=2.0)
    records = [*make.launches(make.GEMM, [MS]), make.record(make.GEMM, 1, [MS], verification=blunt)]
    assert summarise(records)[0].smallest_error == 2.0


def test_one_launch_has_a_figure_and_no_interval(make):
    """Smoke runs and single launches are shown, not decided on."""
    (summary,) = summarise(make.launches(make.GEMM, [MS]))
    assert (summary.median_ns, summary.interval_ns, summary.method) == (MS, None, "one launch")


def test_an_unknown_workload_is_told(make):
    """A record of a newer version does not end in a traceback."""
    record = make.record(make.GEMM, 0, [MS])
    strange = msgspec.structs.replace(record, case=Case("gem", "fp32", (1, 1, 1)))
    with pytest.raises(UsageError, match=r"'gem' \(did you mean 'gemm'\?\)"):
        summarise([strange])

"""Claims against figures: what may be decided, and what must not."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from zbench.case import Case
from zbench.judge.claims import load_claims, parse_claims
from zbench.judge.compare import compare_runs
from zbench.judge.facts import HOST_CONDITIONS, RunFacts
from zbench.judge.ratios import ratios
from zbench.judge.reasons import distance
from zbench.judge.scaling import Projection, Scaling, scaling
from zbench.judge.summary import summarise
from zbench.judge.verdicts import decide, judge
from zbench.records.schema import PairTimes
from zbench.workloads import workload

MS = 1_000_000
NOISE = np.array([1.000, 1.002, 0.999, 1.001, 0.998])
HERE = RunFacts(ranks=2, conditions=HOST_CONDITIONS | {"load": "idle", "layer": "zbench"})


def claim(**fields):
    """A claim file of one claim, as somebody would write it."""
    given = {"metric": "rate", "case": "gemm/*", "operator": ">=", "value": "1 TFLOP/s"} | fields
    lines = [f"{key} = {value if isinstance(value, int) else _toml(value)}" for key, value in given.items()]
    return parse_claims(
        'version = 1\n[[claim]]\nid = "x"\ntext = "x"\nsettles = "what settles it"\n'
        'source = { publisher = "x", date = 2026-01-01 }\n' + "\n".join(lines),
        "test.toml",
    )


def _toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def verdict(claims, records, facts=HERE, subjects=("cpu", "cpu:generic"), extra=()):
    """The whole way from records to one verdict."""
    summaries = summarise(records)
    compared = [*ratios(records, subjects), *extra]
    (found,) = judge(claims, summaries, compared, scaling(summaries), facts)
    return found


@pytest.mark.parametrize(
    ("operator", "bounds", "expected"),
    [
        ("<=", (1.0, 1.9), "MET"),
        ("<=", (2.1, 3.0), "NOT MET"),
        ("<=", (1.9, 2.1), "UNDECIDED"),
        ("<=", (1.0, 2.0), "UNDECIDED"),
        (">=", (2.1, 3.0), "MET"),
        (">=", (1.0, 1.9), "NOT MET"),
        (">=", (2.0, 3.0), "UNDECIDED"),
        ("<", (1.0, 1.9), "MET"),
        ("<", (2.1, 3.0), "NOT MET"),
        (">", (2.1, 3.0), "MET"),
        (">", (1.0, 1.9), "NOT MET"),
        (">", None, "UNDECIDED"),
    ],
)
def test_only_what_lies_outside_the_interval_is_decided(operator, bounds, expected):
    """A limit of 2 against every position of the interval."""
    assert decide(operator, 2.0, bounds) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("1.9 TFLOP/s", "MET"), ("2.1 TFLOP/s", "NOT MET"), ("2 TFLOP/s", "UNDECIDED")]
)
def test_a_rate_is_held_against_its_claim(make, value, expected):
    """2e9 operations in 1 ms, within 0.2 %: 2 TFLOP/s."""
    found = verdict(claim(value=value), make.launches(make.GEMM, NOISE * MS))
    assert (found.verdict, found.evidence, found.subject) == (expected, "MEASURED", "cpu")
    assert found.measured == pytest.approx(2e12, rel=0.01)
    assert (found.claimed, found.unit) == (float(value.split()[0]) * 1e12, "FLOP/s")
    assert found.measured_interval[0] < found.measured < found.measured_interval[1]


@pytest.mark.parametrize("launches", [1, 2, 4])
def test_few_launches_decide_nothing(make, launches):
    """However far the claim is."""
    found = verdict(claim(value="1 kFLOP/s"), make.launches(make.GEMM, [MS] * launches))
    assert (found.verdict, found.missing) == ("UNDECIDED", "5 launches")


def test_an_undecided_claim_says_how_many_launches_it_takes(make):
    """Three times the interval's reach must shrink to the distance: nine times the launches."""
    found = verdict(claim(value="2.002 TFLOP/s"), make.launches(make.GEMM, NOISE * MS))
    assert found.verdict == "UNDECIDED"
    assert found.missing.startswith("about ")
    assert found.undecided_keys == (make.GEMM.key,)


def test_after_the_extension_nothing_asks_for_more_launches(make):
    """One extension is allowed; ten launches are the end."""
    found = verdict(claim(value="2 TFLOP/s"), make.launches(make.GEMM, [*NOISE * MS, *NOISE * MS]))
    assert (found.verdict, found.undecided_keys) == ("UNDECIDED", ())


def test_few_launches_in_modes_decide_nothing_and_ask_for_more(make):
    """The range of five launches holds their median with 94 % confidence, not with 97 %; that of ten does."""
    times = np.array([1.0, 1.001, 1.3, 1.301, 1.302]) * MS
    limit = claim(value="1 TFLOP/s")
    found = verdict(limit, make.launches(make.GEMM, times))
    assert (found.verdict, found.missing) == ("UNDECIDED", "about 10 launches in all, 5 more")
    assert found.undecided_keys == (make.GEMM.key,)
    assert "5 of them bound their median with 94 % confidence only" in found.why
    assert verdict(limit, make.launches(make.GEMM, [*times, *times])).verdict == "MET"


def test_a_limit_must_hold_in_every_case(make):
    """One case that certainly fails breaks it; all must meet it."""
    good = make.launches(make.GEMM, NOISE * MS)
    bad = make.launches(make.gemm(500), NOISE * MS)
    assert verdict(claim(), good).verdict == "MET"
    found = verdict(claim(), good + bad)
    assert (found.verdict, found.why) == ("NOT MET", "holds in 1, fails in 1 of 2 cases gemm/*")
    near = make.launches(make.gemm(794), NOISE * MS)  # 1.001 TFLOP/s: the claim lies in its interval
    assert verdict(claim(), good + near).verdict == "UNDECIDED"


def test_a_failure_among_many_cases_must_stand_out(make):
    """0.6 % below the limit fails alone; as one of fifty it may be chance."""
    just = make.launches(make.gemm(1000), NOISE * 1.006 * MS)
    limit = claim(value="2 TFLOP/s")
    assert verdict(limit, just).verdict == "NOT MET"
    crowd = [r for n in range(1100, 1150) for r in make.launches(make.gemm(n), NOISE * MS)]
    assert verdict(limit, crowd).verdict == "MET"
    assert verdict(limit, crowd + just).verdict == "UNDECIDED"


def test_a_rate_in_modes_is_judged_beside_its_probe(make):
    """Two launches at half the clock: the claim is held against the rate at the median probe."""
    probes = [make.probe(4e12 / slow) for slow in (1, 2, 1, 2, 1)]
    times = NOISE * [1, 2, 1, 2, 1] * MS
    found = verdict(claim(value="1.9 TFLOP/s"), make.launches(make.GEMM, times, probes=probes))
    assert (found.verdict, found.measured) == ("MET", pytest.approx(2e12, rel=0.01))
    assert found.why.endswith("interval by t, normalised by the probe")
    unexplained = verdict(claim(value="1.9 TFLOP/s"), make.launches(make.GEMM, times))
    assert (unexplained.verdict, unexplained.why.endswith("interval by range")) == ("UNDECIDED", True)


def test_the_glob_selects(make):
    """Cases beside it do not matter."""
    records = make.launches(make.GEMM, NOISE * MS) + make.launches(make.gemm(10), NOISE * MS)
    found = verdict(claim(case="gemm/*/1000x*"), records)
    assert (found.verdict, found.keys) == ("MET", (make.GEMM.key,))


def test_a_claim_is_about_the_first_subject(make):
    """A peer may fail it."""
    records = make.launches(make.GEMM, NOISE * MS)
    records += make.launches(make.GEMM, NOISE * 100 * MS, "cpu:generic")
    facts = msgspec.structs.replace(HERE, subjects=("cpu:generic", "cpu"))
    assert verdict(claim(), records).verdict == "MET"
    assert verdict(claim(), records, facts).verdict == "NOT MET"


def test_what_was_not_run_is_said(make):
    """No case, and a skipped case: neither is a pass."""
    assert verdict(claim(case="gemm/int8/*"), make.launches(make.GEMM, [MS] * 5)).verdict == "NOT RUN"
    skipped = [make.record(make.GEMM, 0, [], status="skipped", why="no memory")]
    found = verdict(claim(), skipped)
    assert (found.verdict, found.why) == ("NOT RUN", f"{make.GEMM.key}: skipped: no memory")


@pytest.mark.parametrize("status", ["wrong", "invalid"])
def test_a_wrong_answer_meets_nothing(make, status):
    """However fast it came."""
    found = verdict(claim(), make.launches(make.GEMM, NOISE * MS, status=status, why="row 3"))
    assert (found.verdict, found.measured) == ("UNDECIDED", None)
    assert "row 3" in found.why


def test_conditions_that_do_not_hold_make_it_untestable_with_the_figure_shown(make):
    """Shared memory on one host settles no network claim, however fast it is."""
    wanted = claim(
        metric="latency",
        case="pingpong/*/8/*",
        operator="<=",
        value="4 us",
        conditions={"path": "across hosts", "endpoint": "device memory", "in_flight": 1, "hops": 3},
    )
    found = verdict(wanted, make.launches(make.PINGPONG, NOISE * 222_222 / 1000, "shm"))
    assert (found.verdict, found.evidence) == ("NOT TESTABLE", "MEASURED ON A SLICE")
    assert found.measured == pytest.approx(111e-9, rel=0.01)
    assert found.why == (
        "here shm pingpong/byte/8/ranks=2: 111 ns, 36x below the claim; "
        "the claim is about path: across hosts (here on one host), "
        "endpoint: device memory (here host memory), hops: 3 (here not known)"
    )
    assert found.missing == "what settles it"


def test_conditions_that_hold_are_no_obstacle(make):
    """Two hosts, device memory: now the figure decides."""
    wanted = claim(
        metric="latency",
        case="pingpong/*/8/*",
        operator="<=",
        value="4 us",
        conditions={"path": "across hosts", "endpoint": "device memory", "in_flight": 1},
    )
    facts = RunFacts(hosts=2, ranks=2, conditions={"endpoint": "device memory"})
    assert verdict(wanted, make.launches(make.PINGPONG, NOISE * 7000, "rdma"), facts).verdict == "MET"
    assert verdict(wanted, make.launches(make.PINGPONG, NOISE * 9000, "rdma"), facts).verdict == "NOT MET"


def test_an_unfit_subject_settles_nothing(make):
    """MPI from a package index is a fair peer and no production fabric."""
    facts = msgspec.structs.replace(HERE, unfit={"mpi": "MPI from a package index settles no claim"})
    wanted = claim(metric="latency", case="pingpong/*", operator="<=", value="4 us")
    found = verdict(wanted, make.launches(make.PINGPONG, NOISE * 2000, "mpi"), facts)
    assert found.verdict == "NOT TESTABLE"
    assert "package index" in found.why


RATIO = {"value": "9.5", "of": "candidate"}


def pair(make, factors):
    """The candidate, and a generic peer that takes `factor` times as long in each case."""
    return [
        record
        for n, factor in enumerate(factors)
        for subject, times in (("cpu", NOISE), ("cpu:generic", NOISE * factor))
        for record in make.launches(make.gemm(1000 + n), times * MS, subject)
    ]


def test_a_ratio_without_its_baseline_is_untestable(make):
    """The rate itself is shown, since that is what there is."""
    found = verdict(claim(**RATIO), make.launches(make.GEMM, NOISE * MS))
    assert (found.verdict, found.evidence, found.measured) == ("NOT TESTABLE", None, None)
    assert found.why == (
        "here cpu gemm/fp32/1000x1000x1000/threads=1: 2.00 TFLOP/s; "
        "a ratio needs a baseline under the same protocol: "
        "the claim names none, and no second subject was measured; "
        "name one: --baseline-card CARD (`zbench list datasheets`), or --baseline RUN, a stored run"
    )


@pytest.mark.parametrize(
    ("factors", "expected", "why"),
    [
        ([10, 12], "MET", "holds in 2, fails in 0 of 2 cases gemm/*"),
        ([8, 9], "NOT MET", "holds in 0, fails in 2 of 2 cases gemm/*"),
        ([8, 12], "UNDECIDED", "holds in 1, fails in 1 of 2 cases gemm/*"),
        ([10], "MET", "gemm/fp32/1000x1000x1000/threads=1: 5.3 % above the claim"),
    ],
)
def test_a_second_subject_settles_a_ratio_for_these_two(make, factors, expected, why):
    """A factor speaks of what is usual: cases that differ leave it undecided."""
    found = verdict(claim(**RATIO), pair(make, factors))
    assert found.verdict == expected
    assert found.why == f"cpu over cpu:generic (the claim names no baseline, so for these two only); {why}"
    assert found.measured == pytest.approx(np.median(factors), rel=0.01)


def test_a_ratio_of_times_is_turned_over(make):
    """A tenth of the time: latency(candidate) / latency(baseline) = 0.1."""
    wanted = claim(metric="time", operator="<=", value="0.11", of="candidate")
    found = verdict(wanted, pair(make, [10]))
    assert (found.verdict, found.measured) == ("MET", pytest.approx(0.1, rel=0.01))


def test_a_named_baseline_is_not_replaced_by_whatever_is_there(make):
    """A claim over an H20 is not settled by generic C code; one over generic C code is."""
    found = verdict(claim(**RATIO, to={"card": "h20", "source": "a test lab"}), pair(make, [12]))
    assert (found.verdict, found.measured) == ("NOT TESTABLE", None)
    assert "'h20' was not measured beside it" in found.why
    found = verdict(claim(**RATIO, to={"subject": "cpu:generic"}), pair(make, [12]))
    assert (found.verdict, "no baseline" in found.why) == ("MET", False)


def test_a_ratio_over_a_stored_run_stays_undecided(make):
    """It is shown the right way round: this run over the stored one."""
    then = make.kept("results/old", make.launches(make.GEMM, NOISE * 12 * MS))
    records = make.launches(make.GEMM, NOISE * MS)
    stored = compare_runs(make.kept("new", records), then, [])
    found = verdict(claim(**RATIO, to={"run": "results/old"}), records, extra=stored)
    assert (found.verdict, found.measured) == ("UNDECIDED", pytest.approx(12, rel=0.01))
    assert verdict(claim(**RATIO, to={"run": "other"}), records, extra=stored).verdict == "NOT TESTABLE"


def steps(make, times_ms):
    return [
        record
        for ranks, ms in times_ms.items()
        for record in make.launches(make.step(ranks), NOISE * ms * MS, "cpu+shm")
    ]


WEAK = {"metric": "efficiency_weak", "case": "step/*", "value": "90 %"}


def test_efficiency_at_the_scale_measured_is_decided(make):
    """Two ranks claimed, two measured."""
    assert verdict(claim(**WEAK, ranks=2), steps(make, {1: 80, 2: 82})).verdict == "MET"
    found = verdict(claim(**WEAK, ranks=2), steps(make, {1: 80, 2: 100, 4: 200}))
    assert (found.verdict, found.measured) == ("NOT MET", pytest.approx(0.6))
    assert len(found.keys) == 2  # what holds for more ranks is asked of more, too


def test_an_undecided_efficiency_asks_for_its_single_rank_too(make):
    """T(1) pairs with T(2) in the same block: more launches of the larger world alone decide nothing."""
    found = verdict(claim(**WEAK, ranks=2), steps(make, {1: 90, 2: 100}))
    assert found.verdict == "UNDECIDED"
    assert found.undecided_keys == (make.step(2).key, make.step(1).key)


def test_a_scale_beyond_the_measured_one_is_not_tested_by_it(make):
    """Two ranks say nothing about 10,000, and the table shows what they did say."""
    found = verdict(claim(**WEAK, ranks=10000), steps(make, {1: 80, 2: 100}))
    assert (found.verdict, found.evidence) == ("NOT TESTABLE", "MEASURED ON A SLICE")
    assert found.measured == pytest.approx(0.8)
    assert found.why == (
        "here cpu+shm step/fp32/512x1024x1024/ranks=2: 80 %, 11.1 % below the claim; "
        "the claim speaks of 10,000 cards, measured are 2"
    )


def test_a_claim_may_be_content_with_a_slice(make):
    """It says so itself, and the verdict carries the grade."""
    found = verdict(claim(**WEAK, ranks=8, evidence="MEASURED ON A SLICE"), steps(make, {1: 80, 2: 82}))
    assert (found.verdict, found.evidence) == ("MET", "MEASURED ON A SLICE")


def test_a_model_projects_and_is_never_called_measured(make):
    """Five worlds up to 16 ranks carry a figure for 64, with its error; MET it is not."""
    times = {1: 80, 2: 81, 4: 82, 8: 84, 16: 88}
    found = verdict(claim(**WEAK, ranks=64), steps(make, times))
    assert (found.verdict, found.evidence) == ("PROJECTED", "PROJECTED")
    assert found.measured_interval[0] <= found.measured <= found.measured_interval[1]
    assert "USL fit of 5 worlds up to 16 ranks" in found.why
    unmet = claim(**WEAK, ranks=64, conditions={"model": "a whole language model"})
    assert verdict(unmet, steps(make, times)).verdict == "NOT TESTABLE"


def test_a_projection_from_elsewhere_is_shown(make):
    """A simulator's figure for 10,000."""
    given = Projection(
        metric="efficiency_weak", ranks=10000, value=0.95, interval=(0.8, 0.97), model="simulated ring"
    )
    summaries = summarise(steps(make, {1: 80, 2: 82}))
    found = judge(claim(**WEAK, ranks=10000), summaries, [], Scaling(projections=[given]), HERE)[0]
    assert (found.verdict, found.measured, found.measured_interval) == ("PROJECTED", 0.95, (0.8, 0.97))


def latency(make, samples_ns, **fields):
    wanted = {"metric": "latency", "case": "pingpong/*", "statistic": "p99", "operator": "<="} | fields
    return verdict(claim(**wanted), [make.record(make.PINGPONG, b, samples_ns, "shm") for b in range(5)])


def test_a_tail_claim_is_decided_by_order_statistics(make):
    """2 % of the trips take 20 us: the median meets 4 us, p99 does not; and 25 us holds."""
    samples = [2000] * 980 + [40_000] * 20
    assert latency(make, samples, value="4 us").verdict == "NOT MET"
    assert latency(make, samples, value="4 us", statistic="p50").verdict == "MET"
    assert latency(make, samples, value="25 us").verdict == "MET"
    assert latency(make, [2000] * 80, value="4 us").why.endswith(
        "400 samples in 5 launches cannot support p99: each launch needs 459 operations, timed one by one"
    )


def test_one_bad_launch_keeps_a_tail_claim_from_holding(make):
    """Rounds of one launch are alike: a pool of five launches would hide the one whose tail is long."""
    wanted = claim(metric="latency", case="pingpong/*", statistic="p99", operator="<=", value="4 us")
    calm, rough = [2000] * 1000, [2000] * 980 + [40_000] * 20
    samples = [calm, calm, calm, calm, rough]
    records = [make.record(make.PINGPONG, b, rounds, "shm") for b, rounds in enumerate(samples)]
    assert verdict(wanted, records).verdict == "UNDECIDED"


def test_a_mean_claim_sees_what_the_median_hides(make):
    """The same data: a mean of 2.38 us half the way."""
    samples = [2000] * 980 + [40_000] * 20
    found = latency(make, samples, value="1.3 us", statistic="mean")
    assert (found.verdict, found.measured) == ("NOT MET", pytest.approx(1.38e-6))


def test_pairs_are_judged_by_the_worst_or_the_best(make):
    """Two links: the slower one breaks max_over_pairs and not min_over_pairs."""
    records = []
    for number, ns in enumerate((2000, 20_000)):
        case = Case("pingpong", "byte", (8,), {"ranks": 2, "pair": number})
        records += make.launches(case, NOISE * ns, "shm")
    wanted = {"metric": "latency", "case": "pingpong/*", "operator": "<=", "value": "4 us"}
    assert verdict(claim(**wanted, statistic="max_over_pairs"), records).verdict == "NOT MET"
    assert verdict(claim(**wanted, statistic="min_over_pairs"), records).verdict == "MET"


def test_one_pair_of_many_settles_nothing_about_pairs(make):
    """The only link of two ranks is every link; of eight it is one of 28."""
    wanted = claim(
        metric="latency", case="pingpong/*", operator="<=", value="4 us", statistic="max_over_pairs"
    )
    two, eight = (Case("pingpong", "byte", (8,), {"ranks": ranks}) for ranks in (2, 8))
    assert verdict(wanted, make.launches(two, NOISE * 2000, "shm")).verdict == "MET"
    found = verdict(wanted, make.launches(eight, NOISE * 2000, "shm"))
    assert found.verdict == "NOT TESTABLE"
    assert "the claim is about the pairs of 8 ranks, one of them was measured" in found.why


@pytest.mark.parametrize(
    ("name", "metric", "operator", "limit", "expected"),
    [
        ("pairs_latency", "latency", "<=", "4 us", {"max_over_pairs": "NOT MET", "min_over_pairs": "MET"}),
        (
            "pairs_bandwidth",
            "bandwidth",
            ">=",
            "1 MB/s",
            {"max_over_pairs": "MET", "min_over_pairs": "NOT MET"},
        ),
    ],
)
def test_all_pairs_of_a_world_settle_a_claim_about_them(make, name, metric, operator, limit, expected):
    """By the slowest and the fastest of each launch, whatever the middle pair takes."""
    case = Case(name, "byte", (8,), {"ranks": 3})
    operations = workload(name).operations(case)
    records = [
        make.record(
            case,
            block,
            [3000 * operations],
            "shm",
            pairs=PairTimes(
                pairs=[(0, 1), (1, 2), (2, 0)],
                median_ns=[noise * ns * operations for ns in (1000, 3000, 20_000)],
                p99_ns=[None] * 3,
                hosts=["node"] * 3,
                cores=[0, 1, 2],
            ),
        )
        for block, noise in enumerate(NOISE)
    ]
    for statistic, word in expected.items():
        wanted = claim(metric=metric, case=f"{name}/*", operator=operator, value=limit, statistic=statistic)
        assert verdict(wanted, records).verdict == word


def test_a_cost_needs_a_price(make):
    """A step of one second on two cards, at 3600 an hour and card, costs 2."""
    records = make.launches(make.step(2), NOISE * 1000 * MS, "cpu+shm")
    wanted = claim(metric="cost", case="step/*", operator="<=", value="2.1 currency")
    found = verdict(wanted, records, msgspec.structs.replace(HERE, price_per_card_hour=3600.0))
    assert (found.verdict, found.measured) == ("MET", pytest.approx(2, rel=0.01))
    found = verdict(wanted, records)
    assert (found.verdict, found.measured) == ("NOT TESTABLE", None)
    assert "no price is known; measure with --price-per-card-hour PRICE" in found.why


def test_a_metric_that_no_case_tells_is_not_run(make):
    """And the reason is not that the case was missing."""
    found = verdict(claim(metric="ttft", operator="<=", value="1 s"), make.launches(make.GEMM, NOISE * MS))
    assert (found.verdict, found.why) == ("NOT RUN", "no case gemm/* that was run tells a ttft")


def test_a_share_of_peak_and_a_plain_bandwidth_can_be_claimed(make):
    """mfu through the FLOP/s probe, algbw from a collective."""
    records = make.launches(make.GEMM, NOISE * MS, probes=[make.probe(4e12)] * 5)
    found = verdict(claim(metric="mfu", value="45 %"), records)
    assert (found.verdict, found.measured) == ("MET", pytest.approx(0.5, rel=0.01))
    case = Case("allreduce", "fp32", (1_000_000,), {"ranks": 4})
    found = verdict(
        claim(metric="algbw", case="allreduce/*", value="0.9 GB/s"), make.launches(case, NOISE * MS, "shm")
    )
    assert (found.verdict, found.measured) == ("MET", pytest.approx(1e9, rel=0.01))


def test_a_metric_that_the_case_does_not_have_is_not_run(make):
    """A message rate is no latency."""
    case = Case("message_rate", "byte", (8,), {"ranks": 2})
    wanted = claim(metric="latency", case="message_rate/*", operator="<=", value="4 us")
    assert verdict(wanted, make.launches(case, NOISE * 100, "shm")).verdict == "NOT RUN"


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (0.11, 4.0, "36.4x below"),
        (240e9, 1e15, "4,167x below"),
        (40.0, 4.0, "10x above"),
        (1.08, 1.0, "8.0 % above"),
        (0.92, 1.0, "8.0 % below"),
        (1.0001, 1.0, "at"),
        (3.0, 0.0, "above"),
    ],
)
def test_the_distance_to_a_claim_in_words(value, limit, text):
    """A factor where it is large, percent where it is not."""
    assert distance(value, limit) == text


def test_the_embedded_default_run_is_honest_about_the_seven_claims(make):
    """One host, two ranks of shared memory: nothing is settled, everything near it is shown."""
    records = make.launches(make.GEMM, NOISE * MS)
    records += make.launches(make.PINGPONG, NOISE * 222, "shm")
    records += steps(make, {1: 80, 2: 100})
    summaries = summarise(records)
    facts = msgspec.structs.replace(HERE, subjects=("cpu", "shm", "cpu+shm"))
    found = judge(load_claims("zhenwu-10k"), summaries, [], scaling(summaries), facts)
    assert [v.verdict for v in found] == ["NOT TESTABLE"] * 7
    assert [v.measured is not None for v in found] == [True, False, False, True, False, True, False]
    assert all(v.missing and v.why for v in found)


def test_a_generic_peer_makes_the_throughput_claim_testable(make):
    """`--card cpu --card cpu:generic`: nearly ten times, for these two."""
    records = pair(make, [11, 14])
    found = judge(
        load_claims("zhenwu-10k"),
        summarise(records),
        ratios(records, ["cpu", "cpu:generic"]),
        Scaling(),
        HERE,
    )
    (throughput,) = [v for v in found if v.claim == "single-card-throughput"]
    assert (throughput.verdict, throughput.claimed) == ("MET", 9.5)


@pytest.mark.parametrize(("blocking", "expected"), [("yes", "MET"), ("no", "NOT RUN")])
def test_a_copy_tells_a_latency_only_where_each_was_waited_for(make, blocking, expected):
    """The time of one in a row of many is what it costs, not how long it takes."""
    case = Case("copy_d2d", "byte", (8,), {"blocking": blocking})
    claims = claim(metric="latency", case="copy_d2d/*", operator="<=", value="10 us", statistic="median")
    found = verdict(claims, make.launches(case, 8000 * NOISE))
    assert found.verdict == expected

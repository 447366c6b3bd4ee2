"""Guidelines: operations held against others of the same fabric, with no baseline."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from zbench.case import Case
from zbench.judge.claims import load_claims, parse_claims
from zbench.judge.facts import RunFacts
from zbench.judge.guidelines import counterpart, relations
from zbench.judge.scaling import Scaling
from zbench.judge.summary import summarise
from zbench.judge.verdicts import judge
from zbench.measure.statistics import INTERVAL_ALPHA
from zbench.schedules.operation import OPERATIONS

US = 1000
NOISE = np.array([1.000, 1.002, 0.999, 1.001, 0.998])
FACTS = RunFacts(ranks=2, subjects=("shm", "mpi"))
LESS = 'at_most = ["reduce", "bcast"]'


def guideline(line=LESS, case="allreduce/*", value="1"):
    """A claims file of one guideline."""
    return parse_claims(
        'version = 1\n[[claim]]\nid = "x"\ntext = "x"\nsettles = "more launches"\n'
        'source = { publisher = "x", date = 2026-01-01 }\nmetric = "time"\noperator = "<="\n'
        f'case = "{case}"\nvalue = "{value}"\n{line}\n',
        "test.toml",
    )


def asked(op, size=4096, **parameters):
    dtype = "fp32" if OPERATIONS[op].sums else "byte"
    return Case(op, dtype, (size,), {"ranks": 2, **parameters})


def measured(make, times, subject="shm", size=4096):
    """Launches of operations, each with its own noise: us of the median."""
    return [
        record
        for i, (op, us) in enumerate(times.items())
        for record in make.launches(asked(op, size), np.roll(NOISE, i) * us * US, subject)
    ]


def verdict(claims, records, floor=0.0):
    summaries = summarise(records)
    found = relations(claims, summaries, {"fabric": floor})
    (told,) = judge(claims, summaries, [], Scaling(), FACTS, found)
    return told


@pytest.mark.parametrize(("allreduce", "word"), [(250, "MET"), (301, "MET"), (310, "NOT MET")])
def test_a_sum_of_others_bounds_an_operation(make, allreduce, word):
    """Reduce and bcast take 300 us together; nobody minds 1 % more."""
    records = measured(make, {"allreduce": allreduce, "reduce": 200, "bcast": 100})
    found = verdict(guideline(), records)
    assert found.verdict == word
    assert found.measured == pytest.approx(allreduce / 300, rel=0.01)
    low, high = found.measured_interval
    assert low < found.measured < high
    assert (found.operator, found.claimed, found.unit, found.subject) == ("<=", 1.0, "1", "shm")
    assert "allreduce/fp32/4096/ranks=2 over reduce/fp32/4096/ranks=2 + bcast/byte/4096/ranks=2" in found.why


def test_noise_leaves_it_undecided_and_asks_for_more_launches(make):
    """The interval contains the limit: the cases of all sides are worth an extension."""
    records = [
        *make.launches(asked("allreduce"), np.array([1.0, 1.5, 0.7, 1.2, 0.9]) * 310 * US, "shm"),
        *measured(make, {"reduce": 200, "bcast": 100}),
    ]
    found = verdict(guideline(), records)
    assert (found.verdict, found.missing) == ("UNDECIDED", "more than 5 launches")
    assert set(found.undecided_keys) == {record.key for record in records}


def test_a_difference_within_the_noise_floor_is_no_violation(make):
    """3 % above the limit: a floor of 1 % leaves it NOT MET, one of 5 % MET, one of 20 % tells nothing."""
    records = measured(make, {"allreduce": 310, "reduce": 200, "bcast": 100})
    words = {floor: verdict(guideline(), records, floor).verdict for floor in (0.01, 0.05, 0.2)}
    assert words == {0.01: "NOT MET", 0.05: "MET", 0.2: "UNDECIDED"}


def test_ratios_are_paired_in_blocks(make):
    """A machine that is now fast and now slow slows all sides of a block alike."""
    drift = np.array([1.0, 3.0, 0.5, 2.0, 0.7])
    records = [
        record
        for op, us in {"allreduce": 360, "reduce": 200, "bcast": 100}.items()
        for record in make.launches(asked(op), drift * us * US, "shm")
    ]
    assert verdict(guideline(), records).verdict == "NOT MET"


def test_among_many_relations_one_may_be_beyond_by_chance(make):
    """A single one is NOT MET; beside forty others that hold the same figures decide nothing (Holm)."""
    just = np.array([1.02, 1.06, 1.03, 1.07, 1.05])
    odd = make.launches(asked("allreduce", 8), just * 100 * US, "shm")
    odd += make.launches(asked("reduce", 8), np.ones(5) * 100 * US, "shm")
    alone = relations(guideline('at_most = ["reduce"]'), summarise(odd), {})
    assert [r.verdict for r in alone] == ["NOT MET"]
    for size in range(16, 16 + 4 * 40, 4):
        odd += measured(make, {"allreduce": 50, "reduce": 100}, size=size)
    many = relations(guideline('at_most = ["reduce"]'), summarise(odd), {})
    assert many[0].verdict == "UNDECIDED"
    assert "among so many" in many[0].why
    assert {r.verdict for r in many[1:]} == {"MET"}
    assert alone[0].p <= INTERVAL_ALPHA < many[0].p


def test_holm_is_over_all_guidelines_of_the_file(make):
    """Not over each by itself."""
    one = guideline('at_most = ["reduce"]')
    two = [*one, *(msgspec.structs.replace(one[0], id=f"x{i}") for i in range(9))]
    just = np.array([1.02, 1.06, 1.03, 1.07, 1.05])
    records = make.launches(asked("allreduce"), just * 100 * US, "shm")
    records += make.launches(asked("reduce"), np.ones(5) * 100 * US, "shm")
    adjusted = [relations(claims, summarise(records), {})[0].p for claims in (one, two)]
    assert adjusted[1] == pytest.approx(min(1.0, 10 * adjusted[0]))


@pytest.mark.parametrize(("large", "word"), [(200, "MET"), (50, "NOT MET")])
def test_a_larger_message_takes_no_less_time(make, large, word):
    """Each size against the next one of the same question."""
    records = measured(make, {"bcast": 100}, size=8) + measured(make, {"bcast": large}, size=64)
    records += measured(make, {"bcast": 300}, size=512)
    found = verdict(guideline("monotone = true", "*"), records)
    assert found.verdict == word
    assert found.keys == ("bcast/byte/8/ranks=2", "bcast/byte/64/ranks=2")


@pytest.mark.parametrize(
    ("sizes", "times", "word"),
    [
        ((512, 500), (100, 93), "MET"),
        ((512, 500), (100, 180), "MET"),
        ((512, 500), (100, 250), "NOT MET"),
        ((500, 512), (100, 250), "NOT MET"),
        ((512, 480), (100, 900), "NOT RUN"),
        ((200, 201), (100, 900), "NOT RUN"),
    ],
)
def test_a_product_is_no_factor_faster_than_its_neighbour(make, sizes, times, word):
    """By its rate, either of them; of sizes that differ by 5 % at most, and of none that a tile decides."""
    records = [
        record
        for i, (n, us) in enumerate(zip(sizes, times, strict=True))
        for record in make.launches(Case("gemm", "fp32", (n, 512, 512)), np.roll(NOISE, i) * us * US, "shm")
    ]
    found = verdict(guideline("smooth = true", "gemm/*", "2"), records)
    assert found.verdict == word
    assert len(found.keys) == (0 if word == "NOT RUN" else 2)


def test_only_the_size_of_a_neighbour_differs(make):
    """Another dtype, other threads and another card are other questions."""
    one = Case("gemm", "fp32", (512, 512, 512), {"threads": 1})
    others = [
        (Case("gemm", "fp64", (500, 512, 512), {"threads": 1}), "shm"),
        (Case("gemm", "fp32", (500, 512, 512), {"threads": 2}), "shm"),
        (Case("gemm", "fp32", (500, 512, 512), {"threads": 1}), "mpi"),
    ]
    records = make.launches(one, NOISE * US, "shm")
    records += [r for case, who in others for r in make.launches(case, NOISE * 9 * US, who)]
    assert relations(guideline("smooth = true", "gemm/*", "2"), summarise(records), {}) == []


def test_what_was_not_run_beside_it_decides_nothing(make):
    """No partner, a skipped one, a wrong one: never a pass."""
    records = measured(make, {"allreduce": 100, "bcast": 100})
    found = verdict(guideline(), records)
    assert (found.verdict, found.measured) == ("NOT RUN", None)
    assert found.why == "no case allreduce/* was run beside reduce, bcast of the same size"
    skipped = make.record(asked("reduce"), 0, [], "shm", status="skipped", why="no reduce", verification=None)
    found = verdict(guideline(), [*records, skipped])
    assert (found.verdict, found.why) == ("NOT RUN", "reduce/fp32/4096/ranks=2: skipped: no reduce")
    wrong = make.launches(asked("reduce"), NOISE * US, "shm", verification=make.WRONG)
    assert verdict(guideline(), [*records, *wrong]).verdict == "UNDECIDED"


def test_too_few_launches_carry_no_verdict(make):
    """Two launches of an allreduce that takes ten times as long."""
    times = {"allreduce": 3000, "reduce": 200, "bcast": 100}
    records = [r for r in measured(make, times) if r.block < 2]
    found = verdict(guideline(), records)
    assert (found.verdict, found.undecided_keys) == ("UNDECIDED", ())
    assert "2 launches carry no verdict, 5 do" in found.why


def test_each_fabric_is_held_against_itself(make):
    """The verdict is the first fabric's; a violation of a peer stands beside it."""
    times = {"allreduce": 200, "reduce": 200, "bcast": 100}
    records = measured(make, times) + measured(make, times | {"allreduce": 900}, "mpi")
    found = relations(guideline(), summarise(records), {})
    assert [(r.subject, r.verdict) for r in found] == [("shm", "MET"), ("mpi", "NOT MET")]
    assert verdict(guideline(), records).verdict == "MET"


def test_the_same_question_is_asked_of_the_others() -> None:
    """Size, ranks and in place always; root and redop of those that have them."""
    case = asked("allreduce", 64, redop="max", inplace="yes")
    assert counterpart(case, "reduce").key == "reduce/fp32/64/inplace=yes/ranks=2/redop=max"
    assert counterpart(case, "bcast").key == "bcast/byte/64/inplace=yes/ranks=2"
    rooted = asked("bcast", 64, root=1)
    assert counterpart(rooted, "scatter").key == "scatter/byte/64/ranks=2/root=1"
    assert counterpart(rooted, "allgather").key == "allgather/byte/64/ranks=2"


def test_the_file_that_ships_has_the_published_guidelines() -> None:
    """Eight sums, monotony and, of cards, smoothness, each told apart by its name."""
    claims = load_claims("guidelines")
    told = {(claim.case.partition("/")[0], claim.at_most) for claim in claims if claim.at_most}
    assert told == {
        ("allreduce", ("reduce", "bcast")),
        ("allreduce", ("reduce_scatter", "allgather")),
        ("allgather", ("gather", "bcast")),
        ("allgather", ("alltoall",)),
        ("bcast", ("scatter", "allgather")),
        ("reduce", ("allreduce",)),
        ("gather", ("allgather",)),
        ("scatter", ("bcast",)),
    }
    assert [claim.id for claim in claims if claim.monotone] == ["monotone"]
    assert [claim.id for claim in claims if claim.smooth] == ["smooth-products"]
    assert {claim.limit for claim in claims if not claim.smooth} == {1}
    assert all(claim.is_guideline for claim in claims)

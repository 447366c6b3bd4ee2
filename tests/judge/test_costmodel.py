"""The cost model recovers the constants that times were made of, and says where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace

from tests.judge.conftest import Make
from zbench.case import Case
from zbench.judge.costfit import IN_PROPORTION, fitted
from zbench.judge.costmodel import Model, burst_points, trial_points
from zbench.judge.summary import summarise
from zbench.records.schema import Record

RANKS = 4
TRUTH = SimpleNamespace(alpha=2000.0, beta=0.1, gamma=0.03)
"""ns a message, ns a byte moved, ns a byte reduced."""
SIZES = tuple(1 << power for power in range(6, 21, 2))
"""Bytes; none is so long that a schedule works it off in chunks."""
P = (RANKS - 1) / RANKS
RING: dict[str, tuple[int, float, float]] = {
    "allreduce": (2 * (RANKS - 1), 2 * P, P),
    "reduce_scatter": (RANKS - 1, P, P),
    "allgather": (RANKS - 1, P, 0),
}
"""Messages after each other, vectors moved, vectors reduced: Thakur, Rabenseifner and Gropp 2005."""


def ring_ns(operation: str, size: int) -> float:
    rounds, moved, reduced = RING[operation]
    return rounds * TRUTH.alpha + size * (moved * TRUTH.beta + reduced * TRUTH.gamma)


def case_of(operation: str, size: int) -> Case:
    return Case(operation, "byte" if operation == "allgather" else "fp32", (size,), {"ranks": RANKS})


def bursts(
    operations: Sequence[str] = tuple(RING),
    sizes: Sequence[int] = SIZES,
    ns: Callable[[str, int], float] = ring_ns,
    noise: float = 0.03,
) -> list[Record]:
    """Rings in five launches, each of whose times is off by noise of its own, from a seed."""
    rng = np.random.default_rng(5)
    made = []
    for operation in operations:
        for size in sizes:
            times = [ns(operation, size) * float(np.exp(noise * rng.standard_normal())) for _ in range(5)]
            made += Make.launches(
                case_of(operation, size), times, "shm", variant={"algorithm": "ring", "buffers": "symmetric"}
            )
    return made


def model_of(records: Sequence[Record], trials: dict[str, dict[str, float]] | None = None) -> Model:
    summaries = summarise(records)
    cases = {summary.key: summary.case for summary in summaries}
    return fitted(burst_points(summaries), trial_points(cases, trials or {}))


def test_constants_are_recovered_within_their_intervals() -> None:
    """Of times with 3 % of noise, and the intervals are no wider than noise explains."""
    model = model_of(bursts())
    assert model.why == ""
    assert (model.points, model.launches, model.trials) == (len(RING) * len(SIZES), 5, 0)
    assert model.typical is not None
    assert model.typical < 0.03
    (line,) = model.lines
    for constant, truth in (
        (line.alpha_ns, TRUTH.alpha),
        (line.beta_ns_per_byte, TRUTH.beta),
        (model.gamma_ns_per_byte["fp32"], TRUTH.gamma),
    ):
        assert constant.interval is not None
        low, high = constant.interval
        assert low <= truth <= high
        assert high / low < 2
        assert constant.value == pytest.approx(truth, rel=0.25)


def test_a_prediction_is_the_closed_form() -> None:
    """Of another algorithm than those that were fitted: one round, the vector of each of three peers."""
    model = model_of(bursts(noise=0.0))
    (point,) = trial_points({"k": case_of("allreduce", 1024)}, {"k": {"direct": 1.0}})
    expected = TRUTH.alpha + 3 * 1024 * (TRUTH.beta + TRUTH.gamma)
    assert model.ns(point.work, "fp32") == pytest.approx(expected, rel=1e-4)
    assert model.ns(point.work, "bf16") is None  # what reducing bf16 costs was not measured


def test_a_slow_algorithm_does_not_bend_the_fit() -> None:
    """One of three operations takes three times as long as its closed form says, and shows as that."""
    straight = model_of(bursts(noise=0.0))
    bent = model_of(
        bursts(ns=lambda op, size: ring_ns(op, size) * (1 + 2 * (op == "allgather" and size < 2000)), noise=0)
    )
    assert bent.lines[0].alpha_ns.value == pytest.approx(straight.lines[0].alpha_ns.value, rel=0.1)


def test_one_operation_alone_cannot_part_moving_from_reducing() -> None:
    """A ring moves twice what it reduces at every size; trials of other algorithms tell the two apart."""
    records = bursts(["allreduce"], noise=0.0)
    alone = model_of(records)
    assert alone.why == IN_PROPORTION
    assert alone.lines == ()
    trials = {
        case_of("allreduce", size).key: {
            "ring": ring_ns("allreduce", size),
            "direct": TRUTH.alpha + 3 * size * (TRUTH.beta + TRUTH.gamma),
        }
        for size in SIZES
    }
    model = model_of(records, trials)
    assert model.why == ""
    assert model.trials == len(SIZES)  # the ring's were bursts
    gamma = model.gamma_ns_per_byte["fp32"]
    assert gamma.value == pytest.approx(TRUTH.gamma, rel=0.01)
    assert gamma.interval is None  # one launch of trials has none


def test_a_fabric_of_another_kind_is_not_described() -> None:
    """Times that grow with the square of the size are told to be off, and predict nothing."""
    model = model_of(bursts(ns=lambda op, size: 100 + size**2 / 1000, noise=0.0))
    assert "off the best fit" in model.why
    assert (
        model.ns(trial_points({"k": case_of("allreduce", 64)}, {"k": {"ring": 1.0}})[0].work, "fp32") is None
    )


def test_another_protocol_for_long_messages_has_a_line_of_its_own() -> None:
    """Messages of more than 4 KiB cost five times as much to begin, and half as much a byte."""

    def two_protocols(operation: str, size: int) -> float:
        rounds, moved, reduced = RING[operation]
        dear, cheap = (5, 0.5) if size * moved / rounds > 4096 else (1, 1)
        bytes_ns = moved * cheap * TRUTH.beta + reduced * TRUTH.gamma
        return rounds * TRUTH.alpha * dear + size * bytes_ns

    sizes = [1 << power for power in range(6, 22)]
    model = model_of(bursts(sizes=sizes, ns=two_protocols, noise=0.01))
    short, long = model.lines
    assert short.to_bytes is not None
    assert 4000 < short.to_bytes < 8200
    assert short.alpha_ns.value == pytest.approx(TRUTH.alpha, rel=0.05)
    assert long.alpha_ns.value == pytest.approx(5 * TRUTH.alpha, rel=0.05)
    assert long.beta_ns_per_byte.value == pytest.approx(TRUTH.beta / 2, rel=0.2)
    (point,) = trial_points({"k": case_of("allgather", 1 << 20)}, {"k": {"ring": 1.0}})
    assert model.ns(point.work, "byte") == pytest.approx(two_protocols("allgather", 1 << 20), rel=0.05)


def test_launches_that_disagree_tell_no_constant() -> None:
    """Two launches, one of which took five times as long: their interval is as wide as a barn."""
    slow = [
        replace(record, samples_ns=[5 * ns for ns in record.samples_ns]) if record.block else record
        for record in bursts(noise=0.01)
        if record.block < 2
    ]
    assert model_of(slow).why == "2 launches do not tell alpha within a factor of 10"


def test_a_constant_that_some_launches_do_not_see_has_a_range_from_nothing() -> None:
    """Some reduce for nothing: then reducing costs between nothing and what the others say."""

    def free_in_odd_blocks(record: Record) -> Record:
        reduced_ns = round(
            record.case.size[0] * RING[record.case.workload][2] * TRUTH.gamma * (record.block % 2)
        )
        return replace(record, samples_ns=[ns - 2 * reduced_ns for ns in record.samples_ns])

    gamma = model_of(list(map(free_in_odd_blocks, bursts(noise=0.0)))).gamma_ns_per_byte["fp32"]
    assert gamma.interval is not None
    assert gamma.interval[0] == 0.0
    assert not gamma.told


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (SIZES[:3], "no messages are long enough"),
        ([1 << 20, 3 << 19, 1 << 21], "no messages are short enough"),
        (SIZES[:2], "of 2 sizes"),
    ],
)
def test_sizes_that_do_not_span_enough_are_told(sizes: Sequence[int], words: str) -> None:
    """A constant that is nowhere felt is not known, whatever least squares make of it."""
    assert words in model_of(bursts(["allgather", "allreduce", "reduce_scatter"], sizes)).why


def test_executions_that_overlap_are_no_points() -> None:
    """A root that runs ahead of its batch halves the time of a bcast; alone it counts."""
    case = Case("bcast", "byte", (64,), {"ranks": RANKS})
    one_by_one, overlapping = (
        burst_points(
            summarise(Make.launches(case, [4e4] * 5, "shm", variant={"algorithm": "direct"}, batch=batch))
        )
        for batch in (1, 10)
    )
    assert len(one_by_one) == 1
    assert overlapping == []


def test_a_library_and_a_wrong_answer_have_no_points() -> None:
    """Nobody knows the library's closed form; a wrong answer has no time."""
    case = case_of("allreduce", 1024)
    library = Make.launches(case, [4e4] * 5, "mpi", variant={"algorithm": "library's own"})
    wrong = Make.launches(
        case, [4e4] * 5, "shm", variant={"algorithm": "ring"}, status="wrong", verification=Make.WRONG
    )
    assert burst_points(summarise([*library, *wrong])) == []
    assert "a library's own has none" in model_of(library).why

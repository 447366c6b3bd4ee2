"""Which algorithm ran, why, and what the model says of the others."""

from __future__ import annotations

import pytest

from tests.judge.conftest import Make
from zbench.case import Case
from zbench.judge.choices import DEFAULT, FORCED, FORCED_BY_OPTION, LIBRARY, ONLY, Choice, worlds
from zbench.judge.summary import summarise
from zbench.records.schema import Choices, Sheet

ALLREDUCE = Case("allreduce", "fp32", (1024,), {"ranks": 2})
TRIALS = {"ring": 2000.0, "direct": 1000.0, "recursive-doubling": 1200.0}


def choice(
    table: Choices | None,
    ran: str = "direct",
    case: Case = ALLREDUCE,
    subject: str = "shm",
    margin: float = 0.0,
) -> Choice:
    """Of one case that a fabric ran by one algorithm."""
    records = Make.launches(case, [900.0] * 5, subject, variant={"algorithm": ran})
    tables = {f"{subject} ranks=2": table} if table else {}
    run = Make.kept("a", records, tables=tables, fabrics=[subject]).run
    (world,) = worlds(run, summarise(records), margin)
    (found,) = world.choices
    return found


def measured(trials: dict[str, float]) -> Choices:
    best = min(trials, key=lambda name: trials[name])
    return Choices(chosen={ALLREDUCE.key: best}, median_ns={ALLREDUCE.key: trials}, hash="")


def test_the_fastest_trial_is_told_with_its_lead() -> None:
    """Over the second; candidates stand in the order of the list of algorithms, what ran with its bursts."""
    found = choice(measured(TRIALS))
    assert found.why == "fastest of 3 in trials, 20 % ahead of recursive-doubling"
    assert [(c.algorithm, c.chosen, c.trial_ns, c.burst_ns) for c in found.candidates] == [
        ("recursive-doubling", False, 1200.0, None),
        ("ring", False, 2000.0, None),
        ("direct", True, 1000.0, 900.0),
    ]


def test_a_lead_within_the_noise_is_none() -> None:
    """20 % ahead, where the same thing measured twice differs by 25 %."""
    assert choice(measured(TRIALS), margin=0.25).why == (
        "as fast in trials as recursive-doubling: 20.0 % ahead of it is within the noise"
    )


@pytest.mark.parametrize(
    ("table", "ran", "case", "subject", "why"),
    [
        (
            Choices(chosen={ALLREDUCE.key: "ring"}, median_ns={}, forced="ring", hash=""),
            "ring",
            ALLREDUCE,
            "shm",
            FORCED,
        ),
        (None, "ring", ALLREDUCE, "shm:private+ring", FORCED_BY_OPTION),
        (None, "ring", Case("sendrecv", "byte", (8,), {"ranks": 2}), "shm", ONLY),
        (Choices(chosen={}, median_ns={}, hash=""), "ring", ALLREDUCE, "shm", DEFAULT),
        (None, "library's own", ALLREDUCE, "mpi", LIBRARY),
        (measured({"direct": 1000.0}), "direct", ALLREDUCE, "shm", "the only one whose trial ended"),
    ],
)
def test_what_was_not_measured_says_why_it_ran(
    table: Choices | None, ran: str, case: Case, subject: str, why: str
) -> None:
    """Forced, alone, by default, or chosen by a library."""
    found = choice(table, ran, case, subject)
    assert found.why == why
    assert [c.algorithm for c in found.candidates if c.chosen] == [ran]


def test_ratios_are_measured_over_model() -> None:
    """Bursts of a message that costs 1 us and 1 ns a byte, and trials that take twice that."""
    records = []
    trials = {}
    for name in ("pingpong", "allgather", "sendrecv"):
        for size in (64, 1 << 10, 1 << 14, 1 << 20):
            case = Case(name, "byte", (size,), {"ranks": 2})
            moved = {"pingpong": 2 * size, "allgather": size // 2, "sendrecv": size}[name]
            ns = 1000 * (2 if name == "pingpong" else 1) + moved
            algorithm = {"pingpong": "blocking"}.get(name, "ring")
            records += Make.launches(case, [ns] * 5, "shm", variant={"algorithm": algorithm})
            if name == "allgather":
                trials[case.key] = {"ring": float(ns), "bruck": 2.0 * ns}
    table = Choices(chosen=dict.fromkeys(trials, "ring"), median_ns=trials, hash="")
    run = Make.kept("a", records, tables={"shm ranks=2": table}).run
    (world,) = worlds(run, summarise(records))
    assert world.model.why == ""
    for found in world.choices:
        for candidate in found.candidates:
            expected = 2.0 if candidate.algorithm == "bruck" else 1.0
            assert candidate.ratio == pytest.approx(expected, rel=1e-3)


def test_names_that_are_listed_no_more_are_kept() -> None:
    """A table of an older run: its algorithms have no closed form today."""
    found = choice(measured({"one-shot": 100.0, "ring": 200.0}), ran="one-shot")
    assert [(c.algorithm, c.model_ns) for c in found.candidates] == [("ring", None), ("one-shot", None)]
    assert found.why == "fastest of 2 in trials, 100 % ahead of ring"


def test_trials_of_a_case_that_went_wrong_are_no_points() -> None:
    """What then gave a wrong answer may have been as wrong in its trial."""
    wrong = Make.launches(
        ALLREDUCE,
        [900.0] * 5,
        "shm",
        variant={"algorithm": "direct"},
        status="wrong",
        verification=Make.WRONG,
    )
    run = Make.kept("a", wrong, tables={"shm ranks=2": measured(TRIALS)}).run
    (world,) = worlds(run, summarise(wrong))
    assert world.model.points == 0


def test_a_data_sheet_ran_nothing() -> None:
    """What another tool told has no world: neither choices nor a model."""
    told = Make.record(
        ALLREDUCE, 0, [], "nccl", sheet=Sheet(statistic="mean", time_ns=900.0), verification=None
    )
    assert worlds(Make.kept("a", [told]).run, summarise([told])) == []

"""What a test counts becomes a status, a status an exit code: nothing that is wrong is lost on the way."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from zbench.conformance import answer, keeping
from zbench.conformance.collective.moves import origin, tagged
from zbench.conformance.declaration import Declaration
from zbench.conformance.gemm.exact import limit
from zbench.conformance.item import LEVELS, Item, Outcome
from zbench.conformance.products import Products
from zbench.conformance.status import (
    BAD,
    CRASH,
    FAIL,
    HARNESS_ERROR,
    MARGINAL,
    MEANINGS,
    MISTRUSTED,
    NOT_SUPPORTED,
    PASS,
    TIMEOUT,
    worst,
)
from zbench.conformance.tally import FAILURES_KEPT, Tally
from zbench.conformance.world import ENDED, Ranks
from zbench.errors import Unsupported
from zbench.verbs import conform

ITEM = Item("GE-00", "made up", "here", "L1", lambda ask: None)
DECLARED = Declaration(1, "made up")


def tally(seed: int = 0, only: str = "*") -> Tally:
    return Tally(ITEM, seed, 1, only)


def rank_of(rank: int, said: Sequence[bytes]) -> Ranks:
    """One of three ranks, who hears `said`."""
    world = SimpleNamespace(rank=rank, size=3, share=lambda mine: said)
    return Ranks(SimpleNamespace(world=world), DECLARED, ITEM, 0, 1)  # type: ignore[arg-type]


def test_what_was_not_tried_is_no_pass() -> None:
    """Neither where the subject lacks it nor where no attempt was chosen."""
    assert tally().verdict()[0] == NOT_SUPPORTED
    unmatched = tally(only="other")
    assert not unmatched.attempt("this")
    assert unmatched.verdict()[0] == NOT_SUPPORTED


def test_what_is_refused_before_it_is_computed_was_not_tried() -> None:
    """An attempt has begun by then, and counts for nothing."""
    count = tally()
    count.attempt("three at once")
    count.refused("batches")
    assert (count.tried, *count.verdict()) == (0, NOT_SUPPORTED, "batches")


def test_one_failure_among_passes_is_a_failure() -> None:
    """Also when more failed than are kept."""
    count = tally()
    for number in range(2 * FAILURES_KEPT):
        count.attempt(str(number))
        if number % 2:
            count.fail("wrong")
    assert count.verdict() == (FAIL, "1: wrong")
    assert (count.tried, count.failed, len(count.failures)) == (
        2 * FAILURES_KEPT,
        FAILURES_KEPT,
        FAILURES_KEPT,
    )


@pytest.mark.parametrize("status", [MISTRUSTED, MARGINAL])
def test_doubts_are_no_pass(status: str) -> None:
    """And are named with the attempt that they are about."""
    count = tally()
    count.attempt("zeros")
    {MISTRUSTED: count.mistrust, MARGINAL: count.marginal}[status]("all alike")
    assert count.verdict() == (status, "zeros: all alike")


def test_data_follow_seed_and_attempt() -> None:
    """Other data for another seed and another attempt, the same for the same."""
    drawn = []
    for seed, name in ((1, "a"), (2, "a"), (1, "b"), (1, "a")):
        count = tally(seed)
        count.attempt(name)
        drawn.append(tuple(count.rng().integers(0, 1 << 30, 4)))
    assert drawn[0] == drawn[3]
    assert len(set(drawn)) == 3


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_failure_on_any_rank_is_everyones(wrong: int) -> None:
    """And is told with its rank."""
    said: list[bytes] = []
    ranks = [rank_of(rank, said) for rank in range(3)]
    for each in ranks:
        each.attempt("only")
    ranks[wrong].fail("lost")
    for each in merged(ranks, said):
        assert each.verdict() == (FAIL, f"only: rank {wrong}: lost")


@pytest.mark.parametrize("status", [MISTRUSTED, MARGINAL])
@pytest.mark.parametrize("doubting", [0, 1, 2])
def test_a_doubt_of_any_rank_is_everyones(doubting: int, status: str) -> None:
    """Whichever has it: no rank calls it a pass."""
    said: list[bytes] = []
    ranks = [rank_of(rank, said) for rank in range(3)]
    for each in ranks:
        each.attempt("only")
    {MISTRUSTED: ranks[doubting].mistrust, MARGINAL: ranks[doubting].marginal}[status]("all alike")
    for each in merged(ranks, said):
        assert each.verdict() == (status, "only: all alike")


def merged(ranks: list[Ranks], said: list[bytes]) -> list[Ranks]:
    """All of them, when each has told the others what it has."""
    for each in ranks:
        own = {"tried": 1, "failed": each.failed, "doubts": each.doubts, "lacks": [], "facts": {}}
        told = [(f.attempt, f"rank {each.rank}: {f.why}") for f in each.failures]
        said.append(ENDED + msgspec.json.encode(own | {"failures": told}))
    for each in ranks:
        each.merge()
    return ranks


def test_the_worst_status_is_told() -> None:
    """Of any two; and of none there is none."""
    order = list(MEANINGS)
    for i, better in enumerate(order):
        for status in order[i:]:
            assert worst([better, status]) == worst([status, better]) == status
    with pytest.raises(ValueError, match="empty"):
        worst([])


def test_what_makes_a_subject_fail() -> None:
    """All that is neither right nor untried nor the test's own fault."""
    assert {FAIL, MISTRUSTED, TIMEOUT, CRASH} == BAD


def test_levels_include_those_before() -> None:
    """An item of L1 runs from L1 on, and at L0 only where it is said to."""
    assert [ITEM.runs_at(level) for level in LEVELS] == [False, True, True, True, True, True]


def test_poison_is_not_what_a_right_answer_may_be() -> None:
    """An output that nobody wrote holds neither zeros nor NaN, in any dtype."""
    card: Any = SimpleNamespace()
    for dtype in ("fp64", "fp32", "fp16", "bf16", "fp8e4m3", "int8"):
        held = Products(card, dtype, DECLARED, ITEM, 0, 1).poison((3, 5), dtype).astype(np.float64)
        assert np.all(held != 0)
        assert not np.isnan(held).any()


def test_exact_integers_are_some_and_stay_exact() -> None:
    """The largest operands reach the accumulator's last bits and no further."""
    for k in (1, 3, 64, 1024, 4096):
        most = limit("fp32", k, 24)
        assert k * most * most <= 2**24 < 4 * k * (most + 1) ** 2


def test_no_two_tags_are_alike() -> None:
    """Of any rank, call and index: else an exchange of elements would not be seen."""
    tags = np.concatenate([tagged(rank, 50, call) for rank in range(4) for call in range(3)])
    assert len(np.unique(tags)) == tags.size
    assert origin(int(tagged(2, 50, 1)[7])) == "element 7 of rank 2 in call 1"


def test_a_subject_that_raises_fails() -> None:
    """It is not the test that went wrong, and nothing passes."""

    def ask(count: Tally) -> None:
        count.attempt("division")
        np.linalg.inv(np.zeros((2, 2)))

    count = tally()
    broken, harness = answer._try(Item("GE-00", "made up", "here", "L1", ask), count)
    assert (broken, harness) == (False, "")
    assert count.verdict()[0] == FAIL


def test_a_test_that_memory_does_not_suffice_for_says_nothing() -> None:
    """Neither a pass of what was tried before, nor the subject's failure."""

    def ask(count: Tally) -> None:
        count.attempt("one row")
        count.attempt("2^40 rows")
        raise MemoryError("8 TiB")

    broken, harness = answer._try(Item("GE-00", "made up", "here", "L1", ask), tally())
    assert (broken, harness) == (False, "2^40 rows: out of memory: 8 TiB")


def test_a_subject_that_refuses_what_it_offers_fails() -> None:
    """Behind an attempt that was right, too."""

    def ask(count: Tally) -> None:
        count.attempt("one row")
        count.attempt("two rows")
        raise Unsupported("rows")

    count = tally()
    answer._try(Item("GE-00", "made up", "here", "L1", ask), count)
    assert count.verdict() == (FAIL, "two rows: is offered, and then refused: rows")


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ((PASS, PASS), 0),
        ((PASS, FAIL), 1),
        ((PASS, CRASH), 1),
        ((FAIL, HARNESS_ERROR), 1),
        ((PASS, HARNESS_ERROR), 4),
        ((PASS, NOT_SUPPORTED), 0),
        ((NOT_SUPPORTED, NOT_SUPPORTED), 4),
        ((), 4),
    ],
)
def test_exit_codes(
    statuses: Sequence[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One test that fails is enough, whatever else passes; that nothing was tried is no success."""
    outcomes = [Outcome("GE-21", "cpu", "card", "fp32", status, "L0") for status in statuses]
    monkeypatch.setattr(keeping, "conform", lambda ask, note: iter(outcomes))
    parser = argparse.ArgumentParser()
    conform.add(parser)
    assert conform.main(parser.parse_args(["--card", "cpu"]), []) == code

"""Times that a card or a fabric tells are held against the harness' own clock."""

from types import SimpleNamespace

import numpy as np
import pytest

from zbench.measure.bench import CardBench, FabricBench, Timing

MS = 1_000_000


def card_complaint(samples_ms: list[float], elapsed_ms: float) -> str:
    timing = Timing((np.array(samples_ms) * MS).astype(np.int64))
    return CardBench.validate(SimpleNamespace(), timing, 0, int(elapsed_ms * MS))  # type: ignore[arg-type]


def fabric_complaint(stamps: list[tuple[int, int]]) -> str:
    timing = Timing(np.zeros(len(stamps), np.int64), stamps_ns=np.array(stamps))
    return FabricBench.validate(SimpleNamespace(), timing, 10, 100)  # type: ignore[arg-type]


def test_rounds_that_fill_the_burst_are_believed() -> None:
    """Within 2 %."""
    assert card_complaint([10, 10, 9.8], 30) == ""


@pytest.mark.parametrize("samples_ms", [[10, 10], [15, 16]])
def test_rounds_that_do_not_add_up_are_not(samples_ms: list[float]) -> None:
    """Neither a card that tells too little, nor one that tells too much."""
    assert "the burst took 30.00 ms" in card_complaint(samples_ms, 30)


def test_a_short_burst_is_not_held_against_the_clock() -> None:
    """Below 10 ms the call itself is a visible share."""
    assert card_complaint([1.0], 2.0) == ""


def test_negative_times_are_refused() -> None:
    """Whatever the sum says."""
    assert card_complaint([-1, 31], 30) == "a round took negative time"


@pytest.mark.parametrize(
    ("stamps", "complaint"),
    [
        ([(11, 20), (20, 30)], ""),
        ([(11, 20), (19, 30)], "round stamps are out of order or overlap"),
        ([(20, 11)], "round stamps are out of order or overlap"),
        ([(9, 20)], "round stamps lie outside the burst"),
        ([(11, 101)], "round stamps lie outside the burst"),
    ],
)
def test_round_stamps_are_ordered_disjoint_and_inside(stamps: list[tuple[int, int]], complaint: str) -> None:
    """A fabric cannot invent its times."""
    assert fabric_complaint(stamps) == complaint

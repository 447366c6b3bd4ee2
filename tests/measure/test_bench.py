"""Times that a card or a fabric tells are held against the harness' own clock."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from zbench.case import Case
from zbench.dtypes import FLOATS, NUMPY_DTYPES
from zbench.measure.bench import CardBench, Span, Timing, poison, stamps_complaint

MS = 1_000_000


def span(samples_ms: list[float], elapsed_ms: float) -> Span:
    timing = Timing((np.array(samples_ms) * MS).astype(np.int64))
    return Span(timing, 0, int(elapsed_ms * MS))


def card_complaint(*spans: Span, **parameters: int) -> str:
    case = Case("gemm", "fp32", (8, 8, 8), parameters)
    return CardBench.validate(SimpleNamespace(case=case), spans)  # type: ignore[arg-type]


def test_rounds_that_fill_the_burst_are_believed() -> None:
    """Within 2 %."""
    assert card_complaint(span([10, 10, 9.8], 30)) == ""


def test_a_process_that_is_put_aside_once_is_believed() -> None:
    """It disagrees in one span; a card that lies disagrees in all."""
    right, wrong = span([10, 10, 9.8], 30), span([10, 10, 9.8], 34)
    assert card_complaint(wrong, right, wrong) == ""
    assert "but they took 34.00 ms" in card_complaint(wrong, wrong, wrong)


@pytest.mark.parametrize("samples_ms", [[10, 10], [15, 16]])
def test_rounds_that_do_not_add_up_are_not(samples_ms: list[float]) -> None:
    """Neither a card that tells too little, nor one that tells too much."""
    assert "but they took 30.00 ms" in card_complaint(span(samples_ms, 30))


def test_a_short_span_is_held_against_the_clock_less_strictly() -> None:
    """The call itself is a visible share of it; but a millisecond that was not told is."""
    assert card_complaint(span([1.0], 1.45)) == ""
    assert "but they took 1.60 ms" in card_complaint(span([1.0], 1.6))


@pytest.mark.parametrize(
    ("cpus", "threads", "complaint"),
    [
        ((2.0, 1.9, 2.0), 1, "1.9 CPUs were busy: the card does not keep to threads=1"),
        ((2.0, 1.1, 2.0), 1, ""),
        ((2.0, 1.9, 2.0), 2, ""),
        ((9.0, 9.0, 9.0), None, ""),
    ],
)
def test_a_card_keeps_to_the_threads_of_its_case(
    cpus: tuple[float, ...], threads: int | None, complaint: str
) -> None:
    """One span may see what another library's threads still do; a device names no threads."""
    spans = [replace(span([300, 300], 600), cpus=each) for each in cpus]
    assert card_complaint(*spans, **({"threads": threads} if threads else {})) == complaint


def test_threads_that_still_spin_are_not_the_cards() -> None:
    """Those of the case before stop within a quarter of a second; a shorter burst cannot tell them apart."""
    assert card_complaint(*[replace(span([10, 10], 20), cpus=2.0)] * 3, threads=1) == ""


def test_negative_times_are_refused() -> None:
    """Whatever the sum says."""
    assert card_complaint(span([-1, 31], 30)) == "a round took negative time"


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
    timing = Timing(np.zeros(len(stamps), np.int64), stamps_ns=np.array(stamps))
    assert stamps_complaint([Span(timing, 10, 100)]) == complaint


@pytest.mark.parametrize("dtype", sorted(NUMPY_DTYPES))
def test_poison_is_no_answer(dtype: str) -> None:
    """NaN in every float, also in those that numpy does not know; no zeros in integers."""
    found = poison((2, 3), dtype)
    assert (found.shape, found.dtype) == ((2, 3), NUMPY_DTYPES[dtype])
    assert np.isnan(found).all() if dtype in FLOATS else (found != 0).all()

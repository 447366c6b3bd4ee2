"""How long the rounds and spans of a sustained run are."""

import pytest

from zbench.measure.bench import Span, Timing
from zbench.measure.sustained import ROUNDS, ROUNDS_MOST, lengths, rounds_until

MS, S = 1_000_000, 1_000_000_000


@pytest.mark.parametrize(
    ("execution_ns", "burst_s", "expected"),
    [
        (1 * MS, 600, (100, 30, 10)),
        (1 * MS, 3, (50, 12, 3)),
        (200 * MS, 60, (1, 15, 4)),
        (7 * S, 60, (1, 1, 2)),
    ],
    ids=["ten minutes", "three seconds", "long executions", "longer than a span"],
)
def test_rounds_and_spans_suit_the_length_of_the_run(
    execution_ns: int, burst_s: int, expected: tuple[int, int, int]
) -> None:
    """(batch, rounds of the warm-up, of a span): a warm-up of 3 s, spans of 1 s, less of a short run."""
    assert lengths(execution_ns, burst_s * S, None, 2) == expected


def test_what_cannot_be_batched_is_not() -> None:
    """A round of one execution, many to a span."""
    assert lengths(1 * MS, 60 * S, 1, 2) == (1, 3000, 1000)


@pytest.mark.parametrize(
    ("execution_ns", "slots"), [(1 * MS, 3), (30 * MS, 7), (700 * MS, 2), (10 * MS, 512)]
)
def test_a_span_goes_over_all_slots_a_whole_number_of_times(execution_ns: int, slots: int) -> None:
    """It begins at the first: otherwise some would never hold an answer, and others come again too soon."""
    batch, _, rounds = lengths(execution_ns, 60 * S, None, slots)
    assert batch * rounds % slots == 0


@pytest.mark.parametrize("minutes", [1, 10, 60, 24 * 60])
def test_a_record_stays_small_however_long_the_run(minutes: int) -> None:
    """A day has no more samples than ten minutes."""
    batch, _, _ = lengths(1000.0, minutes * 60 * S, None, 2)
    assert minutes * 60 * S / (batch * 1000.0) <= ROUNDS * 1.01


def test_spans_go_on_until_their_time_adds_up() -> None:
    """However fast the card turns out to be."""
    spans: list[Span] = []
    asked = 0
    for rounds in rounds_until(spans, 10, 5 * S, ROUNDS_MOST):
        asked += rounds
        spans.append(Span(Timing.__new__(Timing), 0, 2 * S))
    assert (len(spans), asked) == (3, 30)


def test_a_card_whose_clock_stands_still_ends_at_the_most_rounds() -> None:
    """No run is endless."""
    assert sum(rounds_until([], 10, 5 * S, 100)) == 100

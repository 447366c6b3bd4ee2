"""What messages say of clocks, from made-up ones whose truth is known: no clock decides these tests."""

from __future__ import annotations

import numpy as np
import pytest

from zbench.measure import clocks
from zbench.measure.clocks import Bounds, Clock

POINTS, ROUNDS = 20, 10
GAP_NS = 5_000_000
FASTEST_NS = 120


class Child:
    """A clock that was `offset_ns` ahead at moment 0 of the true time and gains `drift_ppm`."""

    def __init__(self, offset_ns: int, drift_ppm: int) -> None:
        self.offset_ns, self.drift_ppm = offset_ns, drift_ppm

    def shows(self, moments: np.ndarray) -> np.ndarray:
        return moments + self.offset_ns + moments * self.drift_ppm // 1_000_000

    def moment(self, shown: int) -> float:
        return (shown - self.offset_ns) / (1 + self.drift_ppm / 1e6)


def bounds(child: Child, seed: int, parent: Clock | None = None, shown: Child | None = None) -> Bounds:
    """Messages of a fastest time and a long tail, both ways, as a parent with this clock reports them."""
    rng = np.random.default_rng(seed)
    delays = FASTEST_NS + rng.exponential(400, (2, POINTS, ROUNDS)).astype(np.int64)
    starts = 10**12 + np.arange(POINTS)[:, None] * GAP_NS + np.arange(ROUNDS) * 2000
    down, up = starts, starts + ROUNDS * 2000
    parent, shown = parent or clocks.reference(), shown or Child(0, 0)
    received, left = child.shows(down + delays[0]), child.shows(up)
    earliest = parent.earliest(shown.shows(down))
    latest = parent.latest(shown.shows(up + delays[1]))
    return Bounds(received, received - earliest, left, left - latest)


def within(clock: Clock, child: Child) -> bool:
    """Whether the truth is where the clock says that it must be, at its own moment."""
    at = np.array([clock.at_ns])
    offset = clock.at_ns - child.moment(clock.at_ns)
    drift_ppm = child.drift_ppm / (1 + child.drift_ppm / 1e6)
    off = abs(clock.base_ns + float(clock.offset(at)[0]) - offset)
    return bool(
        off <= float(clock.offset_error(at)[0]) + 2
        and abs(clock.drift / clocks.PPM - drift_ppm) <= clock.drift_error / clocks.PPM
    )


@pytest.mark.parametrize("offset_ns", [0, 1_000_000, -(3 * 10**15)])
@pytest.mark.parametrize("drift_ppm", [0, 50, -200])
def test_offset_and_drift_lie_within_the_stated_errors(offset_ns: int, drift_ppm: int) -> None:
    """Whatever the delays were: the errors are bounds and not deviations. Days apart, too."""
    child = Child(offset_ns, drift_ppm)
    for seed in range(20):
        clock = clocks.fit(bounds(child, seed))
        assert clock is not None
        assert within(clock, child)
        assert clock.offset_error(np.array([clock.at_ns]))[0] < 500
        assert clock.drift_error / clocks.PPM < 10


def test_a_grandchild_inherits_its_parents_errors() -> None:
    """Fitted against a clock that is itself only known within bounds, it is known no better."""
    parent, child = Child(2_000_000, 30), Child(-7_000_000, -40)
    for seed in range(20):
        first = clocks.fit(bounds(parent, seed))
        assert first is not None
        second = clocks.fit(bounds(child, 100 + seed, first, parent))
        assert second is not None
        assert within(second, child)
        near = first.offset_error(np.array([first.at_ns]))[0]
        assert second.offset_error(np.array([second.at_ns]))[0] > near


def test_a_clock_that_was_set_meanwhile_has_no_offset() -> None:
    """No line keeps to bounds from before and from after."""
    before, after = bounds(Child(0, 0), 1), bounds(Child(1_000_000, 0), 1)
    half = POINTS // 2
    mixed = Bounds(
        *(
            np.concatenate([getattr(before, name)[:half], getattr(after, name)[half:]])
            for name in ("received_ns", "most_ns", "sent_ns", "least_ns")
        )
    )
    assert clocks.fit(mixed) is None


def test_the_corners_are_those_of_the_lines_between_the_bounds() -> None:
    """Two bounds each way at two moments: a parallelogram."""
    times = np.array([0.0, 1.0])
    found = clocks.corners(times, np.array([1.0, 1.0]), times, np.array([-1.0, -1.0]))
    assert found is not None
    assert {(round(x, 9), round(y, 9)) for x, y in found} == {(1, 0), (1, -2), (-1, 0), (-1, 2)}


def test_an_estimate_that_a_message_contradicts_is_not_told() -> None:
    """One slow way at every moment pulls the regression; the messages of the others still hold."""
    for seed in range(20):
        seen = bounds(Child(0, 0), seed)
        seen.least_ns[3:, :] -= 100_000
        clock = clocks.fit(seen)
        assert clock is not None
        assert (clock.offset(seen.received_ns) + clock.base_ns <= seen.most_ns + 1e-3).all()
        assert (clock.offset(seen.sent_ns) + clock.base_ns >= seen.least_ns - 1e-3).all()
        assert within(clock, Child(0, 0))


def test_the_plain_offset_is_the_middle_of_the_closest_bounds() -> None:
    """And its error half of what is between them."""
    one = np.zeros((1, 2), np.int64)
    seen = Bounds(one, np.array([[30, 20]]), one, np.array([[-40, 10]]))
    assert clocks.plain(seen) == (15.0, 5.0)


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 5, 8, 13])
def test_every_rank_has_a_parent_that_is_known_before(ranks: int) -> None:
    """In lg p levels; nobody is in two pairs of a level."""
    known = {0}
    levels = clocks.tree(ranks)
    for level in levels:
        busy = [rank for pair in level for rank in pair]
        assert len(busy) == len(set(busy))
        assert {parent for parent, _ in level} <= known
        known |= {child for _, child in level}
    assert known == set(range(ranks))
    assert len(levels) == (ranks - 1).bit_length()


def test_a_time_is_told_where_the_clocks_are_off_by_a_tenth_of_it_at_most() -> None:
    """Else it is the clocks that are told."""
    assert clocks.usable(100, 1000)
    assert not clocks.usable(101, 1000)

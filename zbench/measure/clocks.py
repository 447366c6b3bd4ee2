"""What a rank's clock shows against that of rank 0, from messages alone. Pure.

A message is received after it was sent. So each one bounds how far two clocks are apart, from one side:
child minus parent is at most `received by the child - sent by the parent`, and at least `sent by the child -
received by the parent` (SKaMPI's td_max and td_min; Cristian 1989 has the argument). A line through time, an
offset and a drift, must keep to all bounds at once, and the lines that do are what is known: no distribution
of delays is assumed, and a noisy machine widens the answer instead of spoiling it (Duda, Harrus, Haddad and
Bernard 1987, "Estimating global time in distributed systems").

Clocks are handed down a binomial tree as in HCA3 (Hunold and Carpen-Amarie 2018, "Hierarchical clock
synchronization in MPI"): each child fits against its parent's already global clock, and inherits its bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.measure.statistics import Floats

Ints = NDArray[np.int64]

NS_PER_S = 1e9
PPM = 1000.0
"""ns in a second for each part in a million."""
SLACK_NS = 1e-3
"""Of a corner against the bounds that it lies on: what is lost in floating point, far below one tick."""
USABLE = 0.1
"""A time on the global clock is told where the clocks are off by at most this share of it."""


@dataclass(frozen=True)
class Clock:
    """One rank's clock minus rank 0's, as a line in its own time.

    At time t of its own it shows `base_ns + offset_ns + drift * (t - at_ns) / 1e9` more than rank 0's.
    """

    at_ns: int
    base_ns: int
    """The whole part of the offset: between hosts it may be larger than a float can hold to the ns."""
    offset_ns: float
    drift: float
    """ns per s."""
    corners: Floats
    """Shape (n, 2): (offset_ns, drift) at the corners of all that no message contradicts."""

    def offset(self, own_ns: Ints) -> Floats:
        """Without `base_ns`."""
        return self.offset_ns + self.drift * self._since(own_ns)

    def common(self, own_ns: Ints) -> Ints:
        """The same moments on rank 0's clock."""
        return self._less(own_ns, np.rint(self.offset(own_ns)))

    def earliest(self, own_ns: Ints) -> Ints:
        """The least that rank 0's clock can have shown then."""
        return self._less(own_ns, np.ceil(self._reach(own_ns).max(axis=0)))

    def latest(self, own_ns: Ints) -> Ints:
        """The most."""
        return self._less(own_ns, np.floor(self._reach(own_ns).min(axis=0)))

    def offset_error(self, own_ns: Ints) -> Floats:
        """How far the truth may lie from `offset`."""
        error: Floats = np.abs(self._reach(own_ns) - self.offset(own_ns)).max(axis=0)
        return error

    @property
    def drift_error(self) -> float:
        return float(np.abs(self.corners[:, 1] - self.drift).max())

    def _less(self, own_ns: Ints, offset_ns: Floats) -> Ints:
        shown: Ints = own_ns - self.base_ns - offset_ns.astype(np.int64)
        return shown

    def _reach(self, own_ns: Ints) -> Floats:
        """The offsets of all corners: one axis more, in front."""
        shape = (-1, *[1] * own_ns.ndim)
        offset: Floats = self.corners[:, 0].reshape(shape)
        drift: Floats = self.corners[:, 1].reshape(shape)
        return offset + drift * self._since(own_ns)

    def _since(self, own_ns: Ints) -> Floats:
        since: Floats = (own_ns - self.at_ns) / NS_PER_S
        return since


def reference() -> Clock:
    """Rank 0's own."""
    return Clock(0, 0, 0.0, 0.0, np.zeros((1, 2)))


@dataclass(frozen=True)
class Bounds:
    """What messages say of own clock minus rank 0's. Arrays of shape (points, rounds), ns.

    A point is a series of rounds so short that no drift shows in it.
    """

    received_ns: Ints
    """Own time of each message that came down; there the offset is at most ..."""
    most_ns: Ints
    sent_ns: Ints
    """Own time of each message that went up; there it is at least ..."""
    least_ns: Ints

    def last(self) -> Bounds:
        """Those of the last point."""
        return Bounds(self.received_ns[-1:], self.most_ns[-1:], self.sent_ns[-1:], self.least_ns[-1:])

    def then(self, later: Bounds) -> Bounds:
        """All of them."""
        return Bounds(
            np.concatenate([self.received_ns, later.received_ns]),
            np.concatenate([self.most_ns, later.most_ns]),
            np.concatenate([self.sent_ns, later.sent_ns]),
            np.concatenate([self.least_ns, later.least_ns]),
        )


@dataclass(frozen=True)
class Middles:
    """The closest bounds of each point: shape (points,)."""

    at_ns: Ints
    offset_ns: Floats
    half_ns: Floats
    """Half of what lies between them: the offset is known no better than this at that point."""


def middles(bounds: Bounds, base_ns: int) -> Middles:
    """Offsets beyond `base_ns`. HCA3 and SKaMPI keep the fastest messages of a point as well."""
    most = (bounds.most_ns - base_ns).min(axis=1)
    least = (bounds.least_ns - base_ns).max(axis=1)
    at = np.concatenate([bounds.received_ns, bounds.sent_ns], axis=1)
    return Middles(
        at.min(axis=1) + np.ptp(at, axis=1) // 2, (most + least) / 2, np.maximum((most - least) / 2, 0.5)
    )


def fit(bounds: Bounds) -> Clock | None:
    """The clock that these bounds leave; None where no constant drift keeps to all of them.

    The estimate is HCA3's: a regression through the middles of all points, here weighted by how close their
    bounds are. Where that contradicts a message, the middle of the corners stands instead.
    """
    base = int(np.median(bounds.most_ns))
    at = int(bounds.sent_ns[-1, -1])
    found = corners(
        (bounds.received_ns.ravel() - at) / NS_PER_S,
        (bounds.most_ns.ravel() - base).astype(np.float64),
        (bounds.sent_ns.ravel() - at) / NS_PER_S,
        (bounds.least_ns.ravel() - base).astype(np.float64),
    )
    if found is None:
        return None
    points = middles(bounds, base)
    drift, offset = np.polyfit((points.at_ns - at) / NS_PER_S, points.offset_ns, 1, w=1 / points.half_ns)
    clock = Clock(at, base, float(offset), float(drift), found)
    return clock if _keeps_to(clock, bounds) else _central(clock)


def _keeps_to(clock: Clock, bounds: Bounds) -> bool:
    over = clock.offset(bounds.received_ns) + clock.base_ns - bounds.most_ns
    under = bounds.least_ns - clock.offset(bounds.sent_ns) - clock.base_ns
    return bool(max(over.max(), under.max()) <= SLACK_NS)


def _central(clock: Clock) -> Clock:
    offset, drift = clock.corners.mean(axis=0)
    return Clock(clock.at_ns, clock.base_ns, float(offset), float(drift), clock.corners)


def corners(above_s: Floats, most: Floats, below_s: Floats, least: Floats) -> Floats | None:
    """Corners (offset, drift) of the lines that lie below all `most` and above all `least`; None: no line.

    The set is a convex polygon, each corner where two bounds are met at once. Only bounds on the convex hulls
    can be met, so that few pairs are left to try.
    """
    above, below = _lower_hull(above_s, most), -_lower_hull(below_s, -least) * (-1, 1)
    times = np.concatenate([above[:, 0], below[:, 0]])
    values = np.concatenate([above[:, 1], below[:, 1]])
    one, other = np.triu_indices(len(times), 1)
    apart = times[one] != times[other]
    one, other = one[apart], other[apart]
    drift = (values[other] - values[one]) / (times[other] - times[one])
    offset = values[one] - drift * times[one]
    lines = offset[:, None] + drift[:, None] * times
    over = lines - values
    over[:, len(above) :] *= -1
    kept = (over <= SLACK_NS).all(axis=1)
    return np.stack([offset[kept], drift[kept]], axis=1) if kept.any() else None


def _lower_hull(x: Floats, y: Floats) -> Floats:
    """The points that a line below all of them can touch, from left to right (Andrew 1979). Shape (n, 2)."""
    order = np.lexsort((y, x))
    hull: list[tuple[float, float]] = []
    for px, py in zip(x[order].tolist(), y[order].tolist(), strict=True):
        if hull and hull[-1][0] == px:
            continue  # the lower one of the same moment came first
        while len(hull) > 1 and _turns_right(hull[-2], hull[-1], (px, py)):
            hull.pop()
        hull.append((px, py))
    return np.array(hull)


def _turns_right(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])


def plain(bounds: Bounds) -> tuple[float, float]:
    """(offset, half of what is between its bounds) without a drift: SKaMPI's, for one moment."""
    most, least = int(bounds.most_ns.min()), int(bounds.least_ns.max())
    return (most + least) / 2, abs(most - least) / 2


def residuals(clock: Clock, bounds: Bounds) -> Floats:
    """How far each point's middle lies from what the clock foretold, ns."""
    points = middles(bounds, clock.base_ns)
    return np.abs(points.offset_ns - clock.offset(points.at_ns))


def tree(ranks: int) -> list[list[tuple[int, int]]]:
    """Levels of a binomial tree under rank 0, each (parent, child) pairs that work at the same time."""
    levels = []
    known = 1
    while known < ranks:
        levels.append([(rank, rank + known) for rank in range(known) if rank + known < ranks])
        known *= 2
    return levels


def pair_of(level: Sequence[tuple[int, int]], rank: int) -> tuple[int, int] | None:
    """The pair that a rank belongs to; None: it rests."""
    return next((pair for pair in level if rank in pair), None)


def usable(error_ns: float, time_ns: float) -> bool:
    """Whether clocks that are off by so much can tell a time of so much."""
    return error_ns <= USABLE * time_ns


def told(clock: Clock, own_ns: int) -> dict[str, Any]:
    """The clock at one moment of its own, as a record keeps it."""
    at = np.array([own_ns], np.int64)
    return {
        "at_ns": own_ns,
        "offset_ns": clock.base_ns + float(clock.offset(at)[0]),
        "offset_error_ns": float(clock.offset_error(at)[0]),
        "drift_ppm": clock.drift / PPM,
        "drift_error_ppm": clock.drift_error / PPM,
    }

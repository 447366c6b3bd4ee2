"""LogGP of a pair of ranks, as far as ping-pongs and windows of messages tell it.

Alexandrov, Ionescu, Schauser and Scheiman, "LogGP", SPAA 1995; measured as Netgauge does it (Hoefler, Lichei
and Rehm, "Low-overhead LogGP parameter assessment", 2007; ptrn_loggp.c), PRTT(n, d, s) being the time until
the answer to n messages of s bytes sent d apart has come:

    L = PRTT(1, 0, s0) / 2, with both overheads in it
    g + (s - 1) G = (PRTT(n, 0, s) - PRTT(1, 0, s)) / (n - 1), fitted over s

A ping-pong is PRTT(1, 0, s). A window of n messages is answered by an empty message, so that
PRTT(n, 0, s) is the window and half the ping-pong of s less half that of the shortest message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from zbench.fabrics.base import window
from zbench.judge.costfit import LEAST_SIZES, bounds
from zbench.judge.costmodel import Constant, execution_ns
from zbench.judge.summary import Summary
from zbench.measure.statistics import Floats

ONE_WAY = ("unidirectional", "message_rate")
"""Windows of messages from rank 0 to rank 1."""
ANOTHER_PROTOCOL = 2.0
"""Netgauge's: a size that is off the fit by this factor is sent in another way (eager, rendezvous)."""
LATENCY_BYTES = 56
"""What is still a short message: it travels with its header in one cache line, or one packet."""
OVERHEADS = "needs messages with a pause between them, PRTT(n, d, s), which no case has"


class LogGP(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parameters that these cases identify, and why they do not tell the others."""

    latency_ns: Constant | None = None
    """L, of the shortest message."""
    gap_ns: Constant | None = None
    """g, between messages."""
    gap_ns_per_byte: Constant | None = None
    """G."""
    sizes: tuple[int, ...] = ()
    """Of the windows that g and G were fitted to."""
    worst: float | None = None
    """The largest |measured / fitted - 1| of these."""
    unknown: dict[str, str]
    """Parameter -> why it is not identifiable from these cases."""

    @property
    def straight(self) -> bool:
        """Whether one g and G hold at all sizes."""
        return self.worst is not None and self.worst < ANOTHER_PROTOCOL - 1


Timed = tuple[float, dict[int, float]]
"""ns of an execution over all launches, and block -> ns."""


def loggp(summaries: Sequence[Summary]) -> LogGP | None:
    """Of one fabric and one number of ranks; None where no message went to and fro."""
    usable = [s for s in summaries if s.trusted and s.median_ns and s.case.size[0] > 0]
    trips = {s.case.size[0]: execution_ns(s) for s in usable if s.case.workload == "pingpong"}
    windows = {
        s.case.size[0]: execution_ns(s)
        for s in usable
        if s.case.workload in ONE_WAY and window(s.case.size[0]) > 1
    }
    if not trips:
        return None
    unknown, latency, shortest = {"o": OVERHEADS}, None, min(trips)
    if shortest <= LATENCY_BYTES:
        latency = _over_launches([ns / 2 for ns in trips[shortest][1].values()])
    else:
        unknown["L"] = f"the shortest ping-pong has {shortest} bytes"
    between = {size: timed for size, timed in sorted(windows.items()) if shortest <= size <= max(trips)}
    found = LogGP(latency_ns=latency, sizes=tuple(between), unknown=unknown)
    return _with_gaps(found, between, trips)


def _with_gaps(found: LogGP, windows: Mapping[int, Timed], trips: Mapping[int, Timed]) -> LogGP:
    """With g and G, or why they are not known."""
    if len(windows) < LEAST_SIZES:
        told = f"a line needs windows of {LEAST_SIZES} sizes between ping-pongs, here are {len(windows)}"
        return msgspec.structs.replace(found, unknown=found.unknown | {"g": told, "G": told})
    gaps = _gaps({s: ns for s, (ns, _) in windows.items()}, {s: ns for s, (ns, _) in trips.items()})
    blocks = set.intersection(*(set(each) for _, each in (*windows.values(), *trips.values())))
    of_launches = [
        _gaps({s: ns[b] for s, (_, ns) in windows.items()}, {s: ns[b] for s, (_, ns) in trips.items()})
        for b in sorted(blocks)
    ]
    if not all((each > 0).all() for each in (gaps, *of_launches)):
        told = "a window was answered before its messages can have come one after the other"
        return msgspec.structs.replace(found, unknown=found.unknown | {"g": told, "G": told})
    sizes = np.array(list(windows), np.float64)
    lines = [_line(sizes, each) for each in of_launches or [gaps]]
    gap, per_byte = np.median(lines, axis=0)
    return msgspec.structs.replace(
        found,
        gap_ns=_over_launches([float(line[0]) for line in lines]),
        gap_ns_per_byte=_over_launches([float(line[1]) for line in lines]),
        worst=float(np.max(np.abs(gaps / (gap + (sizes - 1) * per_byte) - 1))),
    )


def _gaps(windows_ns: Mapping[int, float], trips_ns: Mapping[int, float]) -> Floats:
    """(PRTT(n, 0, s) - PRTT(1, 0, s)) / (n - 1) of each window; a straight line between ping-pongs."""
    known = sorted(trips_ns)
    trips = np.interp(list(windows_ns), known, [trips_ns[s] for s in known])
    after = np.array(list(windows_ns.values())) - trips / 2 - trips_ns[known[0]] / 2
    return np.asarray(after / (np.array([window(s) for s in windows_ns]) - 1), np.float64)


def _line(sizes: Floats, gaps: Floats) -> Floats:
    """(g, G) with the least relative error, neither below zero."""
    from scipy.optimize import nnls  # slow to load, and most runs have no such fit

    longest = sizes.max()
    found, _ = nnls(np.column_stack([1 / gaps, (sizes - 1) / longest / gaps]), np.ones(len(gaps)))
    return np.array([found[0], found[1] / longest])


def _over_launches(values: Sequence[float]) -> Constant:
    return Constant(float(np.median(values)), bounds(values))

"""What a meter tells while rounds are timed: read without disturbing them, made into a record's telemetry."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from itertools import accumulate, pairwise
from math import inf, isfinite

import numpy as np

from zbench.meters.base import Meter, Reading
from zbench.records.schema import MOST_SAMPLES, Sample, Telemetry

Window = tuple[int, int]
"""Start and end of a timed span on the harness' clock, in ns."""
PAUSE_SHARE = 0.05
"""Of a span: a shorter pause before the next one is one in which the meter was read, nothing else."""
QUANTITIES = ("power_w", "clock_hz", "memory_clock_hz", "temperature_c")


@dataclass(frozen=True)
class Stamped:
    at_ns: int
    """On the harness' clock."""
    reading: Reading


@dataclass
class Watch:
    """The readings of one burst, in order; `look` takes one."""

    meter: Meter | None
    clock: Callable[[], int]
    readings: list[Stamped] = field(default_factory=list)
    why: str = ""
    """What ended it."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> None:
        """Read the meter now. What it raises, or tells that cannot be, ends the watch and nothing else."""
        if self.meter is None:
            return
        with self._lock:
            if self.why:
                return
            try:
                began = self.clock()
                reading = self.meter.read()
                now = (began + self.clock()) // 2
                self.why = impossible(reading, [each.reading for each in self.readings[-1:]])
            except Exception as error:  # a vendor's: a card whose meter fails has still computed
                self.why = f"{type(error).__name__}: {error}"
            if not self.why:
                self.readings.append(Stamped(now, reading))


def impossible(reading: Reading, before: Sequence[Reading]) -> str:
    """Why a meter cannot have told this, or an empty string."""
    if not isinstance(reading, Reading):
        return f"the meter told {type(reading).__name__}, not a Reading"
    *figures, throttle = astuple(reading)
    for figure in figures:
        if figure is not None and not (isinstance(figure, float | int) and isfinite(figure)):
            return f"the meter told {figure!r} where a number was asked for"
    for name in ("energy_j", "power_w", "clock_hz", "memory_clock_hz"):
        if (getattr(reading, name) or 0) < 0:
            return f"the meter told a {name} of {getattr(reading, name)}"
    if not isinstance(throttle, tuple) or not all(isinstance(reason, str) for reason in throttle):
        return f"the meter told {throttle!r} where reasons were asked for"
    then = before[-1].energy_j if before else None
    if then is not None and reading.energy_j is not None and reading.energy_j < then:
        return f"the energy counter fell from {then} to {reading.energy_j} J"
    return ""


@contextmanager
def watching(meter: Meter | None, clock: Callable[[], int]) -> Iterator[Watch]:
    """A watch, with a thread that reads at the meter's rate where it has one."""
    watch = Watch(meter, clock)
    if meter is None or meter.rate_hz <= 0:
        yield watch
        return
    ended = threading.Event()

    def read_on() -> None:
        while not ended.wait(1 / meter.rate_hz):
            watch.look()

    thread = threading.Thread(target=read_on, name="telemetry", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def telemetry(
    meter: Meter, readings: Sequence[Stamped], windows: Sequence[Window], why: str = ""
) -> Telemetry:
    """A record's telemetry from all readings of a burst and its timed spans, both in order. Pure.

    Energy is the difference of the counter between the readings around each span, added up; without a counter
    the trapezoids under the power readings in it, which needs a rate.
    """
    during = of_windows([each.at_ns for each in readings], windows)
    lengths = [end - start for start, end in windows]
    before_ns, window_ns = [0, *accumulate(lengths)], sum(lengths)
    step_s, source, energy = meter.refresh_s, "counter", counted(readings, windows)
    if energy is None and meter.rate_hz > 0:
        step_s, source = max(step_s, 1 / meter.rate_hz), "power"
        powers = [(each.at_ns, each.reading.power_w) for each in readings if each.reading.power_w is not None]
        energy = trapezoids(powers, windows)
    told = energy is not None and not why
    samples = [_sample(readings, place, windows[i], before_ns[i]) for place, i in during]
    reasons = Counter(reason for place, _ in during for reason in set(readings[place].reading.throttle))
    return Telemetry(
        method=meter.method,
        rate_hz=float(meter.rate_hz),
        readings=len(during),
        window_ns=window_ns,
        energy_j=energy if told else None,
        energy_from=source if told else "",  # type: ignore[arg-type]
        energy_error=off_by(windows, step_s) if told else 0.0,
        throttle=dict(sorted(reasons.items())),
        samples=fewer(samples, MOST_SAMPLES),
        why=why,
    )


def off_by(windows: Sequence[Window], step_s: float) -> float:
    """By what share the energy of these windows may be off, where its figure advances every `step_s`. Pure.

    At each end of a stretch it may be stale by a step. Windows that (nearly) touch are one stretch: what one
    misses the next one has, and no more than their pauses is taken for work.
    """
    stretches, pauses_ns = 1, 0
    for (start, end), (next_start, _) in pairwise(windows):
        touching = next_start - end <= PAUSE_SHARE * (end - start)
        stretches += not touching
        pauses_ns += (next_start - end) * touching
    window_ns = sum(end - start for start, end in windows)
    return (stretches * step_s * 1e9 + pauses_ns) / max(1, window_ns)


def counted(readings: Sequence[Stamped], windows: Sequence[Window]) -> float | None:
    """Joules that a counter grew by during the windows; None where not each has a reading on both sides."""
    told = [(each.at_ns, each.reading.energy_j) for each in readings if each.reading.energy_j is not None]
    total = 0.0
    stamps = [at for at, _ in told]
    for start, end in windows:
        before, after = bisect_right(stamps, start) - 1, bisect_left(stamps, end)
        if before < 0 or after == len(told):
            return None
        total += told[after][1] - told[before][1]
    return total if windows else None


def trapezoids(powers: Sequence[tuple[int, float]], windows: Sequence[Window]) -> float | None:
    """Joules under (ns, W) points in order, within the windows only; beyond the outermost points power is
    what they tell. None without a point."""
    if not powers or not windows:
        return None
    stamps, watts = (np.asarray(column, np.float64) for column in zip(*powers, strict=True))
    total = 0.0
    for start, end in windows:
        at = np.array([start, *stamps[(start < stamps) & (stamps < end)], end], np.float64)
        height = np.interp(at, stamps, watts)
        total += float(((height[1:] + height[:-1]) / 2 * np.diff(at)).sum()) / 1e9
    return total


def of_windows(stamps: Sequence[int], windows: Sequence[Window]) -> list[tuple[int, int]]:
    """(place of a reading, place of its window) for all that speak of timed rounds: taken during them, or the
    first one after a span. The one before a span tells of the pause before. Pure."""
    found = []
    for i, (start, end) in enumerate(windows):
        after = bisect_left(stamps, end)
        found += [(place, i) for place in range(bisect_right(stamps, start), after)]
        next_start = windows[i + 1][0] if i + 1 < len(windows) else inf
        if after < len(stamps) and stamps[after] <= next_start:
            found.append((after, i))
    return found


def _sample(readings: Sequence[Stamped], place: int, window: Window, before_ns: int) -> Sample:
    """A reading on the axis of timed time, of which `before_ns` lie before its window; without a power figure
    that of the counter since the reading before it."""
    start, end = window
    each, at = readings[place].reading, min(readings[place].at_ns, end)
    power_w = each.power_w
    if power_w is None and each.energy_j is not None and place:
        last = readings[place - 1]
        span_ns = at - max(last.at_ns, start)
        if last.reading.energy_j is not None and span_ns > 0:
            power_w = (each.energy_j - last.reading.energy_j) / span_ns * 1e9
    return Sample(
        at_ns=before_ns + at - start,
        power_w=power_w,
        clock_hz=each.clock_hz,
        memory_clock_hz=each.memory_clock_hz,
        temperature_c=each.temperature_c,
        throttle=list(each.throttle),
    )


def fewer(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most `most` in order: the first, the last, each quantity's extremes, the rest evenly. Pure."""
    if len(samples) <= most:
        return list(samples)
    kept = {0, len(samples) - 1}
    for name in QUANTITIES:
        told = [(value, i) for i, each in enumerate(samples) if (value := getattr(each, name)) is not None]
        if told:
            kept |= {min(told)[1], max(told)[1]}
    evenly = np.linspace(0, len(samples) - 1, most - len(kept)).round().astype(int)
    return [samples[i] for i in sorted(kept | set(evenly.tolist()))]

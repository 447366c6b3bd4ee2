"""Telemetry from made-up readings on a made-up clock, and a thread that really reads."""

import threading
from collections.abc import Sequence

import pytest

from zbench.measure.telemetry import Stamped, Watch, fewer, off_by, telemetry, trapezoids, watching
from zbench.meters.base import Meter, Reading
from zbench.records.schema import MOST_SAMPLES, Sample

S = 1_000_000_000
"""One second in ns."""


class Told(Meter):
    """Tells these readings one after the other, the last one for ever."""

    method = "made up"

    def __init__(self, readings: Sequence[object], rate_hz: float = 0.0, refresh_s: float = 0.0) -> None:
        self.readings, self.rate_hz, self.refresh_s = list(readings), rate_hz, refresh_s
        self.threads: set[str] = set()
        self.fourth = threading.Event()

    def read(self) -> Reading:
        self.threads.add(threading.current_thread().name)
        if len(self.readings) > 1:
            told = self.readings.pop(0)
        else:
            told = self.readings[0]
            self.fourth.set()
        if isinstance(told, Exception):
            raise told
        return told  # type: ignore[return-value]


def stamped(*readings: tuple[float, Reading]) -> list[Stamped]:
    """(s, reading) pairs."""
    return [Stamped(int(at * S), reading) for at, reading in readings]


def windows(*spans: tuple[float, float]) -> list[tuple[int, int]]:
    return [(int(start * S), int(end * S)) for start, end in spans]


def test_energy_is_what_the_counter_grew_by_in_the_spans_alone() -> None:
    """What is drawn in the pauses between spans, where data is rewritten, is nobody's efficiency."""
    readings = stamped(
        (0.9, Reading(energy_j=10)),
        (2.1, Reading(energy_j=110)),
        (2.9, Reading(energy_j=160)),
        (4.1, Reading(energy_j=260)),
    )
    told = telemetry(Told([]), readings, windows((1, 2), (3, 4)))
    assert (told.energy_j, told.energy_from, told.window_ns, told.readings) == (200, "counter", 2 * S, 2)


def test_without_a_counter_energy_is_the_trapezoids_under_the_power() -> None:
    """0 to 100 W over 2 s, of which the second one counts: 75 J."""
    readings = stamped((0, Reading(power_w=0)), (2, Reading(power_w=100)), (3, Reading(power_w=0)))
    told = telemetry(Told([], rate_hz=10), readings, windows((1, 2)))
    assert (told.energy_j, told.energy_from) == (pytest.approx(75), "power")


def test_trapezoids_hold_what_the_outermost_points_tell() -> None:
    """A window that begins before the first reading and ends after the last."""
    assert trapezoids([(2 * S, 50.0), (4 * S, 150.0)], windows((1, 5))) == pytest.approx(50 + 200 + 150)
    assert trapezoids([], windows((1, 5))) is None


def test_power_before_and_after_is_no_energy() -> None:
    """What was drawn between two readings a burst apart was not observed."""
    told = telemetry(Told([]), stamped((0, Reading(power_w=9)), (2, Reading(power_w=9))), windows((1, 2)))
    assert (told.energy_j, told.energy_from) == (None, "")


def test_energy_tells_by_how_much_it_may_be_off() -> None:
    """A counter that advances every 0.1 s may be stale by that in each of two spans of 1 s."""
    readings = stamped(*((at, Reading(energy_j=at)) for at in (1, 2, 3, 4)))
    told = telemetry(Told([], refresh_s=0.1), readings, windows((1, 2), (3, 4)))
    assert told.energy_error == pytest.approx(0.1)


def test_spans_that_touch_are_as_sure_as_one() -> None:
    """What a stale counter misses in one second of a sustained run it has in the next."""
    seconds = windows(*((i, i + 0.999) for i in range(60)))
    assert off_by(seconds, 0.1) == pytest.approx((0.1 + 59 * 0.001) / (60 * 0.999))
    apart = windows(*((i, i + 0.5) for i in range(60)))
    assert off_by(apart, 0.1) == pytest.approx(0.2)


def test_throttling_counts_during_and_right_after_a_span() -> None:
    """The reading before a span tells of the pause before it."""
    hot = Reading(throttle=("too hot",))
    readings = stamped((0.9, hot), (1.5, Reading()), (2.1, hot), (2.9, hot), (4.1, Reading()))
    told = telemetry(Told([]), readings, windows((1, 2), (3, 4)))
    assert (told.throttle, told.readings) == ({"too hot": 1}, 3)
    assert [sample.throttle for sample in told.samples] == [[], ["too hot"], []]


def test_samples_stand_on_the_axis_of_timed_time() -> None:
    """Pauses are left out, so that a sample finds its place among the rounds."""
    readings = stamped(*((at, Reading(power_w=at)) for at in (0.9, 1.5, 2.1, 2.9, 3.5, 4.2)))
    told = telemetry(Told([]), readings, windows((1, 2), (3, 4)))
    assert [sample.at_ns / S for sample in told.samples] == [0.5, 1.0, 1.5, 2.0]
    assert [sample.power_w for sample in told.samples] == [1.5, 2.1, 3.5, 4.2]


def test_a_counter_gives_the_power_of_each_span() -> None:
    """Where no power is told: 100 J in 1 s, then 300 J."""
    energies = [(1, 0), (2, 100), (2.5, 120), (3.5, 420)]
    readings = stamped(*((at, Reading(energy_j=energy)) for at, energy in energies))
    told = telemetry(Told([]), readings, windows((1, 2), (2.5, 3.5)))
    assert [sample.power_w for sample in told.samples] == [100, 300]


def test_many_samples_become_few_with_the_extremes_among_them() -> None:
    """The first, the last, the hottest and the slowest moment."""
    samples = [Sample(at_ns=i, clock_hz=1e9, temperature_c=50.0) for i in range(5000)]
    samples[1234] = Sample(at_ns=1234, clock_hz=1e8, temperature_c=50.0)
    samples[4321] = Sample(at_ns=4321, clock_hz=1e9, temperature_c=99.0)
    kept = fewer(samples, MOST_SAMPLES)
    assert {0, 1234, 4321, 4999} <= {sample.at_ns for sample in kept}
    assert MOST_SAMPLES / 2 < len(kept) <= MOST_SAMPLES
    assert kept == sorted(kept, key=lambda sample: sample.at_ns)
    assert fewer(samples[:7], MOST_SAMPLES) == samples[:7]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (RuntimeError("device lost"), "RuntimeError: device lost"),
        ("fast", "told str, not a Reading"),
        (Reading(power_w=float("nan")), "told nan where a number"),
        (Reading(clock_hz="fast"), "told 'fast' where a number"),  # type: ignore[arg-type]
        (Reading(clock_hz=-1.0), "told a clock_hz of -1.0"),
        (Reading(throttle="hot"), "told 'hot' where reasons"),  # type: ignore[arg-type]
        (Reading(energy_j=1), "fell from 5 to 1 J"),
    ],
)
def test_a_meter_that_fails_ends_its_watch_and_nothing_else(told: object, why: str) -> None:
    """Its energy is not to be trusted then; what it had told before is kept."""
    now = iter(range(0, 100 * S, S))
    watch = Watch(Told([Reading(energy_j=5), told]), lambda: next(now))
    for _ in range(3):
        watch.look()
    assert why in watch.why
    assert len(watch.readings) == 1
    kept = telemetry(Told([]), watch.readings, [(0, S)], watch.why)
    assert (kept.energy_j, kept.why) == (None, watch.why)


def test_a_thread_reads_at_the_rate_of_the_meter() -> None:
    """While the main one waits, as it does for a device."""
    meter = Told([Reading()] * 4, rate_hz=1000)
    with watching(meter, lambda: 0) as watch:
        watch.look()
        assert meter.fourth.wait(60)
    assert meter.threads == {"MainThread", "telemetry"}
    assert "telemetry" not in {thread.name for thread in threading.enumerate()}


def test_a_meter_without_a_rate_is_read_by_no_thread() -> None:
    """On a small host that thread would be what is measured."""
    meter = Told([Reading()])
    with watching(meter, lambda: 0) as watch:
        assert "telemetry" not in {thread.name for thread in threading.enumerate()}
        watch.look()
    assert len(watch.readings) == 1

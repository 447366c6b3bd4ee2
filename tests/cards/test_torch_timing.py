"""Clocks of torch: events where they time, the host's clock where they do not."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

from tests.cards.torch_here import CARDS, IDS, HostEvent
from zbench.cards import torch_timing as timing
from zbench.cards.torch import Torch
from zbench.case import Case
from zbench.measure.bench import CardBench
from zbench.measure.burst import Policy, burst

BRIEF = Policy(burst_ns=20_000_000, rounds_max=100)


def test_rounds_on_the_device_are_the_time_between_events() -> None:
    """However many there are, events take turns, and none is read before it has been reached."""

    class Device:
        """Each execution takes 3 ms of a device that runs behind its host."""

        now_ms, reached = 0.0, 0.0

    class Event:
        at = -1.0

        def record(self) -> None:
            self.at = Device.now_ms

        def synchronize(self) -> None:
            Device.reached = max(Device.reached, self.at)

        def elapsed_time(self, end: Event) -> float:
            assert end.at <= Device.reached
            return end.at - self.at

    ran: list[int] = []

    def execution(slot: int) -> int:
        Device.now_ms += 3
        ran.append(slot)
        return slot

    queue = timing.Queue([lambda: execution(0), lambda: execution(1), lambda: execution(2)])
    ring = [Event() for _ in range(4)]
    for rounds in (0, 1, 3, 4, 5, 50):
        ran.clear()
        times = timing.on_device(queue, rounds, 2, lambda: None, ring)
        assert times.tolist() == [6_000_000] * rounds
        assert times.dtype == np.int64
        assert ran == [i % 3 for i in range(2 * rounds)]
    assert queue.latest == [0, 1, 2]


def test_rounds_on_the_host_wait_for_the_device() -> None:
    """Nothing is stamped that has only been launched."""
    log: list[str] = []
    queue = timing.Queue([lambda: log.append("a"), lambda: log.append("b")])
    times = timing.on_host(queue, 2, 3, lambda: log.append("wait"))
    assert log == ["wait", "a", "b", "a", "wait", "b", "a", "b", "wait"]
    assert times.shape == (2,)
    assert (times >= 0).all()


@pytest.mark.parametrize("broken", [None, "raises", "backwards"])
def test_events_that_do_not_time_are_not_used(broken: str | None) -> None:
    """The host's clock is then; some devices have events that only order."""

    class Event(HostEvent):
        def elapsed_time(self, end: HostEvent) -> float:
            if broken == "raises":
                raise RuntimeError("not created with timing")
            return -1.0 if broken == "backwards" else super().elapsed_time(end)

    class Module:
        pass

    assert timing.events(Module(), lambda: None) is None
    Module.Event = Event  # type: ignore[attr-defined]
    assert (timing.events(Module(), lambda: None) is None) == bool(broken)


@pytest.mark.parametrize("card", CARDS, ids=IDS)
def test_what_timing_costs_is_measured_as_rounds_are(card: Torch) -> None:
    """A round of nothing costs something, and short executions are batched by it."""
    cost = card.clock_cost_ns()
    assert cost > 0
    bench = CardBench(card, Case("gemm", "fp32", (16, 16, 16)), seeds=[1, 2])
    record = burst(bench, BRIEF, cost, verify_seed=1)
    bench.release()
    assert record["verification"]["passed"]  # whether clocks agree is up to what else this machine does
    assert record["clock_cost_ns"] == cost

"""Copies of torch: what a device, its host and its peers exchange arrives, and none is refused in silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

import torch

from tests.cards.torch_here import verified
from zbench.cards import torch_copies as copies
from zbench.cards import torch_timing as timing
from zbench.cards.torch import Torch
from zbench.case import Case
from zbench.errors import Unsupported
from zbench.measure.bench import CardBench


class WithinHost(Torch):
    """The card as it is on a device of its own, which here happens to be the CPU, without events."""

    waits = 0

    def __init__(self) -> None:
        super().__init__("cpu")
        self.on_host = False
        self.ring = None

    def synchronize(self) -> None:
        self.waits += 1


@pytest.mark.parametrize("name", copies.COPIES)
@pytest.mark.parametrize("size", [1, 8, 4097, 1 << 20])
def test_every_byte_arrives(name: str, size: int) -> None:
    """Of odd sizes, too."""
    told = verified(WithinHost(), Case(name, "byte", (size,)))
    assert told["copy"] == ("queued" if name == "copy_d2d" else "waited for")


def test_a_copy_that_blocks_is_waited_for() -> None:
    """On one device torch waits for no copy by itself: its time would be a launch's."""
    card = WithinHost()
    for blocking, waits in (("no", 1 + 2), ("yes", 1 + 2 + 4)):  # the first, each round, each execution
        bench = CardBench(card, Case("copy_d2d", "byte", (8,), {"blocking": blocking}), seeds=[1, 2])
        card.waits = 0
        bench.run(2, 2)
        assert card.waits == waits
        bench.release()


@pytest.mark.parametrize(
    ("case", "lacks"),
    [
        (Case("copy_h2d", "byte", (8,), {"blocking": "no"}), "no blocking=no for byte copy_h2d (has: yes)"),
        (Case("copy_h2d", "fp32", (8,)), "no fp32 copy_h2d (has: byte)"),
        (Case("copy_d2d", "byte", (8,), {"memory": "pinned"}), "no memory=pinned"),
        (Case("copy_d2h", "byte", (8,), {"memory": "managed"}), "no memory=managed"),
        (Case("copy_h2d", "byte", (8,), {"peer": 1}), "no peer=1 for byte copy_h2d (has: none)"),
        (
            Case("copy_d2d", "byte", (8,), {"peer": 1}),
            "cpu does not reach the memory on card 1 by itself (reaches: none)",
        ),
    ],
)
def test_what_it_lacks_is_told(case: Case, lacks: str) -> None:
    """Pageable memory does not queue, and a copy that goes by the host is none between cards."""
    with pytest.raises(Unsupported) as told:
        CardBench(WithinHost(), case, seeds=[1, 2])
    assert lacks in str(told.value)


@pytest.mark.parametrize("name", copies.COPIES)
def test_the_cpu_has_nothing_to_copy(name: str) -> None:
    """Its memory is the host's."""
    card = Torch("cpu")
    assert not card.operations().keys() & {*copies.COPIES}
    assert card.peers == ()
    with pytest.raises(Unsupported, match=r"memory is the host's|no copy_d2d"):
        CardBench(card, Case(name, "byte", (8,)), seeds=[1, 2])


class Module:
    """A device module of four, of which the first reaches the last two."""

    @staticmethod
    def device_count() -> int:
        return 4

    @staticmethod
    def can_device_access_peer(device: int, peer: int) -> bool:
        assert device != peer  # torch raises there
        return device == 0 and peer >= 2


@pytest.mark.parametrize(("number", "expected"), [(0, (2, 3)), (1, ())])
def test_peers_are_what_a_device_reaches_by_itself(number: int, expected: tuple[int, ...]) -> None:
    """Others are reached by way of the host only."""
    assert copies.peers(torch.device("cuda", number), Module()) == expected


def test_without_a_word_on_peers_there_are_none() -> None:
    """A module that does not tell is not guessed at."""
    assert copies.peers(torch.device("cuda", 0), object()) == ()


def test_pinned_memory_is_pinned_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never pageable memory under that name."""
    empty = torch.empty

    def pageable(shape: Any, *, pin_memory: bool, **options: Any) -> torch.Tensor:
        assert pin_memory
        return empty(shape, **options)

    monkeypatch.setattr(torch, "empty", pageable)
    with pytest.raises(Unsupported, match="no memory pinned on the host"):
        copies.empty("pinned", (8,), "byte", torch.device("cpu"), ())


ACCELERATED = pytest.mark.skipif(
    not torch.accelerator.is_available(), reason="torch finds no accelerator here: its own path is not tested"
)


@ACCELERATED
@pytest.mark.parametrize("name", copies.COPIES)
@pytest.mark.parametrize("size", [1, 4097, 1 << 20, 64 << 20])
def test_an_accelerator_exchanges_every_byte(name: str, size: int) -> None:
    """With either memory of the host, queued and waited for, and with every peer that it reaches."""
    card = Torch()
    modes = card.modes(Case(name, "byte", (size,)))
    for where in modes.get("memory") or ("pageable",):
        for peer in modes.get("peer") or ("none",):
            case = Case(name, "byte", (size,), {"memory": where, "peer": peer})
            for blocking in card.modes(case)["blocking"] or ():
                verified(card, Case(name, "byte", (size,), case.parameters | {"blocking": blocking}))


@ACCELERATED
def test_an_accelerators_copies_are_timed_to_their_end() -> None:
    """Queued from pinned memory, 64 MiB take longer than any launch: an unsynchronised time would be one."""
    card = Torch()
    times = {}
    for size in (4 << 20, 64 << 20):
        case = Case("copy_h2d", "byte", (size,), {"memory": "pinned"})
        bench = CardBench(card, case, seeds=[1, 2])
        times[size] = float(np.median(bench.run(20, 1).samples_ns))
        bench.release()
    assert times[64 << 20] > 4 * times[4 << 20]


def test_rounds_are_timed_as_those_of_every_other_case() -> None:
    """By events where there are any, with which the plan says that it was timed."""

    class Event:
        def record(self) -> None: ...

        def synchronize(self) -> None: ...

        def elapsed_time(self, end: Event) -> float:
            return 2.0

    card = WithinHost()
    card.ring = [Event() for _ in range(timing.RING_EVENTS)]
    bench = CardBench(card, Case("copy_d2d", "byte", (4096,)), seeds=[1, 2])
    assert bench.variant()["timing"] == "events"
    assert bench.run(5, 1).samples_ns.tolist() == [2_000_000] * 5
    bench.release()

"""LogGP from ping-pongs and windows: what they identify is recovered, what they do not is told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.judge.conftest import Make
from zbench.case import Case
from zbench.fabrics.base import window
from zbench.judge.loggp import LogGP, loggp
from zbench.judge.summary import summarise
from zbench.records.schema import Record

LATENCY, GAP, PER_BYTE = 500.0, 80.0, 0.05
"""L with both overheads, g, G; in ns and ns/B."""


def half_trip_ns(size: int) -> float:
    return LATENCY + (size - 8) * PER_BYTE


def bursts(workload: str, sizes: Sequence[int], noise: float = 0.0, slower: float = 1.0) -> list[Record]:
    """Five launches of executions: to and fro, or a window with its answer; gaps `slower` from 64 KiB on."""
    rng = np.random.default_rng(6)
    made = []
    for size in sizes:
        gap = (GAP + (size - 1) * PER_BYTE) * (slower if size >= 1 << 16 else 1)
        ns = 2 * half_trip_ns(size)
        if workload != "pingpong":
            ns = half_trip_ns(size) + (window(size) - 1) * gap + half_trip_ns(8)
        times = [ns * float(np.exp(noise * rng.standard_normal())) for _ in range(5)]
        made += Make.launches(Case(workload, "byte", (size,), {"ranks": 2}), times, "shm")
    return made


def found_in(records: Sequence[Record]) -> LogGP:
    found = loggp(summarise(records))
    assert found is not None
    return found


def test_the_parameters_are_recovered() -> None:
    """Between ping-pongs of other sizes, with 1 % of noise; the truth lies in each interval."""
    records = bursts("pingpong", (8, 4096, 1 << 22), 0.01)
    records += bursts("message_rate", (8,), 0.01) + bursts("unidirectional", (1024, 1 << 16, 1 << 20), 0.01)
    found = found_in(records)
    assert found.sizes == (8, 1024, 1 << 16, 1 << 20)
    assert found.straight
    for constant, truth in (
        (found.latency_ns, LATENCY),
        (found.gap_ns, GAP),
        (found.gap_ns_per_byte, PER_BYTE),
    ):
        assert constant is not None
        assert constant.interval is not None
        assert constant.interval[0] <= truth <= constant.interval[1]
        assert constant.value == pytest.approx(truth, rel=0.05)
    assert list(found.unknown) == ["o"]
    assert "pause between them" in found.unknown["o"]


def test_too_few_sizes_leave_the_gaps_unknown() -> None:
    """Two windows, and those beyond the longest ping-pong, are no line."""
    found = found_in(bursts("pingpong", (8, 4096)) + bursts("unidirectional", (8, 1024, 1 << 16)))
    assert found.latency_ns is not None
    assert found.gap_ns is None
    assert found.unknown["g"] == "a line needs windows of 3 sizes between ping-pongs, here are 2"
    assert found.unknown["G"] == found.unknown["g"]


def test_a_long_ping_pong_tells_no_latency() -> None:
    """Half of what 4 KiB take is no L."""
    found = found_in(bursts("pingpong", (4096,)))
    assert found.latency_ns is None
    assert found.unknown["L"] == "the shortest ping-pong has 4096 bytes"


def test_another_protocol_is_told() -> None:
    """Long messages whose gaps are ten times as long are off the one line by more than a factor of two."""
    records = bursts("pingpong", (8, 1 << 22))
    records += bursts("unidirectional", (8, 64, 1024, 8192, 1 << 16, 1 << 18, 1 << 20), slower=10)
    assert not found_in(records).straight


def test_without_a_ping_pong_there_is_nothing() -> None:
    """A window alone does not tell its last message's way."""
    assert loggp(summarise(bursts("unidirectional", (8, 1024, 1 << 16)))) is None

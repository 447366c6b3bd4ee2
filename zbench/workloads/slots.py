"""How many sets of buffers a case takes turns on."""

from __future__ import annotations

from zbench.case import Case
from zbench.native.stream import COLD_OVER_CACHE
from zbench.workloads import workload

SLOTS = 2
"""Inputs rotate, so that an answer kept from the round before is a wrong answer."""


def slot_count(case: Case, last_level_cache_bytes: int) -> int:
    """Slots that a case needs on a card with this last-level cache. Pure."""
    if case.parameters.get("cache") != "cold":
        return SLOTS
    needed = COLD_OVER_CACHE * last_level_cache_bytes
    return max(SLOTS, -(-needed // max(1, workload(case.workload).memory_bytes(case))))

"""How much memory a case needs, and how much there is; so that a run is refused before it swaps."""

from __future__ import annotations

from zbench.cards.host import probe_bytes
from zbench.case import Case
from zbench.fabrics.memory import available_bytes
from zbench.native import cpu
from zbench.workloads import workload
from zbench.workloads.slots import slot_count

PROCESS_BYTES = 80 << 20
"""A worker's own: Python, numpy, the C module (measured: about 60 MiB resident)."""
HOST_COPIES = 5
"""While a burst is set up and verified, one slot's data stand on the host again: as inputs, as what was
read, as a peer's inputs, as the expectation and as the comparison."""
RESERVE = 0.1
"""Of what is available: left alone, for the parent and everything else on this machine."""


def needed_bytes(case: Case) -> int:
    """Resident bytes of all processes of this case, on a card whose memory is the host's."""
    slot = workload(case.workload).memory_bytes(case)
    cache_bytes = cpu.last_level_cache_bytes()
    slots = slot_count(case, cache_bytes)
    if case.parameters.get("weights") == "prepacked":
        slots *= 2  # B once more, in a form of the card's own
    own = PROCESS_BYTES + slot * (slots + HOST_COPIES) + probe_bytes(case, cache_bytes, cpu.caches())
    return case.processes * own


def room_bytes() -> int:
    """What a run may take of what is available."""
    return int(available_bytes() * (1 - RESERVE))


def gigabytes(size_bytes: float) -> str:
    return f"{size_bytes / 2**30:.1f} GiB"

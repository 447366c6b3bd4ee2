"""Questions about the ranks of a world and not about one message: do clocks agree, do ranks slow each other.

They have no rate: what they found stands in a field of their record (`records.schema`: Clocks, Congestion).
"""

from __future__ import annotations

from zbench.case import Case
from zbench.workloads.messages import message, seconds

RANKS = tuple(message(name, "time", "s", seconds, data=False) for name in ("clocks", "congestion"))

VICTIM_SHARE = 0.2
"""Of the ranks, where the victim is a collective (GPCNeT: CONGESTOR_NODE_FRAC 0.8)."""
VICTIMS_MIN, CONGESTORS_MIN = 2, 2
"""A message has two ends, and so has the traffic that is to disturb it."""
CONGESTOR_PART_BYTES = 4096
"""From each congestor to each other: GPCNeT's A2A_MSG_COUNT, 512 doubles."""
CONGESTORS = {"alltoall": ("alltoall", True), "incast": ("gather", True), "bcast": ("bcast", False)}
"""GPCNeT's: the collective that each is, and whether its vector has a part for each rank."""


def victim(case: Case) -> Case:
    """What the victims of a congestion case do, as ranks 0, 1, ... of their own."""
    name = str(case.get("victim"))
    collective = name == "allreduce"
    ranks = max(VICTIMS_MIN, int(VICTIM_SHARE * case.ranks)) if collective else VICTIMS_MIN
    return Case(name, case.dtype, case.size, {"ranks": ranks})


def congestor(case: Case) -> Case:
    """What all other ranks do meanwhile. Raises KeyError for what is no congestor."""
    ranks = case.ranks - victim(case).ranks
    workload, parts = CONGESTORS[str(case.get("congestor"))]
    return Case(workload, "byte", (CONGESTOR_PART_BYTES * (max(1, ranks) if parts else 1),), {"ranks": ranks})

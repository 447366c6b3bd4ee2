"""CO-23: operations that do not block."""

from __future__ import annotations

from zbench.conformance.item import Item
from zbench.conformance.world import Ranks


def overlap(ask: Ranks) -> None:
    """Several in flight, waited for in another order. The contract of a fabric (fabrics/base.py) has only
    calls that block, so that no fabric can be asked."""
    ask.lacking("operations that do not block: the contract of a fabric has none")


ITEMS = (
    Item(
        "CO-23",
        "several operations in flight, waited for in another order",
        "MPICH test/mpi/coll/nonblocking*",
        "L1",
        overlap,
    ),
)

"""Every test there is, by its id."""

from __future__ import annotations

from zbench.conformance import collective, gemm, schedules
from zbench.conformance.faults import matrix
from zbench.conformance.item import Item

PRODUCTS: tuple[Item, ...] = gemm.ITEMS
"""What is asked of cards."""
COLLECTIVES: tuple[Item, ...] = collective.ITEMS
"""What is asked of fabrics."""
FAULTS: tuple[Item, ...] = matrix.ITEMS
"""What is asked of fabrics, too, from outside: what becomes of a world when a rank goes wrong."""
SCHEDULES: tuple[Item, ...] = schedules.ITEMS
"""What is proved of schedules, without a process."""

BY_ID = {item.id: item for item in (*PRODUCTS, *COLLECTIVES, *FAULTS, *SCHEDULES)}

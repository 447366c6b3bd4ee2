"""Every test there is, by its id."""

from __future__ import annotations

from zbench.conformance.collective import moves
from zbench.conformance.gemm import exact
from zbench.conformance.item import Item

PRODUCTS: tuple[Item, ...] = (*exact.ITEMS,)
"""What is asked of cards."""
COLLECTIVES: tuple[Item, ...] = (*moves.ITEMS,)
"""What is asked of fabrics."""

BY_ID = {item.id: item for item in (*PRODUCTS, *COLLECTIVES)}

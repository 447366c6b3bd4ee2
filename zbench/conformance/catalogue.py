"""Every test there is, by its id."""

from __future__ import annotations

from zbench.conformance.collective import moves
from zbench.conformance.gemm import (
    arguments,
    concurrency,
    environment,
    exact,
    guards,
    powers,
    scalars,
    shapes,
    specials,
    strides,
    sweep,
)
from zbench.conformance.item import Item

PRODUCTS: tuple[Item, ...] = (
    *arguments.ITEMS,
    *concurrency.ITEMS,
    *environment.ITEMS,
    *exact.ITEMS,
    *guards.ITEMS,
    *powers.ITEMS,
    *scalars.ITEMS,
    *shapes.ITEMS,
    *specials.ITEMS,
    *strides.ITEMS,
    *sweep.ITEMS,
)
"""What is asked of cards."""
COLLECTIVES: tuple[Item, ...] = (*moves.ITEMS,)
"""What is asked of fabrics."""

BY_ID = {item.id: item for item in (*PRODUCTS, *COLLECTIVES)}

"""Every test there is, by its id."""

from __future__ import annotations

from zbench.conformance.collective import moves
from zbench.conformance.gemm import (
    accuracy,
    arguments,
    concurrency,
    environment,
    exact,
    guards,
    oracle,
    overflow,
    powers,
    probes,
    repeat,
    scalars,
    shapes,
    soak,
    specials,
    strides,
    subnormals,
    sweep,
    timed,
    tree,
)
from zbench.conformance.item import Item

PRODUCTS: tuple[Item, ...] = (
    *accuracy.ITEMS,
    *arguments.ITEMS,
    *concurrency.ITEMS,
    *environment.ITEMS,
    *exact.ITEMS,
    *guards.ITEMS,
    *oracle.ITEMS,
    *overflow.ITEMS,
    *powers.ITEMS,
    *probes.ITEMS,
    *repeat.ITEMS,
    *scalars.ITEMS,
    *shapes.ITEMS,
    *soak.ITEMS,
    *specials.ITEMS,
    *strides.ITEMS,
    *subnormals.ITEMS,
    *sweep.ITEMS,
    *timed.ITEMS,
    *tree.ITEMS,
)
"""What is asked of cards."""
COLLECTIVES: tuple[Item, ...] = (*moves.ITEMS,)
"""What is asked of fabrics."""

BY_ID = {item.id: item for item in (*PRODUCTS, *COLLECTIVES)}

"""Tests of collectives, which are asked of fabrics."""

from zbench.conformance.collective import (
    agreement,
    algorithms,
    census,
    guards,
    moves,
    roots,
    specials,
    sums,
    tails,
)
from zbench.conformance.item import Item

ITEMS: tuple[Item, ...] = (
    *agreement.ITEMS,
    *algorithms.ITEMS,
    *census.ITEMS,
    *guards.ITEMS,
    *moves.ITEMS,
    *roots.ITEMS,
    *specials.ITEMS,
    *sums.ITEMS,
    *tails.ITEMS,
)

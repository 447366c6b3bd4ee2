"""Tests of collectives, which are asked of fabrics."""

from zbench.conformance.collective import (
    agreement,
    algorithms,
    big,
    census,
    exits,
    groups,
    guards,
    interleave,
    mismatch,
    moves,
    overlap,
    replay,
    roots,
    specials,
    sums,
    tails,
    timed,
    watch,
)
from zbench.conformance.item import Item

ITEMS: tuple[Item, ...] = (
    *agreement.ITEMS,
    *algorithms.ITEMS,
    *big.ITEMS,
    *census.ITEMS,
    *exits.ITEMS,
    *groups.ITEMS,
    *guards.ITEMS,
    *interleave.ITEMS,
    *mismatch.ITEMS,
    *moves.ITEMS,
    *overlap.ITEMS,
    *replay.ITEMS,
    *roots.ITEMS,
    *specials.ITEMS,
    *sums.ITEMS,
    *tails.ITEMS,
    *timed.ITEMS,
    *watch.ITEMS,
)

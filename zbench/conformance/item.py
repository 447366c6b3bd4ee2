"""One test of the catalogue, and what became of it: data that every other file here speaks of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

LEVELS = ("L0", "L1", "L2", "L3", "L4", "L5")
"""Smoke, functional, numeric, deterministic, resilient, soak; each includes the ones before it."""
LIMIT_S = 60.0
"""The longest that one attempt of a test may take: a hundred times the slowest here, on 2 idle cores."""

SOAK_S = 2.0
"""Of each soaking test where no hours are asked: it shows that the test works, and no more."""


@dataclass(frozen=True)
class Item:
    """One test of the catalogue, GE-01 to SY-8."""

    id: str
    title: str
    source: str
    """Where the test comes from: paper, tool, or bug report."""
    level: str
    """The first level that runs it."""
    run: Callable[[Any], None]
    """Asks a `gemm.products.Products` or a `collective.world.Ranks`, which keeps the count."""
    smoke: bool = False
    """Whether L0 runs it, too."""
    families: tuple[str, ...] = ()
    """Kinds of fault that it is there to catch, as tests/mutants plants them."""
    dtypes: tuple[str, ...] = ()
    """The only dtypes that it is about; none: all that the subject has."""
    least_ranks: int = 1
    most_ranks: int = 1 << 30
    limit_s: float = LIMIT_S
    soaks: bool = False
    """Whether it runs for as long as is asked (`--hours`), and its limit is what it may take beyond that."""
    apart: tuple[str, ...] = ()
    """Names of its attempts where each uses its world up, so that every one gets a world of its own."""

    def runs_at(self, level: str) -> bool:
        if level == "L0":
            return self.smoke
        return LEVELS.index(self.level) <= LEVELS.index(level)


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One attempt that went wrong."""

    attempt: str
    """What was tried, as `--attempt` takes it."""
    why: str


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of one test for one dtype, or in one world of ranks."""

    id: str
    subject: str
    """As on the command line."""
    kind: str
    """card, fabric or schedules."""
    scope: str
    """dtype of the products, or `P=4`."""
    status: str
    level: str
    """At which it ran."""
    tried: int = 0
    """Attempts."""
    failed: int = 0
    failures: tuple[Failure, ...] = ()
    """The first few."""
    why: str = ""
    repro: str = ""
    """The command that shows the first failure again."""
    facts: dict[str, str] = {}
    """What was found out besides: an accumulator's width, the hash of a tree of summation."""
    seconds: float = 0.0

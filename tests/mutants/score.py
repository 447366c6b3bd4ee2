"""What the mutants' fates add up to."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import msgspec

CAUGHT = "CAUGHT"
SURVIVED = "SURVIVED"
NOT_ASKED = "NOT ASKED"
"""No test that it expects exists."""
NOT_HERE = "NOT HERE"
"""This CPU lacks its instruction set: it counts neither way."""
UNCLEAR = "UNCLEAR"
"""It does not build, what ran it broke, or the clean tree fails as well: never counted as caught."""

Z_95 = 1.959963984540054
"""The normal distribution's 0.975 quantile."""


class Fate(msgspec.Struct, frozen=True):
    """What became of one mutant."""

    number: int
    name: str
    family: str
    file: str
    level: str
    fate: str
    by: str
    """What caught it, with its status; else why not."""
    seconds: float


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a share: Wilson, "Probable inference, the law of succession, and statistical
    inference", 1927; (0, 1) of no trials."""
    if trials == 0:
        return 0.0, 1.0
    share, weight = hits / trials, Z_95**2 / trials
    middle = (share + weight / 2) / (1 + weight)
    half = Z_95 / (1 + weight) * sqrt(share * (1 - share) / trials + weight / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def share(hits: int, trials: int) -> str:
    low, high = wilson(hits, trials)
    return f"{hits} of {trials} (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"


def counted(fates: Sequence[Fate]) -> list[Fate]:
    """Those that could be planted here."""
    return [each for each in fates if each.fate != NOT_HERE]


def row(each: Fate) -> str:
    caught = each.by if each.fate == CAUGHT else f"{each.fate}: {each.by}"
    return f"{each.number:4d}  {each.family:14}  {each.file:40}  {each.seconds:5.0f} s  {caught}"


def summary(fates: Sequence[Fate]) -> str:
    """Caught and planted, by family and together."""
    here = counted(fates)
    lines = []
    for family in dict.fromkeys(each.family for each in here):
        own = [each for each in here if each.family == family]
        lines.append(f"{family:14}  {sum(each.fate == CAUGHT for each in own)} of {len(own)}")
    caught = sum(each.fate == CAUGHT for each in here)
    lines += [f"caught {share(caught, len(here))}"]
    if missing := len(fates) - len(here):
        lines.append(f"{missing} not planted: this CPU lacks their instruction set")
    return "\n".join(lines)

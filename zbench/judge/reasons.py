"""Why a verdict is what it is, and what is missing, in words."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from math import ceil, log

from zbench.judge.claims import Claim
from zbench.judge.observations import Observation, candidate
from zbench.judge.summary import Summary
from zbench.judge.units import format_value
from zbench.measure.statistics import EXTENDED, INTERVAL_ALPHA

MANY_LAUNCHES = 100
"""Where more would be needed, launches are not the answer."""


def nearest(
    claim: Claim,
    middle: float | None,
    measured: Sequence[Observation],
    summaries: Sequence[Summary],
    subjects: Sequence[str],
) -> str:
    """What was measured here, and how far that (its `middle`) is from the claim."""
    if middle is not None:
        where = measured[0].key if len(measured) == 1 else f"{len(measured)} cases {claim.case}"
        value = f"{100 * middle:.3g} %" if claim.value.endswith("%") else format_value(middle, claim.unit)
        figure = f"{value}, {distance(middle, claim.limit)} the claim"
        here = "the data sheet of" if any(o.sheet for o in measured) and not claim.is_ratio else "here"
        return f"{here} {measured[0].subject} {where}: {figure}"
    chosen = [
        s
        for s in summaries
        if s.value is not None
        and fnmatchcase(s.key, claim.case)
        and s.subject == candidate(summaries, s.suite, subjects)
    ]
    if not chosen:
        return "nothing measured here speaks of it"
    best = max(chosen, key=lambda s: s.value or 0.0) if chosen[0].better == "higher" else chosen[0]
    return f"here {best.subject} {best.key}: {format_value(best.value or 0.0, best.unit)}"


def distance(value: float, limit: float) -> str:
    """`36x below`, `8 % above`, `at`."""
    if not limit or not value:
        return "above" if value > limit else ("below" if value < limit else "at")
    side = "above" if value > limit else "below"
    factor = max(value / limit, limit / value)
    if factor >= 2:
        return f"{factor:,.0f}x {side}" if factor >= 1000 else f"{factor:.3g}x {side}"
    return f"{abs(value / limit - 1):.1%} {side}".replace("%", " %") if factor > 1.0005 else "at"


def reason(claim: Claim, found: Sequence[Observation], words: Sequence[str]) -> str:
    """Of a decision: `cpu over cpu:generic (the claim names no baseline): it holds in 9 of 16 cases; ...`

    What keeps it undecided comes first: a terminal shows only the beginning.
    """
    parts = []
    unsure = [o for o in found if o.confidence < 1 - INTERVAL_ALPHA]
    if unsure:
        parts.append(
            f"launches fall into modes, and {unsure[0].launches} of them bound their median with "
            f"{unsure[0].confidence:.0%} confidence only".replace("%", " %")
        )
    elif "UNDECIDED" in words:
        parts.append("the claimed value lies within the interval" + (" of some" if len(words) > 1 else ""))
    if claim.is_ratio:
        named = "" if claim.to else " (the claim names no baseline, so for these two only)"
        parts.append(f"{found[0].subject} over {found[0].to}{named}")
    held, failed = words.count("MET"), words.count("NOT MET")
    if len(words) > 1:
        parts.append(f"holds in {held}, fails in {failed} of {len(words)} cases {claim.case}")
    elif found[0].value is not None:
        parts.append(f"{found[0].key}: {distance(found[0].value, claim.limit)} the claim")
    if any(o.sheet for o in found):
        parts.append("a data sheet figure, with no interval of its own")
    methods = dict.fromkeys(o.method for o in found if o.method not in ("", "t"))
    return "; ".join(parts + [f"interval by {method}" for method in methods])


def missing(claim: Claim, undecided: Sequence[Observation]) -> str:
    """How many launches would part the interval from the claimed value, if the figures stay."""
    needed = [launches_needed(o, claim.limit) for o in undecided]
    if not needed or max(needed) > MANY_LAUNCHES:
        return claim.settles
    more = max(count - o.launches for count, o in zip(needed, undecided, strict=True))
    return f"about {max(needed)} launches in all, {more} more"


def launches_needed(o: Observation, limit: float) -> int:
    """The interval narrows with the root of the launches; it must end before the limit."""
    if o.bounds is None or not o.value or limit <= 0 or o.value == limit:
        return MANY_LAUNCHES + 1
    half = log(o.bounds[1] / o.bounds[0]) / 2
    needed = ceil(o.launches * (half / log(o.value / limit)) ** 2) + 1
    if o.confidence < 1 - INTERVAL_ALPHA:
        needed = max(needed, EXTENDED)
    return min(needed, MANY_LAUNCHES + 1)

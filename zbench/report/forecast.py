"""What `zbench run --dry-run` prints: cases, launches, minutes, memory and price, before anything runs."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from zbench.measure.estimate import cards_of, groups_s
from zbench.measure.memory import gigabytes, needed_bytes
from zbench.measure.plan import Group
from zbench.measure.statistics import LAUNCHES
from zbench.report import words
from zbench.report.cost import price
from zbench.workloads.profiles import Profile

MOST_REASONS = 6
"""Of what is left out; more is a list that nobody reads (`--format json` has it all)."""


def forecast(
    groups: Sequence[Group],
    refused: Mapping[str, str],
    profile: Profile,
    launches: int,
    seconds: float,
    cpus: int,
    per_card_hour: float | None,
) -> dict[str, Any]:
    """The plan as one document; `seconds` as estimated for all launches."""
    largest = max(((needed_bytes(c), c.key) for g in groups for c in g.cases), default=(0, ""))
    cards = cards_of(groups)
    return {
        "version": 1,
        "profile": profile.name,
        "launches": launches,
        "cases": sum(len(group.cases) for group in groups if group.role == "measure"),
        "seconds": round(seconds),
        "may_be_extended": profile.verdicts and launches == LAUNCHES,
        "memory_bytes": largest[0],
        "memory_case": largest[1],
        "cards": cards,
        "price": None if per_card_hour is None else round(price(seconds, cards, per_card_hour), 4),
        "groups": [
            {
                "suite": group.suite,
                "subject": group.subject,
                "ranks": group.ranks,
                "role": group.role,
                "launch_seconds": round(groups_s([group], profile, cpus), 1),
                "cases": [case.key for case in group.cases],
            }
            for group in groups
        ],
        "left_out": dict(refused),
    }


def render_forecast(plan: Mapping[str, Any], width: int) -> str:
    """The document of `forecast` as lines of at most `width` columns."""
    lines = [
        f"{words.counted(plan['cases'], 'case')}, {words.counted(plan['launches'], 'launch')} of each, about "
        f"{duration(plan['seconds'])}{'; what stays undecided gets five more' * plan['may_be_extended']}",
        "",
    ]
    for group in plan["groups"]:
        kinds = Counter(key.partition("/")[0] for key in group["cases"])
        what = ", ".join(f"{name} {count}" if count > 1 else name for name, count in kinds.items())
        ranks = f", {words.counted(group['ranks'], 'rank')}" if group["ranks"] > 1 else ""
        twin = " again, for the noise floor" if group["role"] == "anchor" else ""
        lines.append(f"{group['suite']} {group['subject']}{ranks}{twin}: {what}")
        lines.append(f"    {duration(group['launch_seconds'])} a launch")
    lines += ["", f"memory: at most {gigabytes(plan['memory_bytes'])} at a time ({plan['memory_case']})"]
    if plan["price"] is not None:
        cards = words.counted(plan["cards"], "card")
        lines.append(f"price: {plan['price']:.2f} for {cards}, in the currency given")
    left = list(plan["left_out"].items())
    lines += [f"{name}: {why}" for name, why in left[:MOST_REASONS]]
    if len(left) > MOST_REASONS:
        lines.append(f"... and {len(left) - MOST_REASONS} more (--format json names all)")
    lines += ["", "Nothing was measured. The time is a rough estimate."]
    return "".join(
        "\n".join(textwrap.wrap(line, width, subsequent_indent="    ", break_on_hyphens=False)) + "\n"
        for line in lines
    )


def duration(seconds: float) -> str:
    """`40 s`, `3 min`, `1.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

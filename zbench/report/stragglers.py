"""The ranks that others waited for, and how long a round's slowest rank took, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zbench.judge.stragglers import ALPHA, EXCESS_MIN, LAUNCHES_MIN, Votes
from zbench.judge.summary import Summary
from zbench.report import words

TITLE = "Rounds of collectives, and who was last"
ABOUT = (
    "A round takes as long as its slowest rank. Percentiles over rounds are upper bounds by order statistics "
    "(99 % confidence, the worst launch); one that the rounds do not support is left out. A rank is a "
    "straggler where it is last more often than chance (exact binomial, by Holm over cases, "
    f"p < {ALPHA:g}), by {100 * EXCESS_MIN:.0f} % of the rounds that would be others', and most often of all "
    f"in every one of {LAUNCHES_MIN} launches or more."
)
PERCENTILES = ("p50", "p95", "p99")
HEADER = ("case", "fabric", "rounds", *PERCENTILES, "last most often", "by chance", "p", "straggler")
MOST_TOLD = 2
"""Stragglers on the terminal; the page has all."""


def of_summaries(votes: Sequence[Votes]) -> Mapping[tuple[str, str], Votes]:
    """(key, subject) -> its votes."""
    return {(each.key, each.subject): each for each in votes}


def rows(summaries: Sequence[Summary], votes: Sequence[Votes]) -> list[tuple[str, ...]]:
    """One for each collective that has votes, variant by variant."""
    known = of_summaries(votes)
    return [
        _row(summary, known[summary.key, summary.subject])
        for summary in summaries
        if (summary.key, summary.subject) in known and summary.status == "ok"
    ]


def _row(summary: Summary, found: Votes) -> tuple[str, ...]:
    bounds = (summary.percentiles.get(name) for name in PERCENTILES)
    return (
        summary.key,
        summary.subject,
        f"{found.rounds:,}",
        *("-" if ns is None else words.value(ns / 1e9, "s") for ns in bounds),
        f"rank {found.rank}: {100 * found.share:.0f} %",
        f"{100 * found.chance:.0f} %",
        "-" if found.p is None else probability(found.p),
        "YES" if found.straggler else found.why or "no",
    )


def probability(p: float) -> str:
    """`0.031`, or `< 1e-6`."""
    return "< 1e-6" if p < 1e-6 else f"{p:.2g}"


def brief(votes: Sequence[Votes]) -> list[str]:
    """For the terminal: the worst stragglers, and nothing where there is none."""
    found = sorted((each for each in votes if each.straggler), key=lambda each: -each.share / each.chance)
    told = [_straggler(each) for each in found[:MOST_TOLD]]
    more = len(found) - MOST_TOLD
    return [*told, *([f"and a straggler in {words.counted(more, 'more case')}, see the page"] * (more > 0))]


def _straggler(each: Votes) -> str:
    share, chance = (f"{100 * part:.0f} %" for part in (each.share, each.chance))
    return (
        f"rank {each.rank} was last in {share} of the rounds of {each.key} of {each.subject} ({chance} by "
        f"chance, p {probability(each.p or 0.0)}, all {each.launches} launches)"
    )


def document(votes: Sequence[Votes]) -> list[dict[str, Any]]:
    """For the JSON document: rounds in which each rank was last."""
    return [
        {
            "key": each.key,
            "subject": each.subject,
            "last": list(each.counts),
            "launches": each.launches,
            "p": each.p,
            "straggler": each.straggler,
            "why": each.why,
        }
        for each in votes
    ]

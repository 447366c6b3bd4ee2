"""All pairs of ranks in words: how far apart they are, and which link or rank is slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zbench.judge.hostcards import EFFECT_MIN
from zbench.judge.pairs import ALIKE_MIN, Link, PairMap, Suspect, Where, middle_of
from zbench.report import words
from zbench.workloads import workload

TITLE = "Pairs of ranks"
ABOUT = (
    "Every two ranks once, the pairs of a matching at the same time. A pair is held against its like (on one "
    f"core, on one host, across hosts; {ALIKE_MIN} or more): it is slow beyond a modified z that the slowest "
    f"of equal pairs exceeds in 1 % of runs, and {100 * EFFECT_MIN:.0f} % over the middle. A rank is slow "
    "where most of its pairs are."
)
HEADER = ("case", "fabric", "pairs", "middle", "fastest pair", "slowest pair", "slow", "not judged")
SHARED = "ranks share cores: they take turns, and a pair's figure is of that, too"
MOST_NAMED = 4
"""Suspects of a case on the terminal; the page names all."""
TABLE_PAIRS = 300
"""Rows of a chart's table: the slowest ones; 25 ranks have so many pairs."""


def figure(found: PairMap, ns: float) -> str:
    """In the unit of the case."""
    work = workload(found.case.workload)
    return words.value(work.value(found.case, ns), work.unit)


def suspect(each: Suspect, found: PairMap) -> str:
    """`rank 3 sends 1.8x slower than its like (z 21)`."""
    sign = " to " if found.directed else " and "
    names = {
        "rank": f"rank {each.ranks[0]}",
        "sender": f"rank {each.ranks[0]} as sender",
        "receiver": f"rank {each.ranks[0]} as receiver",
        "pair": f"ranks {sign.join(map(str, each.ranks))}",
    }
    return f"{names[each.kind]}: {each.factor:.3g}x the time of the middle pair (z {each.z:.3g})"


def pair(link: Link, found: PairMap) -> str:
    return f"{link.pair[0]}{' to ' if found.directed else ', '}{link.pair[1]}"


def kinds(found: PairMap) -> list[Where]:
    """That there are, nearest first."""
    order: tuple[Where, ...] = ("one core", "one host", "across hosts")
    return [kind for kind in order if any(link.where == kind for link in found.links)]


def middles(found: PairMap) -> str:
    """`409 ns on one host, 3.2 µs across hosts`."""
    told = [
        f"{figure(found, middle_of(found, kind))} {kind if kind == 'across hosts' else f'on {kind}'}"
        for kind in kinds(found)
    ]
    return words.sentence(told)


def ends(found: PairMap) -> tuple[Link, Link]:
    """The fastest and the slowest link."""
    return min(found.links, key=lambda link: link.ns), max(found.links, key=lambda link: link.ns)


def slow(found: PairMap) -> dict[str, str]:
    """What is slow -> in words."""
    return {f"{each.kind} {each.ranks}": suspect(each, found) for each in found.suspects}


def brief(maps: Sequence[PairMap]) -> list[tuple[str, str]]:
    """(case, what its pairs are) for the terminal."""
    told = []
    for found in maps:
        _, slowest = ends(found)
        parts = [
            f"{words.counted(len(found.links), 'pair')}, the middle {middles(found)}, the slowest "
            f"{figure(found, slowest.ns)} ({pair(slowest, found)})"
        ]
        parts += [f"SLOW {suspect(each, found)}" for each in found.suspects[:MOST_NAMED]]
        more = len(found.suspects) - MOST_NAMED
        parts += [f"{more} more on the page"] * (more > 0)
        parts += [f"not judged: {' and '.join(found.unknown)}"] * bool(found.unknown)
        parts += ["none is slow"] * (not found.suspects and not found.unknown)
        parts += [SHARED] * found.shared_cores
        told.append((f"{found.key} of {found.subject}", "; ".join(parts)))
    return told


def row(found: PairMap) -> tuple[str, ...]:
    fastest, slowest = ends(found)
    return (
        found.key,
        found.subject,
        str(len(found.links)),
        middles(found),
        f"{figure(found, fastest.ns)} ({pair(fastest, found)})",
        f"{figure(found, slowest.ns)} ({pair(slowest, found)})",
        "; ".join(suspect(each, found) for each in found.suspects) or "none named",
        "; ".join([*found.unknown, *([SHARED] if found.shared_cores else [])]) or "-",
    )


def table(maps: Sequence[PairMap]) -> list[tuple[str, ...]]:
    return [row(found) for found in maps]


def document(maps: Sequence[PairMap]) -> list[dict[str, Any]]:
    """For the JSON document: of each pair the median and p99 (None: too few rounds) in ns per operation."""
    return [
        {
            "key": found.key,
            "subject": found.subject,
            "ranks": found.ranks,
            "directed": found.directed,
            "shared_cores": found.shared_cores,
            "pairs": [
                {
                    "ranks": list(link.pair),
                    "where": link.where,
                    "median_ns": link.ns,
                    "p99_ns": link.p99_ns,
                    "launches": link.launches,
                    "factor": link.factor,
                }
                for link in found.links
            ],
            "slow": [
                {"kind": each.kind, "ranks": list(each.ranks), "factor": each.factor, "z": each.z}
                for each in found.suspects
            ],
            "unknown": list(found.unknown),
        }
        for found in maps
    ]

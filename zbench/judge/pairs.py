"""All pairs of ranks: which link is slow, and which rank makes all of its links slow.

A pair is held against its like: pairs on one core, on one host, across hosts. Where most of a row or column
of the map is slow it is the rank, as sender, receiver or both; else it is the link (C4, arXiv 2406.04594).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import inf, log
from statistics import NormalDist, median
from typing import Literal

import msgspec
import numpy as np

from zbench.case import Case
from zbench.judge.hostcards import EFFECT_MIN, FALSE_ALARMS, MAD_SCALE
from zbench.judge.summary import known_workload
from zbench.records.schema import PairTimes, Record
from zbench.workloads.pairs import DIRECTED

LAUNCHES_MIN = 3
"""That a pair was measured in: the median of two is their mean, which one disturbed launch spoils."""
ALIKE_MIN = 10
"""Pairs or ranks, for a middle and a spread. Five ranks have so many pairs; of four, a slow one is in half of
them, and then nobody knows which half is the slow one."""
CRITICAL_Z = {10: 5.93, 15: 5.31, 20: 4.75, 28: 4.45, 45: 4.23, 66: 4.12, 120: 4.07, 190: 4.08, 496: 4.21}
"""Of so many alike values: the largest modified z stays below in all but 1 % (FALSE_ALARMS) of cases, if they
are normal; simulated 80,000 times or more. Few values often have a small MAD by chance; of many it is near
the quantile of the normal distribution, which is taken beyond."""
SPREAD_MIN = 0.001
"""Relative standard deviation that equal links have at least: clocks advance in steps, and some equal medians
are no proof that another one is slow."""
ROW_SHARE, ROW_MIN = 0.75, 3
"""Of a rank's links that must be slow before it is the rank: a slow rank is a single link of each other's."""

Where = Literal["one core", "one host", "across hosts"]
Kind = Literal["rank", "sender", "receiver", "pair"]


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one pair took."""

    pair: tuple[int, int]
    """Who sent, and the other; the lower first where there is no direction."""
    where: Where
    ns: float
    """Of one operation: median over launches of the launch's median."""
    p99_ns: float | None
    """Likewise of a round's operations together, the worst launch; None where a launch has no p99."""
    launches: int
    factor: float
    """Time over that of the middle pair of its kind, launch by launch; 1 is the middle."""


class Suspect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is slow."""

    kind: Kind
    ranks: tuple[int, ...]
    factor: float
    """Its time over that of the middle of its kind; of a rank, of its middle link."""
    z: float


class PairMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case on all pairs of a world."""

    key: str
    case: Case
    subject: str
    ranks: int
    directed: bool
    """Whether there and back are two links."""
    links: tuple[Link, ...]
    suspects: tuple[Suspect, ...] = ()
    unknown: tuple[str, ...] = ()
    """Why some or all of it is not judged; without any, what is no suspect is as fast as its like."""
    shared_cores: bool = False
    """More ranks than cores: a pair takes turns with others, or with itself."""


def pair_maps(records: Iterable[Record]) -> tuple[PairMap, ...]:
    """One for each case, subject and variant that has pairs, in the order in which they first appear."""
    groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in records:
        if record.role == "measure" and record.status == "ok" and record.pairs is not None:
            variant = (f"{k}={v}" for k, v in sorted(record.variant.items()))
            groups[(record.key, record.subject, *variant)].append(record)
    return tuple(_map(group) for group in groups.values())


def _map(records: Sequence[Record]) -> PairMap:
    first = records[0]
    links = _links(records)
    directed = first.case.workload in DIRECTED
    launches = len({(record.block, record.launch) for record in records})
    suspects, unknown = judged(links, first.ranks, directed, launches)
    return PairMap(
        key=first.key,
        case=first.case,
        subject=first.subject,
        ranks=first.ranks,
        directed=directed,
        links=links,
        suspects=suspects,
        unknown=unknown,
        shared_cores=any(_shares(record.pairs) for record in records if record.pairs),
    )


def _shares(told: PairTimes) -> bool:
    places = [place for place in zip(told.hosts, told.cores, strict=True) if place[1] >= 0]
    return len(set(places)) < len(places)


def where(told: PairTimes, a: int, b: int) -> Where:
    """How far apart two ranks are, as far as their places are known."""
    if told.hosts[a] != told.hosts[b]:
        return "across hosts"
    return "one core" if told.cores[a] == told.cores[b] >= 0 else "one host"


def _links(records: Sequence[Record]) -> tuple[Link, ...]:
    operations = known_workload(records[0].case.workload).operations(records[0].case)
    directed = records[0].case.workload in DIRECTED
    times: dict[tuple[int, int], list[float]] = defaultdict(list)
    tails: dict[tuple[int, int], list[float | None]] = defaultdict(list)
    factors: dict[tuple[int, int], list[float]] = defaultdict(list)
    places: dict[tuple[int, int], Where] = {}
    for record in records:
        told = record.pairs
        assert told is not None
        each, worst = _of_launch(told, directed, record.batch * operations)
        here = {pair: where(told, *pair) for pair in each}
        middles = {
            kind: _middle(ns for pair, ns in each.items() if here[pair] == kind) for kind in here.values()
        }
        for pair, ns in each.items():
            times[pair].append(ns)
            tails[pair].append(worst[pair])
            factors[pair].append(ns / middles[here[pair]])
        places |= here
    return tuple(
        Link(
            pair=pair,
            where=places[pair],
            ns=_middle(own),
            p99_ns=max((tail for tail in tails[pair] if tail is not None), default=None)
            if None not in tails[pair]
            else None,
            launches=len(own),
            factor=_middle(factors[pair]),
        )
        for pair, own in sorted(times.items())
    )


def _of_launch(
    told: PairTimes, directed: bool, operations: int
) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], float | None]]:
    """Median and p99 of one operation of each pair; two that met twice at random are still one."""
    medians: dict[tuple[int, int], list[float]] = defaultdict(list)
    worst: dict[tuple[int, int], float | None] = {}
    for (a, b), ns, p99 in zip(told.pairs, told.median_ns, told.p99_ns, strict=True):
        pair = (a, b) if directed else (min(a, b), max(a, b))
        medians[pair].append(ns / operations)
        known = worst.get(pair, 0.0)
        worst[pair] = None if known is None or p99 is None else max(known, p99 / operations)
    return {pair: _middle(each) for pair, each in medians.items()}, worst


def _middle(values: Iterable[float]) -> float:
    return float(median(values))


def judged(
    links: Sequence[Link], ranks: int, directed: bool, launches: int
) -> tuple[tuple[Suspect, ...], tuple[str, ...]]:
    """What is slow in so many launches, and why anything was not judged. Pure.

    The error of naming any of so many is 1 % for pairs of one kind and 1 % for ranks.
    """
    unknown: list[str] = []
    slow: dict[tuple[int, int], float] = {}
    factors: dict[tuple[int, int], float] = {}
    for kind in dict.fromkeys(link.where for link in links):
        alike = [link for link in links if link.where == kind]
        often = [link for link in alike if link.launches >= LAUNCHES_MIN]
        unknown += _too_few(kind, alike, often)
        if len(often) >= ALIKE_MIN:
            slow |= {often[i].pair: z for i, z in outliers([link.factor for link in often]).items()}
        if len(alike) >= ALIKE_MIN and launches >= LAUNCHES_MIN:
            factors |= {link.pair: link.factor for link in alike}
    rows, columns = _by_rank(factors, ranks, directed)
    senders = _slow_ranks(rows, slow, factors)
    receivers = _slow_ranks(columns, slow, factors) if directed else {}
    named = [_suspect(rank, senders, receivers, directed) for rank in sorted({*senders, *receivers})]
    for pair, z in slow.items():
        if not (pair[0] in senders or pair[1] in (receivers if directed else senders)):
            named.append(Suspect(kind="pair", ranks=pair, factor=factors[pair], z=z))
    return tuple(sorted(named, key=lambda s: (s.kind == "pair", -s.factor))), tuple(unknown)


def _suspect(rank: int, senders: Ranks, receivers: Ranks, directed: bool) -> Suspect:
    as_sender, as_receiver = senders.get(rank), receivers.get(rank)
    factor, z = max(each for each in (as_sender, as_receiver) if each)
    kind: Kind = (
        "rank" if not directed or (as_sender and as_receiver) else "sender" if as_sender else "receiver"
    )
    return Suspect(kind=kind, ranks=(rank,), factor=factor, z=z)


def _too_few(kind: Where, alike: Sequence[Link], often: Sequence[Link]) -> list[str]:
    """Why some pairs of a kind are not judged; nothing where all are."""
    if len(alike) < ALIKE_MIN:
        place = kind if kind == "across hosts" else f"on {kind}"
        return [f"only {len(alike)} of the {ALIKE_MIN} pairs {place} that it takes to tell an outlier"]
    if len(often) < len(alike):
        fewer = len(alike) - len(often)
        return [f"{fewer} of {len(alike)} pairs were measured in fewer than {LAUNCHES_MIN} launches"]
    return []


def outliers(factors: Sequence[float]) -> dict[int, float]:
    """Index -> modified z of those that are beyond `critical_z`, and `EFFECT_MIN` over the middle."""
    logs = np.log(np.asarray(factors, np.float64))
    centre = float(np.median(logs))
    spread = max(MAD_SCALE * float(np.median(np.abs(logs - centre))), SPREAD_MIN)
    z = (logs - centre) / spread
    limit = critical_z(len(logs))
    slow = (z > limit) & (logs - centre > log(1 + EFFECT_MIN))
    return {int(i): float(z[i]) for i in np.flatnonzero(slow)}


def critical_z(count: int) -> float:
    """Modified z that the largest of so many normal values stays below in 99 % of cases."""
    if count < ALIKE_MIN:
        return inf
    if count > max(CRITICAL_Z):
        return max(CRITICAL_Z[max(CRITICAL_Z)], NormalDist().inv_cdf(1 - FALSE_ALARMS / count))
    return float(np.interp(log(count), np.log(list(CRITICAL_Z)), list(CRITICAL_Z.values())))


Ranks = Mapping[int, tuple[float, float]]
"""Rank -> (factor, z)."""
Lines = Mapping[int, Sequence[tuple[int, int]]]
"""Rank -> its pairs."""


def _by_rank(factors: Iterable[tuple[int, int]], ranks: int, directed: bool) -> tuple[Lines, Lines]:
    """Each rank's pairs as sender and as receiver; where there is no direction, all of them twice."""
    rows: dict[int, list[tuple[int, int]]] = {rank: [] for rank in range(ranks)}
    columns: dict[int, list[tuple[int, int]]] = {rank: [] for rank in range(ranks)}
    for a, b in factors:
        rows[a].append((a, b))
        columns[b].append((a, b))
        if not directed:
            rows[b].append((a, b))
            columns[a].append((a, b))
    return rows, columns


def _slow_ranks(
    lines: Lines, slow: Mapping[tuple[int, int], float], factors: Mapping[tuple[int, int], float]
) -> Ranks:
    """Rank -> (factor of its middle pair, z): most of its pairs are slow by themselves, or their middle is
    slow among the ranks' middles, which many small excesses show before a single one does."""
    enough = {rank: pairs for rank, pairs in lines.items() if len(pairs) >= ROW_MIN}
    middles = {rank: _middle(factors[pair] for pair in pairs) for rank, pairs in enough.items()}
    found: dict[int, tuple[float, float]] = {}
    for rank, pairs in enough.items():
        hit = [slow[pair] for pair in pairs if pair in slow]
        if len(hit) >= max(ROW_MIN, ROW_SHARE * len(pairs)):
            found[rank] = middles[rank], _middle(hit)
    if len(middles) >= ALIKE_MIN:
        known = list(middles)
        for i, z in outliers(list(middles.values())).items():
            found.setdefault(known[i], (middles[known[i]], z))
    return found


def middle_of(found: PairMap, kind: Where) -> float:
    """Time of the middle pair of a kind, ns."""
    return _middle(link.ns for link in found.links if link.where == kind)

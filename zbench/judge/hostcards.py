"""Cards of one kind in one host: which one is slow, and how much they disturb each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np

from zbench.case import Case
from zbench.judge.ratios import MARGIN, SAME_LIMIT, Comparison, Pairs
from zbench.judge.summary import Pair, Summary, known_workload
from zbench.judge.sustained import against_margin, unsure, within_noise
from zbench.measure.statistics import interval, ratio_interval

CARDS_MIN = 4
"""The least for a median and its spread: a slow one of three is a third of both."""
MAD_SCALE = 1.4826
"""The median absolute deviation of a normal distribution times this is its standard deviation."""
OUTLIER_Z = 3.5
"""Modified z beyond which a value is an outlier (Iglewicz and Hoaglin, How to Detect and Handle Outliers,
1993: 0.6745 (x - median) / MAD)."""
FALSE_ALARMS = 0.01
"""Of a run in which no card is slow. Among 10,000 cards 3.5 would name two or three; z is then 4.75."""
EFFECT_MIN = 0.03
"""Cards of one kind differ by 1 to 2 % as they are sold; less than 3 % is nobody's reason to replace one."""

Standing = Literal["SLOW", "NORMAL", "UNDECIDED"]


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One card among the others, in one case."""

    subject: str
    value: float | None = None
    """Rate or bandwidth in the unit of the case; None: no figure, see `why`."""
    values: tuple[float, ...] = ()
    """One for each launch."""
    share: float | None = None
    """Of the middle card, paired in blocks; of the fastest where there are too few for a middle."""
    interval: Pair | None = None
    """Of `share`."""
    z: float | None = None
    """Modified z-score: below 0 it is slower than the middle. None: too few cards."""
    verdict: Standing = "UNDECIDED"
    why: str = ""


class Lineup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case on all cards of the host, one by one or all at once."""

    key: str
    case: Case
    unit: str
    of: Literal["median", "fastest"]
    """What shares are of."""
    centre: float | None
    """Its value, in `unit`."""
    limit: float | None
    """The share below which a card is slow: beyond the z and beyond the least effect. None: too few cards."""
    members: tuple[Member, ...]

    @property
    def slow(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.verdict == "SLOW")


class Disturbance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One card in one case: its rate with all others at work over its rate alone."""

    key: str
    """Of the case alone."""
    together: int
    """Cards at work."""
    subject: str
    ratio: float
    """Median over blocks; below 1 the others slow it down."""
    interval: Pair | None
    launches: int
    """Blocks in which it was measured both ways."""
    verdict: Comparison
    why: str = ""


class HostCards(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lineups: tuple[Lineup, ...] = ()
    disturbances: tuple[Disturbance, ...] = ()


def host_cards(summaries: Sequence[Summary], subjects: Sequence[str], floor: float = 0.0) -> HostCards:
    """Every case of the cards `subjects`, in the order of `summaries`. Pure.

    `floor`: the A/A floor of the run as a fraction; nothing that is closer than that is an effect.
    """
    answers: dict[str, dict[str, Summary]] = {}
    for s in summaries:
        if s.subject in subjects:
            here = answers.setdefault(s.key, {})
            if s.subject not in here or _ns(s) < _ns(here[s.subject]):  # of several variants the fastest
                here[s.subject] = s
    lineups = [lineup([by[name] for name in subjects if name in by], floor) for by in answers.values()]
    pairs = [
        (alone, by[name])
        for by in answers.values()
        for name in subjects
        if name in by and by[name].case.together > 1
        for alone in [answers.get(by[name].case.alone.key, {}).get(name)]
        if alone
    ]
    found = [_disturbance(alone, at_once, max(floor, MARGIN)) for alone, at_once in pairs]
    return HostCards(tuple(lineups), tuple(each for each in found if each is not None))


def lineup(summaries: Sequence[Summary], floor: float = 0.0) -> Lineup:
    """One case of several cards, one summary for each. Pure."""
    first = summaries[0]
    timed = [s for s in summaries if s.status == "ok" and s.launch_medians_ns]
    values = {s.subject: _values(s) for s in timed}
    middles = {name: float(np.median(each)) for name, each in values.items()}
    enough = len(timed) >= CARDS_MIN
    centre = (
        (float(np.median(list(middles.values()))) if enough else max(middles.values())) if timed else None
    )
    shares = _shares(timed, None if enough else max(middles, key=lambda name: middles[name], default=None))
    spread = _spread([float(np.median(each)) for each in shares.values()]) if enough else None
    limit = None
    if spread is not None:
        limit = max(0.0, 1 - max(EFFECT_MIN, floor, critical_z(len(timed)) * spread))
    return Lineup(
        key=first.key,
        case=first.case,
        unit=first.unit,
        of="median" if enough else "fastest",
        centre=centre,
        limit=limit,
        members=tuple(_member(s, values, shares, spread, limit, floor) for s in summaries),
    )


def critical_z(cards: int) -> float:
    """Modified z beyond which one of so many cards is an outlier, on one side."""
    return max(OUTLIER_Z, NormalDist().inv_cdf(1 - FALSE_ALARMS / cards))


def _ns(summary: Summary) -> float:
    return summary.median_ns if summary.median_ns is not None else inf


def _values(summary: Summary) -> tuple[float, ...]:
    """The rate of each launch."""
    work = known_workload(summary.case.workload)
    return tuple(work.value(summary.case, ns) for ns in summary.launch_medians_ns)


def _shares(timed: Sequence[Summary], of: str | None) -> Mapping[str, list[float]]:
    """Card -> its rate over that of the middle card (or of the card `of`) in each block that has all of them:
    what slows the whole host in one block slows all alike."""
    by_block = {s.subject: dict(zip(s.launch_blocks, s.launch_medians_ns, strict=True)) for s in timed}
    blocks = sorted(set.intersection(*(set(times) for times in by_block.values()))) if by_block else []
    middle = {b: float(np.median([times[b] for times in by_block.values()])) for b in blocks}
    reference = by_block[of] if of else middle
    return (
        {name: [reference[b] / times[b] for b in blocks] for name, times in by_block.items()}
        if blocks
        else {}
    )


def _spread(shares: Sequence[float]) -> float | None:
    """Robust standard deviation of the cards' shares; None without any."""
    if not shares:
        return None
    return MAD_SCALE * float(np.median(np.abs(np.asarray(shares) - np.median(shares))))


def _member(
    s: Summary,
    values: Mapping[str, tuple[float, ...]],
    shares: Mapping[str, list[float]],
    spread: float | None,
    limit: float | None,
    floor: float,
) -> Member:
    if s.subject not in values:
        return Member(subject=s.subject, why=f"{s.status}: {s.why}" if s.why else s.status)
    told, own = values[s.subject], shares.get(s.subject, [])
    found = Member(subject=s.subject, value=float(np.median(told)), values=told)
    if not own:
        return msgspec.structs.replace(found, why="no block has all cards")
    span = interval(own)
    share = span.median if span else own[0]
    z = None
    if spread is not None:
        z = (share - 1) / spread if spread else (0.0 if share == 1 else np.copysign(inf, share - 1))
    found = msgspec.structs.replace(
        found,
        share=share,
        interval=(span.lo, span.hi) if span else None,
        z=None if z is None else float(z),
    )
    why = unsure(len(own), span)
    verdict: Standing = "UNDECIDED"
    if limit is None:
        why = f"fewer than {CARDS_MIN} cards tell no outlier"
    elif span is not None and not why:
        if span.hi < limit:
            verdict = "SLOW"
        elif span.lo >= limit and floor > SAME_LIMIT:
            why = within_noise(floor)
        elif span.lo >= limit:
            verdict = "NORMAL"
        else:
            why = f"the interval reaches over the limit of {100 * limit:.3g} %"
    return msgspec.structs.replace(found, verdict=verdict, why=why)


def _disturbance(alone: Summary, together: Summary, margin: float) -> Disturbance | None:
    """None where either has no figure, or no block has both."""
    if not (alone.status == together.status == "ok"):
        return None
    pairs = Pairs(together, alone)
    if not pairs.blocks:
        return None
    # Not normalised by the probe: the others disturb that, too.
    span = ratio_interval(pairs.of, pairs.to)
    verdict, why = against_margin(len(pairs.blocks), span, margin)
    return Disturbance(
        key=alone.key,
        together=together.case.together,
        subject=alone.subject,
        ratio=span.median if span else pairs.to[0] / pairs.of[0],
        interval=(span.lo, span.hi) if span else None,
        launches=len(pairs.blocks),
        verdict=verdict,
        why=why,
    )

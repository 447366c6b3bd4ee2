"""Who is faster: ratios paired in blocks, and the noise floor they must clear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Literal

import msgspec
import numpy as np

from zbench.judge.summary import Pair, Summary, summarise
from zbench.measure.statistics import (
    INTERVAL_ALPHA,
    LAUNCHES,
    Floats,
    floor_of,
    holm,
    interval,
    normalised,
    p_value,
    paired,
    ratio_interval,
)
from zbench.records.schema import Record

MARGIN = 0.01
"""Differences below 1 % are of no use to anyone and within reach of code placement alone."""
SAME_LIMIT = 0.10
"""Where the noise floor is above this, nothing is called SAME: "equal within 40 %" says nothing."""

Comparison = Literal["FASTER", "SLOWER", "SAME", "UNDECIDED"]


class Ratio(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """time(to) / time(of): above 1, `of` is faster. `verdict` speaks of `to`: 1.3 is SLOWER."""

    suite: str
    key: str
    of: str
    to: str
    median: float
    interval: Pair | None
    launches: int
    """Blocks in which both answered."""
    margin: float
    """max(A/A floor, 1 %): what the interval must clear."""
    p: float
    """Holm-adjusted over all ratios of the run."""
    verdict: Comparison
    method: str = ""
    confidence: float = 1 - INTERVAL_ALPHA
    """Of `interval`, see `statistics.Interval`."""
    why: str = ""
    baseline: str = ""
    """The stored run that `of` was measured in; empty: the same blocks."""
    sessions: int = 0
    """Of a stored run: sessions of the history that the interval was made from."""
    sheet: bool = False
    """One side is a data sheet's figure; a measured side's interval is all there is."""


class AA(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same thing launched twice in each block: what its ratio to itself looks like."""

    suite: str
    key: str
    subject: str
    median: float
    interval: Pair | None
    floor: float
    """The far end of the interval, as a fraction: 0.02 is 2 %. One pair: its own distance from 1."""
    pairs: int


def aa_floor(records: Iterable[Record]) -> dict[str, AA]:
    """suite -> the noise floor, from the launches of the anchor case in the same block."""
    records = list(records)
    anchors = summarise(msgspec.structs.replace(r, role="measure") for r in records if r.role == "anchor")
    measured = summarise(records)
    found: dict[str, AA] = {}
    for anchor in anchors:
        for first in measured:
            same = (first.key, first.subject, first.variant) == (anchor.key, anchor.subject, anchor.variant)
            pairs = Pairs(first, anchor)
            if not same or not pairs.blocks:
                continue
            ratio = ratio_interval(*pairs.arguments())
            ratios = paired(pairs.of, pairs.to)
            median = ratio.median if ratio else float(ratios[0])
            found[anchor.suite] = AA(
                suite=anchor.suite,
                key=anchor.key,
                subject=anchor.subject,
                median=median,
                interval=(ratio.lo, ratio.hi) if ratio else None,
                floor=floor_of(ratio) if ratio else max(median, 1 / median) - 1,
                pairs=len(pairs.blocks),
            )
    return found


class Pairs:
    """The launches of two summaries that ran in the same blocks."""

    def __init__(self, of: Summary, to: Summary) -> None:
        of_index = {block: i for i, block in enumerate(of.launch_blocks)}
        to_index = {block: i for i, block in enumerate(to.launch_blocks)}
        self.blocks = [block for block in of.launch_blocks if block in to_index]
        left = [of_index[block] for block in self.blocks]
        right = [to_index[block] for block in self.blocks]
        self.of = [of.launch_medians_ns[i] for i in left]
        self.to = [to.launch_medians_ns[i] for i in right]
        self.of_speeds = self.to_speeds = None
        if of.launch_speeds and to.launch_speeds and of.probe_unit == to.probe_unit:
            self.of_speeds = [of.launch_speeds[i] for i in left]
            self.to_speeds = [to.launch_speeds[i] for i in right]

    def arguments(self) -> tuple[list[float], list[float], list[float] | None, list[float] | None]:
        return self.of, self.to, self.of_speeds, self.to_speeds


def geometric_mean(pairs: Sequence[Pairs]) -> tuple[float, Pair | None, int] | None:
    """(ratio, interval, blocks): the geometric mean of time(to) / time(of) over cases, each of equal weight.

    By block, in those that have all the cases: cases of one block rise and fall together, so their errors
    must not be averaged as if independent. No interval where too few blocks promise one; None where no block
    has all.
    """
    blocks = sorted(set.intersection(*(set(pair.blocks) for pair in pairs))) if pairs else []
    if not blocks:
        return None
    means = _by_block(pairs, blocks, lambda pair: np.divide(pair.to, pair.of))
    speeds = None
    if all(pair.of_speeds and pair.to_speeds for pair in pairs):
        speeds = _by_block(pairs, blocks, lambda pair: np.divide(pair.to_speeds or 1, pair.of_speeds or 1))
    span = interval(means, speeds)
    settled: Floats = np.asarray(means)
    if span and speeds and "normalised" in span.method:
        settled = normalised(means, speeds)
    sure = span is not None and span.confidence >= 1 - INTERVAL_ALPHA
    ratio = float(np.exp(np.log(settled).mean()))
    return ratio, (min(span.lo, ratio), max(span.hi, ratio)) if span and sure else None, len(blocks)


def _by_block(
    pairs: Sequence[Pairs], blocks: Sequence[int], figures: Callable[[Pairs], Floats]
) -> list[float]:
    """The geometric mean over cases in each block."""
    logs = [dict(zip(pair.blocks, np.log(figures(pair)), strict=True)) for pair in pairs]
    return [float(np.exp(np.mean([each[block] for each in logs]))) for block in blocks]


def ratios(records: Iterable[Record], subjects: Sequence[str]) -> list[Ratio]:
    """Every other subject against the first of its suite, key by key, judged together (Holm).

    `subjects` gives the order; subjects that share no suite are not compared. A key is left out where
    either has no figures, and a subject that answered a key in several variants is compared in each.
    """
    records = list(records)
    floors = {suite: aa.floor for suite, aa in aa_floor(records).items()}
    return judge_ratios(summarise(records), subjects, floors)


def judge_ratios(
    summaries: Sequence[Summary], subjects: Sequence[str], floors: Mapping[str, float]
) -> list[Ratio]:
    """`ratios`, from summaries and suite -> A/A floor."""
    found: list[Ratio] = []
    for suite in dict.fromkeys(summary.suite for summary in summaries):
        here = [s for s in summaries if s.suite == suite and s.launch_medians_ns]
        present = [subject for subject in dict.fromkeys(subjects) if any(s.subject == subject for s in here)]
        margin = max(floors.get(suite, 0.0), MARGIN)
        for other in present[1:]:
            firsts = [s for s in here if s.subject == present[0]]
            others = [s for s in here if s.subject == other]
            found += [_ratio(of, to, margin) for of, to in product(firsts, others) if _comparable(of, to)]
    adjusted = holm([ratio.p for ratio in found])
    return [_decided(msgspec.structs.replace(r, p=p)) for r, p in zip(found, adjusted, strict=True)]


def _comparable(of: Summary, to: Summary) -> bool:
    return of.key == to.key and bool(set(of.launch_blocks) & set(to.launch_blocks))


def _ratio(of: Summary, to: Summary, margin: float) -> Ratio:
    pairs = Pairs(of, to)
    span = ratio_interval(*pairs.arguments())
    raw = paired(pairs.of, pairs.to)
    settled: Floats = raw
    if span and "normalised" in span.method and pairs.of_speeds and pairs.to_speeds:
        settled = normalised(list(raw), list(np.divide(pairs.to_speeds, pairs.of_speeds)))
    return Ratio(
        suite=of.suite,
        key=of.key,
        of=of.subject,
        to=to.subject,
        median=span.median if span else float(raw[0]),
        interval=(span.lo, span.hi) if span else None,
        launches=len(pairs.blocks),
        margin=margin,
        p=p_value(list(settled), margin),
        verdict="UNDECIDED",
        method=span.method if span else "one launch",
        confidence=span.confidence if span else 0.0,
    )


def _decided(ratio: Ratio) -> Ratio:
    if ratio.launches < LAUNCHES or ratio.interval is None:
        return msgspec.structs.replace(
            ratio, why=f"{ratio.launches} launches carry no verdict, {LAUNCHES} do"
        )
    return decided(ratio, f"the interval reaches into the noise floor of {ratio.margin:.1%}")


def decided(ratio: Ratio, reaches: str) -> Ratio:
    """FASTER or SLOWER by the interval and by Holm together; SAME only wholly inside the margin.

    `ratio` has an interval; `reaches` is the reason where that touches the margin.
    """
    assert ratio.interval is not None
    verdict: Comparison = "UNDECIDED"
    why = ""
    low, high = 1 / (1 + ratio.margin), 1 + ratio.margin
    if low < ratio.interval[0] and ratio.interval[1] < high:
        if ratio.margin <= SAME_LIMIT:
            verdict = "SAME"
        else:
            why = f"equal only within the noise floor of {ratio.margin:.0%}"
    elif low <= ratio.interval[1] and ratio.interval[0] <= high:
        why = reaches
    elif ratio.p > INTERVAL_ALPHA:
        why = "among so many cases a difference like this one may be chance"
    else:
        verdict = "SLOWER" if ratio.median > 1 else "FASTER"
    return msgspec.structs.replace(ratio, verdict=verdict, why=why)


def same_name(ratio: Ratio) -> bool:
    """Whether both are one card or fabric in two environments: `cpu@OLD` and `cpu@NEW`.

    Then SLOWER is a regression; a peer that is slower is information.
    """
    return ratio.of.partition("@")[0] == ratio.to.partition("@")[0]

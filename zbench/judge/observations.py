"""What a run has to say about a claim: one observation for each case that the claim selects."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec
import numpy as np

from zbench.case import Case
from zbench.judge.claims import Claim
from zbench.judge.ratios import Ratio
from zbench.judge.scaling import Scaling
from zbench.judge.summary import Pair, Summary, known_workload
from zbench.judge.telemetry import Watched
from zbench.measure.statistics import INTERVAL_ALPHA, interval
from zbench.records.schema import Sheet
from zbench.workloads.copies import COPIES

PER_TIME = {"rate", "bandwidth", "algbw", "busbw", "message_rate", "tokens_per_second"}
OVER_PAIRS = ("min_over_pairs", "max_over_pairs")
TIMES = {"latency", "pipelined_latency", "time", "cost"}
"""A ratio of these is a ratio of times (of cost: at one price per hour), either way round."""
HOUR_S = 3600
BLOCKING = {"latency", "time", "busbw", "rate"}
"""Metrics of workloads whose operations run one after the other, so that their time is a latency."""


class Observation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case: the claim's metric in the claim's unit."""

    key: str
    subject: str
    ranks: int
    launches: int
    value: float | None = None
    """None: there is no figure, see `why`."""
    bounds: Pair | None = None
    """None: one launch."""
    values: tuple[float, ...] = ()
    """One for each launch, for a stricter interval; empty: bounds are all there is."""
    speeds: tuple[float, ...] | None = None
    """By which `values` are divided out where they fall into modes (`statistics.interval`)."""
    to: str = ""
    """Of a ratio: what it is over."""
    stored: bool = False
    """The other side of the ratio was measured in another session, and how much those differ is not known."""
    sheet: bool = False
    """Of a data sheet, at least on one side of a ratio: `value` is told by somebody, not measured."""
    catalogue: str = ""
    """Of a ratio over a card of the catalogue, which was asked for: the figure, and how far to trust it."""
    method: str = ""
    confidence: float = 1 - INTERVAL_ALPHA
    """Of `bounds`; less where few launches fall into modes, and then it decides nothing."""
    all_pairs: bool = False
    """Every two ranks were measured, and not one pair for all."""
    beside: tuple[str, ...] = ()
    """Other keys that the figure is made of, measured in the same blocks."""
    status: str = "ok"
    why: str = ""

    def bounds_at(self, alpha: float) -> Pair | None:
        """The interval at a smaller alpha; None where the launches cannot support it."""
        span = interval(list(self.values), self.speeds, alpha) if self.values else None
        return (span.lo, span.hi) if span and span.confidence >= 1 - alpha else None


def candidate(summaries: Sequence[Summary], suite: str, subjects: Sequence[str]) -> str:
    """The subject that claims are about: the first that was named for this suite."""
    present = dict.fromkeys(summary.subject for summary in summaries if summary.suite == suite)
    return next((subject for subject in subjects if subject in present), next(iter(present), ""))


def observe(
    claim: Claim,
    summaries: Sequence[Summary],
    ratios: Sequence[Ratio],
    scaling: Scaling,
    subjects: Sequence[str],
    price_per_card_hour: float | None = None,
) -> list[Observation]:
    """Everything measured here that the claim's glob and metric select, on the candidate."""
    if claim.is_ratio:
        return _ratios(claim, ratios, summaries, subjects)
    if claim.metric.startswith("efficiency_"):
        return _efficiencies(claim, scaling, subjects)
    if claim.metric == "cost" and price_per_card_hour is None:
        return []
    return [
        _absolute(claim, summary, price_per_card_hour or 0.0)
        for summary in summaries
        if fnmatchcase(summary.key, claim.case)
        and summary.subject == candidate(summaries, summary.suite, subjects)
        and speaks_of(summary, claim.metric)
    ]


def speaks_of(summary: Summary, metric: str) -> bool:
    """Whether the metric can be had from this summary."""
    if metric == "mfu":
        # beside a cold case stands the roof of memory, which is no peak
        return summary.probe_unit == "FLOP/s" and summary.case.parameters.get("cache") != "cold"
    if metric in ("latency", "time", "cost"):
        return summary.metric in BLOCKING or _waited_for(summary.case)
    if metric == "energy_efficiency":
        return summary.metric == "rate" and summary.watched is not None
    if metric == "pipelined_latency":
        several = ("pipelined_latency", "bandwidth", "message_rate")
        return summary.metric in several and summary.suite == "fabric"
    return metric == summary.metric or (metric == "algbw" and summary.metric == "busbw")


def _waited_for(case: Case) -> bool:
    """Whether each copy ends before the next one starts, so that its time is a latency, too."""
    return case.workload in COPIES and case.get("blocking") == "yes"


def _metric(summary: Summary, metric: str, ns: float, price_per_card_hour: float = 0.0) -> float:
    """The metric for a time per operation (of mfu: FLOP/s, still to be divided by the peak)."""
    work = known_workload(summary.case.workload)
    if metric == "mfu":
        return work.flops(summary.case) / ns * 1e9
    if metric == "cost":  # of one operation on all its cards
        return ns / 1e9 / HOUR_S * summary.ranks * price_per_card_hour
    if metric in TIMES:
        return ns / 1e9
    if metric == "algbw":
        return summary.case.size[0] / ns * 1e9
    return work.value(summary.case, ns)


def _absolute(claim: Claim, summary: Summary, price_per_card_hour: float) -> Observation:
    found = Observation(
        key=summary.key,
        subject=summary.subject,
        ranks=summary.ranks,
        launches=summary.launches,
        method=summary.method,
        all_pairs=bool(summary.pair_extremes_ns),
        status=summary.status,
        why=summary.why,
    )
    if summary.median_ns is None:
        return found
    if summary.sheet:
        return _told(claim, summary, summary.sheet, found, price_per_card_hour)
    if claim.statistic == "p99":
        return _tail(claim, summary, found, price_per_card_hour)
    if claim.metric == "energy_efficiency":
        return _efficiency(summary.watched, found)
    times = _times(claim, summary)
    values = tuple(_metric(summary, claim.metric, ns, price_per_card_hour) for ns in times)
    speeds = summary.launch_speeds
    if speeds and claim.metric == "mfu":
        values = tuple(rate / peak for rate, peak in zip(values, speeds, strict=True))
        speeds = None
    elif speeds and claim.metric not in TIMES:  # `interval` multiplies times; rates are divided
        speeds = tuple(1 / speed for speed in speeds)
    span = interval(list(values), speeds)
    return msgspec.structs.replace(
        found,
        value=span.median if span else float(np.median(values)),
        bounds=(span.lo, span.hi) if span else None,
        values=values,
        speeds=speeds,
        method=span.method if span else "one launch",
        confidence=span.confidence if span else 0.0,
    )


def _times(claim: Claim, summary: Summary) -> tuple[float, ...]:
    """Of each launch, in the claim's statistic: the largest rate over pairs is that of the fastest one."""
    if claim.statistic in OVER_PAIRS and summary.pair_extremes_ns:
        slowest = (claim.statistic == "max_over_pairs") == (claim.metric in TIMES)
        return tuple(ends[slowest] for ends in summary.pair_extremes_ns)
    return summary.launch_means_ns if claim.statistic == "mean" else summary.launch_medians_ns


def _efficiency(watched: Watched | None, found: Observation) -> Observation:
    """Work over energy: of each launch what its own energy gave. The probe beside a launch tells nothing of
    that, so launches that fall into modes stay as they are."""
    if watched is None or not watched.flop_per_j:
        return msgspec.structs.replace(found, why=watched.why if watched else "no meter")
    span = interval(list(watched.flop_per_j))
    return msgspec.structs.replace(
        found,
        value=span.median if span else watched.flop_per_j[0],
        bounds=(span.lo, span.hi) if span else None,
        values=watched.flop_per_j,
        method=span.method if span else "one launch",
        confidence=span.confidence if span else 0.0,
    )


SHEET_STATISTICS = {"mean": ("mean", "median", "unknown"), "p99": ("p99",)}
"""Statistic of a claim -> those of a data sheet that speak of it, best first. A tool tells its mean or its
median where another tells the other, and a claim that lets data sheets settle it lets that pass, too."""
OTHERWISE = ("median", "mean", "unknown")


def _told(claim: Claim, summary: Summary, sheet: Sheet, found: Observation, price: float) -> Observation:
    """A data sheet's figure: a point, or nothing where it tells another statistic."""
    figures = sheet.others_ns | {sheet.statistic: sheet.time_ns}
    for statistic in SHEET_STATISTICS.get(claim.statistic, OTHERWISE):
        if statistic in figures:
            ns = figures[statistic] / known_workload(summary.case.workload).operations(summary.case)
            value = _metric(summary, claim.metric, ns, price)
            return msgspec.structs.replace(found, value=value, sheet=True, method="")
    why = f"the data sheet tells no {claim.statistic}, only {', '.join(figures)}"
    return msgspec.structs.replace(found, sheet=True, why=why, method="")


def _tail(claim: Claim, summary: Summary, found: Observation, price: float) -> Observation:
    """The 99th percentile of single operations, as bounds; for a rate, that of the slow ones."""
    high, low = summary.percentiles.get("p99"), summary.percentile_floors.get("p99")
    if high is None or low is None:
        why = (
            f"{summary.samples} samples in {summary.launches} launches cannot support p99: each launch "
            "needs 459 operations, timed one by one"
        )
        return msgspec.structs.replace(found, why=why)
    ends = sorted(_metric(summary, claim.metric, ns, price) for ns in (low, high))
    worst = _metric(summary, claim.metric, high, price)
    return msgspec.structs.replace(found, value=worst, bounds=(ends[0], ends[1]), method="order statistics")


def _efficiencies(claim: Claim, scaling: Scaling, subjects: Sequence[str]) -> list[Observation]:
    kind = claim.metric.removeprefix("efficiency_")
    rows = [e for e in scaling.efficiencies if e.kind == kind and e.ranks > 1]
    rows = [e for e in rows if fnmatchcase(e.key, claim.case)]
    present = [e.subject for e in rows]
    chosen = next((subject for subject in subjects if subject in present), present[0] if present else "")
    return [
        Observation(
            key=e.key,
            subject=e.subject,
            ranks=e.ranks,
            launches=e.launches,
            value=e.value,
            bounds=e.interval,
            values=() if "normalised" in e.method else e.launch_values,
            method=e.method,
            confidence=e.confidence,
            beside=(e.key_one,),
        )
        for e in rows
        if e.subject == chosen
    ]


def _ratios(
    claim: Claim, ratios: Sequence[Ratio], summaries: Sequence[Summary], subjects: Sequence[str]
) -> list[Observation]:
    """metric(candidate) / metric(baseline), from time(to) / time(of): beside in the same blocks where that
    was measured, else in a stored run."""
    rows = [r for r in ratios if fnmatchcase(r.key, claim.case)] if claim.metric in PER_TIME | TIMES else []
    beside = [r for r in rows if not r.baseline]
    stored = [r for r in rows if r.baseline and r.to == candidate(summaries, r.suite, subjects)]
    if (named := claim.to) is not None:
        beside = [r for r in beside if named.subject and r.to == named.subject]
        stored = [r for r in stored if named.run == r.baseline or r.of in (named.card, named.subject)]
    if beside:  # of several that were measured beside it, the first; likewise of stored runs
        return [_ratio(claim, r) for r in beside if r.to == beside[0].to]
    return [_ratio(claim, r) for r in stored if r.baseline == stored[0].baseline]


def _ratio(claim: Claim, ratio: Ratio) -> Observation:
    turned = (claim.metric in TIMES) != bool(ratio.baseline)  # a stored run is `of`, not `to`
    bounds = ratio.interval
    if bounds and turned:
        bounds = (1 / bounds[1], 1 / bounds[0])
    return Observation(
        key=ratio.key,
        subject=ratio.to if ratio.baseline else ratio.of,
        ranks=1,
        launches=ratio.launches,
        value=1 / ratio.median if turned else ratio.median,
        bounds=bounds,
        to=ratio.baseline or ratio.to,
        stored=bool(ratio.baseline) and ratio.interval is None and not ratio.sheet,
        sheet=ratio.sheet,
        why=ratio.why if ratio.baseline else "",
        method=ratio.method,
        confidence=ratio.confidence,
    )

"""Verdicts: each claim against what was measured. Pure; nothing is measured or read here."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Literal

import msgspec
import numpy as np

from zbench.judge.catalogued import catalogued
from zbench.judge.catalogued import reason as over_catalogue
from zbench.judge.claims import EVIDENCE, Claim, Source
from zbench.judge.facts import SHEET_ALONE, RunFacts, obstacles_to
from zbench.judge.guidelines import Relation, add_up
from zbench.judge.observations import Observation, candidate, observe
from zbench.judge.ratios import Ratio
from zbench.judge.reasons import distance, missing, nearest, reason
from zbench.judge.scaling import Projection, Scaling, project
from zbench.judge.summary import Pair, Summary
from zbench.measure.statistics import EXTENDED, INTERVAL_ALPHA, LAUNCHES

Word = Literal["MET", "NOT MET", "UNDECIDED", "NOT RUN", "NOT TESTABLE", "PROJECTED"]


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    claim: str
    """Its id."""
    text: str
    verdict: Word
    evidence: str | None
    """What `measured` is; None where nothing was measured."""
    measured: float | None
    """In `unit`; over several cases their median. Also where the claim could not be tested: what came
    nearest to it here."""
    measured_interval: Pair | None
    """Over several cases from the least lower to the greatest upper end."""
    operator: str
    claimed: float
    unit: str
    why: str
    missing: str
    """What would settle it; empty once it is settled."""
    assumed: tuple[str, ...]
    source: Source
    subject: str = ""
    keys: tuple[str, ...] = ()
    undecided_keys: tuple[str, ...] = ()
    """Cases that more launches could decide."""


def judge(
    claims: Iterable[Claim],
    summaries: Sequence[Summary],
    ratios: Sequence[Ratio],
    scaling: Scaling,
    facts: RunFacts,
    relations: Sequence[Relation] = (),
) -> list[Verdict]:
    """One verdict a claim, in the order of the file; `relations` are those of its guidelines.

    A claim is decided only where its value lies outside the interval, with at least `LAUNCHES` launches
    and every condition fulfilled. Over several cases a limit must hold in each: MET when all meet it,
    NOT MET when one certainly does not (Bonferroni over the cases). A ratio speaks of what is usual:
    NOT MET only when all fail, UNDECIDED when cases differ.
    """
    return [
        _guideline(claim, relations, summaries, facts)
        if claim.is_guideline
        else _judge(claim, summaries, ratios, scaling, facts)
        for claim in claims
    ]


def _guideline(
    claim: Claim, relations: Sequence[Relation], summaries: Sequence[Summary], facts: RunFacts
) -> Verdict:
    """Of the first subject; what others do under it stands beside it in the report."""
    subject = candidate(summaries, claim.suite, facts.subjects)
    found = [r for r in relations if (r.guideline, r.subject) == (claim.id, subject)]
    word, worst, why = add_up(claim, found)
    beside = f" beside {', '.join(claim.at_most)} of the same size" if claim.at_most else " in two sizes"
    beside += " that are nearly the same" if claim.smooth else ""
    unsure = [r for r in found if r.verdict == "UNDECIDED" and r.ratio is not None]
    more = any(LAUNCHES <= r.launches < EXTENDED for r in unsure)
    launches = max((r.launches for r in unsure), default=0)
    return Verdict(
        claim=claim.id,
        text=claim.text,
        verdict=word,
        evidence="MEASURED" if worst else None,
        measured=worst.ratio if worst else None,
        measured_interval=worst.interval if worst else None,
        operator=claim.operator,
        claimed=claim.limit,
        unit=claim.unit,
        why=why or f"no case {claim.case} was run{beside}",
        missing={"UNDECIDED": f"more than {launches} launches", "NOT RUN": claim.settles}.get(word, ""),
        assumed=claim.assumed,
        source=claim.source,
        subject=subject,
        keys=tuple(dict.fromkeys(r.key for r in found)),
        undecided_keys=tuple(dict.fromkeys(key for r in unsure for key in (r.key, *r.against)))
        if word == "UNDECIDED" and more
        else (),
    )


def _judge(
    claim: Claim,
    summaries: Sequence[Summary],
    ratios: Sequence[Ratio],
    scaling: Scaling,
    facts: RunFacts,
) -> Verdict:
    if claim.to and claim.to.catalogued:
        found = catalogued(claim, summaries, facts.subjects)
    else:
        observed = observe(claim, summaries, ratios, scaling, facts.subjects, facts.price_per_card_hour)
        found = _at_scale(claim, observed)
    measured = [o for o in found if o.value is not None]
    subject = measured[0].subject if measured else ""
    reach = max((o.ranks for o in found), default=facts.ranks)
    obstacles = obstacles_to(claim, found, facts)
    told = any(o.sheet and not o.catalogue for o in found)  # over the catalogue is what was asked for
    if told and claim.evidence != "DATA SHEET":
        whose = "the baseline" if claim.is_ratio else "this"
        obstacles.append(f"{whose} is {SHEET_ALONE}")
    obstacles += dict.fromkeys(o.why for o in found if o.sheet and o.value is None)
    verdict = Verdict(
        claim=claim.id,
        text=claim.text,
        verdict="NOT TESTABLE",
        evidence=_evidence(measured, bool(obstacles) or reach < claim.ranks),
        measured=float(np.median([o.value for o in measured])) if measured else None,
        measured_interval=_span(measured),
        operator=claim.operator,
        claimed=claim.limit,
        unit=claim.unit,
        why="",
        missing=claim.settles,
        assumed=claim.assumed,
        source=claim.source,
        subject=subject,
        keys=tuple(o.key for o in found),
    )
    slice_will_do = EVIDENCE.index(claim.evidence) <= EVIDENCE.index("MEASURED ON A SLICE")
    if reach < claim.ranks and not (slice_will_do and measured):
        projection = project(scaling, claim.metric, claim.ranks, subject)
        if projection and not obstacles:
            return _projected(verdict, projection)
        obstacles.append(f"the claim speaks of {claim.ranks:,} cards, measured are {reach}")
    if obstacles:
        here = nearest(claim, verdict.measured, measured, summaries, facts.subjects)
        return msgspec.structs.replace(verdict, why="; ".join([here, *obstacles]))
    if not found:
        run = any(fnmatchcase(s.key, claim.case) for s in summaries)
        why = (
            f"no case {claim.case} that was run tells a {claim.metric}"
            if run
            else f"no case {claim.case} was run"
        )
        return msgspec.structs.replace(verdict, verdict="NOT RUN", why=why)
    return _decided(claim, verdict, found)


def _at_scale(claim: Claim, found: list[Observation]) -> list[Observation]:
    """Where the claim names a scale: what was measured there, or else at the largest."""
    if claim.ranks == 1 or not found:
        return found
    reached = min(claim.ranks, max(o.ranks for o in found))
    return [o for o in found if o.ranks >= reached]


def _evidence(measured: Sequence[Observation], slice_only: bool) -> str | None:
    if any(o.sheet for o in measured):
        return "DATA SHEET"
    return ("MEASURED ON A SLICE" if slice_only else "MEASURED") if measured else None


def _span(measured: Sequence[Observation]) -> Pair | None:
    bounds = [o.bounds for o in measured if o.bounds]
    return (min(lo for lo, _ in bounds), max(hi for _, hi in bounds)) if bounds else None


def _projected(verdict: Verdict, projection: Projection) -> Verdict:
    return msgspec.structs.replace(
        verdict,
        verdict="PROJECTED",
        evidence="PROJECTED",
        measured=projection.value,
        measured_interval=projection.interval,
        why=f"not measured at {projection.ranks:,} ranks: {projection.model}; "
        f"{distance(projection.value, verdict.claimed)} the claim",
    )


HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}


def decide(word: str, limit: float, bounds: Pair | None) -> Word:
    """MET or NOT MET where the whole interval lies on one side of the limit, else UNDECIDED."""
    if bounds is None or bounds[0] <= limit <= bounds[1]:
        return "UNDECIDED"
    return "MET" if HOLDS[word](bounds[0], limit) else "NOT MET"


def _decided(claim: Claim, verdict: Verdict, found: Sequence[Observation]) -> Verdict:
    """The verdict where nothing but the figures stands in the way."""
    replace = msgspec.structs.replace
    for o in found:
        if o.value is None:
            why = f"{o.key}: {o.status}: {o.why}" if o.status != "ok" else f"{o.key}: {o.why}"
            return replace(verdict, verdict="NOT RUN" if o.status == "skipped" else "UNDECIDED", why=why)
    fewest = min((o.launches for o in found if not _is_point(o)), default=LAUNCHES)
    if fewest < LAUNCHES:
        why = f"{fewest} launches carry no verdict, {LAUNCHES} do"
        return replace(verdict, verdict="UNDECIDED", why=why, missing=f"{LAUNCHES} launches")
    if stored := [o.why for o in found if o.stored]:
        return replace(verdict, verdict="UNDECIDED", why="; ".join(dict.fromkeys(stored)))
    if claim.statistic in ("min_over_pairs", "max_over_pairs"):
        found = [_extreme(claim, found)]
    words = [_word(claim, o, o.bounds if o.confidence >= 1 - INTERVAL_ALPHA else None) for o in found]
    word: Word = "UNDECIDED"
    if len(set(words)) == 1:
        word = words[0]
    elif not claim.is_ratio:
        alpha = INTERVAL_ALPHA / len(found)
        strict = [_word(claim, o, o.bounds_at(alpha)) for o in found]
        word = "NOT MET" if "NOT MET" in strict else "UNDECIDED"
    elif found[0].catalogue and "UNDECIDED" not in words:
        word = "NOT TESTABLE"  # without its dtype
    still_open = [o for o, w in zip(found, words, strict=True) if w == "UNDECIDED"]
    return replace(
        verdict,
        verdict=word,
        why=(over_catalogue if found[0].catalogue else reason)(claim, found, words),
        missing={"UNDECIDED": missing(claim, still_open), "NOT TESTABLE": claim.settles}.get(word, ""),
        undecided_keys=tuple(dict.fromkeys(key for o in still_open for key in (o.key, *o.beside)))
        if word == "UNDECIDED" and fewest < EXTENDED
        else (),
    )


def _is_point(o: Observation) -> bool:
    """A figure that somebody told, with nothing measured beside it."""
    return o.sheet and o.bounds is None and not o.launches


def _word(claim: Claim, o: Observation, bounds: Pair | None) -> Word:
    if _is_point(o) and o.value is not None:
        return "MET" if HOLDS[claim.operator](o.value, claim.limit) else "NOT MET"
    return decide(claim.operator, claim.limit, bounds)


def _extreme(claim: Claim, found: Sequence[Observation]) -> Observation:
    """The best or worst pair of ranks, as one observation."""
    pick = max if claim.statistic == "max_over_pairs" else min
    bounds = [o.bounds for o in found if o.bounds]
    ends = (pick(lo for lo, _ in bounds), pick(hi for _, hi in bounds)) if bounds else None
    worst = pick(found, key=lambda o: o.value or 0.0)
    return msgspec.structs.replace(worst, bounds=ends, values=())

"""A ratio over a card that is not here: its rate as the catalogue has it, for the same dtype and workload."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from zbench.judge.claims import Claim
from zbench.judge.datasheets import PRECISIONS, DataSheet, Figure, named
from zbench.judge.observations import Observation, candidate
from zbench.judge.reasons import distance
from zbench.judge.summary import Summary
from zbench.judge.units import format_value

WORKLOADS = ("gemm",)
"""What comes near a data sheet's peak: for other workloads a peak is no baseline."""
FLATTERS = "a peak is not an achieved rate, so the comparison flatters the baseline"
PEAK = "the dense"
"""How the words of a maker's figure begin; one that was measured flatters nobody."""
DTYPE = (
    "the claim names no dtype, and those measured do not agree: measure one (--case 'gemm/bf16/*'), or name "
    "it in the claim's case"
)


def catalogued(claim: Claim, summaries: Sequence[Summary], subjects: Sequence[str]) -> list[Observation]:
    """The best rate of each dtype that the claim selects, over what the catalogue has for that dtype.

    Dtypes whose figure is unknown are told only where none is known.
    """
    assert claim.to is not None
    sheet = named(claim.to.card)
    best: dict[str, Summary] = {}
    for s in summaries:
        first = candidate(summaries, s.suite, subjects)
        asked = fnmatchcase(s.key, claim.case) and s.case.workload in WORKLOADS and s.subject == first
        # zeros are a finding about power, never a result
        if asked and s.status == "ok" and s.value and s.case.get("data") == "random":
            other = best.get(s.case.dtype)
            if other is None or s.value > (other.value or 0.0):
                best[s.case.dtype] = s
    found = [_over(s, sheet) for _, s in sorted(best.items())]
    return [o for o in found if o.value is not None] or found


def _over(best: Summary, sheet: DataSheet) -> Observation:
    precision = PRECISIONS.get(best.case.dtype, best.case.dtype)
    figure = sheet.peak.get(precision) or sheet.achieved.get(precision)
    found = Observation(
        key=best.key,
        subject=best.subject,
        ranks=best.ranks,
        launches=best.launches,
        to=sheet.title,
        sheet=True,
    )
    if figure is None:
        said = f"has no {precision}" if precision in sheet.absent else f"has no published rate in {precision}"
        why = f"{sheet.title} {said}, as far as the catalogue knows, so nothing can be over it"
        return msgspec.structs.replace(found, why=why, catalogue=why)
    bounds = best.value_interval
    return msgspec.structs.replace(
        found,
        value=(best.value or 0.0) / figure.value,
        bounds=(bounds[0] / figure.value, bounds[1] / figure.value) if bounds else None,
        method=best.method,
        confidence=best.confidence or 0.0,
        # a rate that was only told, over a peak that was only told, is no measurement of anything
        catalogue="" if best.sheet else _told(best, sheet, figure, precision),
    )


def _told(best: Summary, sheet: DataSheet, figure: Figure, precision: str) -> str:
    peak = precision in sheet.peak
    kind = f"{PEAK} {precision} peak" if peak else f"an achieved {precision} GEMM"
    per = "" if sheet.per == "card" else f" per {sheet.per}"
    text = (
        f"{best.case.dtype}: {format_value(best.value or 0.0, 'FLOP/s')} of {best.key} over "
        f"{format_value(figure.value, figure.unit)}, {kind} of {sheet.title}{per} as published "
        f"(DATA SHEET, confidence {figure.confidence}, source {', '.join(figure.sources)}"
    )
    text += f": {figure.note})" if figure.note else ")"
    achieved = sheet.achieved.get(precision) if peak else None
    if achieved:
        share = f"{100 * achieved.value / figure.value:.0f} %"
        text += f", of which {share} was achieved by {', '.join(achieved.sources)}"
    return text


def reason(claim: Claim, found: Sequence[Observation], words: Sequence[str]) -> str:
    """What each dtype gave over which figure, and what that is worth; the gist first."""
    first = found[0]
    over = f"{first.subject} over {first.to}"
    each = [f"{o.value or 0.0:.3g}x in {o.catalogue}" for o in found]
    if len(found) == 1:
        head, each = [f"{over}, {distance(first.value or 0.0, claim.limit)} the claim: {each[0]}"], []
    else:
        head = [f"{over}: holds in {words.count('MET')}, fails in {words.count('NOT MET')} dtypes"]
        head += [DTYPE] * (len(set(words)) > 1)
    unsure = ["the claimed value lies within the interval"] if "UNDECIDED" in words else []
    flattered = [FLATTERS] * any(PEAK in o.catalogue for o in found)
    return "; ".join([*unsure, *head, *flattered, *each])

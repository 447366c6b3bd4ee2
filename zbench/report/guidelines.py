"""Guidelines as rows: which case took longer than the same subject's own others allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zbench.judge.guidelines import Relation
from zbench.measure.statistics import INTERVAL_ALPHA
from zbench.report import words

TITLE = "Guidelines, case by case"
ABOUT = (
    "Time of a case over that of what it is held against, of the same subject, paired in "
    f"blocks, with its {100 * (1 - INTERVAL_ALPHA):.0f} % interval over launches. NOT MET only where the "
    "whole interval lies above the limit, which is what the guideline allows and the A/A floor on top (at "
    "least 1 %), and where it does so among all these relations together (Holm)."
)
HEADER = ("guideline", "subject", "case", "over", "time ratio", "interval", "limit", "verdict")
ORDER = ("NOT MET", "UNDECIDED", "NOT RUN", "MET")


def rows(relations: Sequence[Relation]) -> list[tuple[str, ...]]:
    """A row a relation in the order of `HEADER`, what is violated first, the worst first."""
    ordered = sorted(relations, key=lambda r: (ORDER.index(r.verdict), -(r.ratio or 0.0)))
    return [
        (
            relation.guideline,
            relation.subject,
            relation.key,
            " + ".join(relation.against),
            words.figure(relation.ratio),
            " to ".join(map(words.figure, relation.interval)) if relation.interval else "-",
            f"{relation.limit:.3f}",
            relation.verdict + (f": {relation.why}" if relation.why else ""),
        )
        for relation in ordered
    ]


def document(relations: Sequence[Relation]) -> list[dict[str, Any]]:
    """For the JSON document."""
    return [
        {
            "guideline": relation.guideline,
            "subject": relation.subject,
            "key": relation.key,
            "against": list(relation.against),
            "ratio": relation.ratio,
            "interval": list(relation.interval) if relation.interval else None,
            "limit": relation.limit,
            "verdict": relation.verdict,
            "why": relation.why,
        }
        for relation in relations
    ]

"""What `zbench compare` says: a row a case, the totals, and what was not compared."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zbench.judge.compare import Overall
from zbench.judge.ratios import Ratio
from zbench.report import series, words
from zbench.report.document import number, pair
from zbench.report.plain import fit, folded, table, written

VERSION = 1
SIGNS = {"SLOWER": "✗", "FASTER": "✓", "UNDECIDED": "?", "SAME": "="}
CSV = ("verdict", "suite", "key", "of", "to", "ratio", "lo", "hi", "launches", "margin", "p", "why")


@dataclass(frozen=True)
class Comparison:
    """Two subjects, or two runs."""

    of: str
    """The reference."""
    to: str
    """What the verdicts speak of."""
    how: str
    """In blocks, or through which history."""
    ratios: Sequence[Ratio]
    overall: Overall | None
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Case -> why it was not compared. A skip is never a pass."""
    places: Sequence[str] = ()
    """Where the record and the page are."""


def render_comparison(found: Comparison, width: int, unicode: bool) -> str:
    """The whole screen, of at most `width` (40 to 100) columns; ASCII only without `unicode`."""
    width = fit(width)
    several = len({ratio.to for ratio in found.ratios}) > 1
    rows = [
        (
            f"{SIGNS[ratio.verdict]} {ratio.verdict}",
            f"{ratio.median:.3f}x",
            span(ratio.interval) or "-",
            ratio.key + (f" ({ratio.to})" if several else ""),
        )
        for ratio in found.ratios
    ]
    lines = folded(f"{found.to} against {found.of}", width) + folded(found.how, width)
    lines += ["", *table(("verdict", "time", "interval", "case"), rows, width)]
    lines += ["", *folded(totals(found), width)]
    for ratios in series.group((r for r in found.ratios if r.why), lambda r: r.why).values():
        about = ratios[0].key if len(ratios) == 1 else words.counted(len(ratios), "case")
        lines += folded(f"Undecided, {about}: {ratios[0].why}", width)
    for line in _left_out(found):
        lines += folded(line, width)
    for place in found.places:
        lines += folded(place, width, rest="        ")
    return written(lines, unicode)


def span(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def totals(found: Comparison) -> str:
    """`1 SLOWER, 3 SAME; geometric mean of times 1.052x (1.041 to 1.063) over 4 cases: above 1 is slower`."""
    counts = Counter[str](ratio.verdict for ratio in found.ratios)
    told = ", ".join(f"{counts[word]} {word}" for word in SIGNS if counts[word]) or "nothing was compared"
    if found.overall is None:
        return told
    overall = found.overall
    bounds = f" ({span(overall.interval)})" if overall.interval else " (no interval)"
    cases = words.counted(overall.cases, "case")
    return f"{told}; geometric mean of times {overall.ratio:.3f}x{bounds} over {cases}: above 1 is slower"


def _left_out(found: Comparison) -> list[str]:
    told = []
    for why, keys in series.group(found.left_out, lambda key: found.left_out[key]).items():
        about = keys[0] if len(keys) == 1 else f"{words.counted(len(keys), 'case')} such as {keys[0]}"
        told.append(f"Not compared, {about}: {why}")
    return told


def comparison_document(found: Comparison) -> dict[str, Any]:
    """For json.dumps. A ratio is time(to) / time(of): above 1 the candidate `to` is slower."""
    overall = found.overall
    return {
        "version": VERSION,
        "of": found.of,
        "to": found.to,
        "how": found.how,
        "cases": [
            {
                "verdict": ratio.verdict,
                "suite": ratio.suite,
                "key": ratio.key,
                "of": ratio.of,
                "to": ratio.to,
                "ratio": number(ratio.median),
                "interval": pair(ratio.interval),
                "launches": ratio.launches,
                "sessions": ratio.sessions,
                "margin": number(ratio.margin),
                "p": number(ratio.p),
                "why": ratio.why,
            }
            for ratio in found.ratios
        ],
        "overall": None
        if overall is None
        else {"ratio": number(overall.ratio), "interval": pair(overall.interval), "cases": overall.cases},
        "left_out": dict(found.left_out),
    }


def comparison_csv(found: Comparison) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV)
    for r in found.ratios:
        lo, hi = r.interval or ("", "")
        writer.writerow(
            [r.verdict, r.suite, r.key, r.of, r.to, r.median, lo, hi, r.launches, r.margin, r.p, r.why]
        )
    return out.getvalue()

"""What `zbench selftest --aa` says: false alarms, coverage of intervals, and the noise of each case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from zbench.judge.selftest import Coverage, Rate, SelfTest
from zbench.measure.statistics import INTERVAL_ALPHA
from zbench.report import words
from zbench.report.plain import fit, folded, table, written

VERSION = 1
WORDS = ("SAME", "UNDECIDED", "FASTER", "SLOWER")


def render_selftest(found: SelfTest, run: str, width: int, unicode: bool) -> str:
    """The whole screen, of at most `width` (40 to 100) columns; ASCII only without `unicode`."""
    width = fit(width)
    lines = folded(f"{outcome(found)}: the same thing against itself, {_amount(found)}", width)
    if found.bad:
        count = f"{found.bad} of {words.counted(found.bursts, 'burst')}"
        lines += folded(f"Invalid, and so without figures: {count}; the first: {found.why}", width)
    nominal = f"at most {_percent(INTERVAL_ALPHA)}"
    lines += ["", "False FASTER or SLOWER"]
    lines += folded(f"{share(found.alone)} of pairs judged alone (nominal {nominal})", width, "  ")
    lines += folded(f"{share(found.together)} of pairs after Holm over their session", width, "  ")
    lines += folded(
        f"{share(found.alarms)} of sessions with any false alarm (nominal {nominal})", width, "  "
    )
    counts = ", ".join(f"{found.words.get(word, 0)} {word}" for word in WORDS)
    lines += folded(f"verdicts: {counts}", width, "  ")
    lines += _coverage("Intervals of paired ratios that hold 1", found.ratios, width)
    lines += _coverage(
        "Intervals of five launches that hold the median of that case's launches in all other sessions",
        found.singles,
        width,
    )
    lines += ["", "Noise: how far the same thing may lie from itself"]
    for suite, (middle, largest) in found.floors.items():
        text = f"{words.floor(middle)} in the middle, {words.floor(largest)} at most"
        lines += folded(f"{suite}: A/A floor of a session {text}", width, "  ")
    rows = [
        (words.floor(n.floor), words.floor(n.worst), str(n.pairs), f"{n.key} of {n.subject}")
        for n in found.cases
    ]
    lines += ["", *table(("floor", "worst", "pairs", "case"), rows, width)]
    lines += ["", *folded(CAVEAT, width), *folded(f"Record  {run}", width, rest="        ")]
    return written(lines, unicode)


CAVEAT = (
    "In brackets: Wilson intervals at 97 %, as if pairs were independent; cases of one session share its "
    "launches, so they are a little too narrow. The median of other sessions is an estimate, of other hours."
)


def outcome(found: SelfTest) -> str:
    if found.cried_wolf:
        return "CRIED WOLF"
    return "OK, no more false alarms than nominal"


def _amount(found: SelfTest) -> str:
    text = (
        f"{words.counted(found.pairs, 'pair')} in {words.counted(found.sessions, 'session')} of five blocks"
    )
    return text + (f" ({words.counted(found.blocks_left, 'block')} left over)" if found.blocks_left else "")


def _coverage(title: str, found: Sequence[Coverage], width: int) -> list[str]:
    rows = [
        (_percent(c.nominal), share(c.rate), f"{100 * c.width:.1f} %", f"{c.suite}, {c.method}")
        for c in found
    ]
    if not rows:
        return ["", *folded(f"{title}: too few launches to tell", width)]
    return ["", *folded(title, width), *table(("nominal", "held", "width", "of"), rows, width)]


def share(rate: Rate) -> str:
    """`2 of 200, 1.0 % (0.3 to 3.8 %)`."""
    if not rate.of:
        return "none of none"
    bounds = f"({100 * rate.lo:.1f} to {100 * rate.hi:.1f} %)"
    return f"{rate.count} of {rate.of}, {_percent(rate.value)} {bounds}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %".replace(".0 %", " %")


def selftest_document(found: SelfTest, run: str) -> dict[str, Any]:
    """For json.dumps; rates are fractions."""
    document: dict[str, Any] = msgspec.to_builtins(found)
    return {"version": VERSION, "run": run, "cried_wolf": found.cried_wolf, **document}

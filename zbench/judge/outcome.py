"""What verdicts add up to: which cases deserve more launches, and the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zbench.judge.ratios import Ratio, same_name
from zbench.judge.verdicts import Verdict
from zbench.measure.statistics import EXTENDED, LAUNCHES


def undecided_keys(verdicts: Iterable[Verdict], ratios: Iterable[Ratio], every: bool = False) -> set[str]:
    """The cases whose extension from 5 to 10 launches could still decide something.

    Ratios count between two environments of one card or fabric; in a comparison `every` one does.
    """
    keys = {key for verdict in verdicts for key in verdict.undecided_keys}
    return keys | {
        ratio.key
        for ratio in ratios
        if ratio.verdict == "UNDECIDED"
        and (every or same_name(ratio))
        and not ratio.baseline
        and LAUNCHES <= ratio.launches < EXTENDED
    }


def compare_exit_code(ratios: Sequence[Ratio], invalid: bool = False) -> int:
    """The first that applies: 4 invalid, 1 any SLOWER, 3 any UNDECIDED or nothing compared, 0 otherwise."""
    words = {ratio.verdict for ratio in ratios}
    if invalid:
        return 4
    if "SLOWER" in words:
        return 1
    return 3 if "UNDECIDED" in words or not words else 0


def exit_code(
    verdicts: Iterable[Verdict], ratios: Iterable[Ratio], invalid: bool = False, strict: bool = False
) -> int:
    """The first that applies: 4 invalid, 1 NOT MET or SLOWER, 3 UNDECIDED, 0 (2 is raised as UsageError).

    `invalid`: a wrong answer, a timing that cannot be trusted, a dead rank. Ratios count between two
    environments of one card or fabric; that a peer is slower or close is information. `strict`
    turns NOT TESTABLE, NOT RUN and PROJECTED into 3.
    """
    words = {verdict.verdict for verdict in verdicts}
    comparisons = {ratio.verdict for ratio in ratios if same_name(ratio) and not ratio.sheet}
    if invalid:
        return 4
    if "NOT MET" in words or "SLOWER" in comparisons:
        return 1
    if "UNDECIDED" in words | comparisons:
        return 3
    return 3 if strict and words & {"NOT TESTABLE", "NOT RUN", "PROJECTED"} else 0

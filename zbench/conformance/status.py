"""What a test of the catalogue may end with, and what that means for the whole."""

from __future__ import annotations

from collections.abc import Iterable

PASS, FAIL, MARGINAL, MISTRUSTED = "PASS", "FAIL", "MARGINAL", "MISTRUSTED"
NOT_SUPPORTED, WAIVED = "NOT_SUPPORTED", "WAIVED"
TIMEOUT, CRASH, HARNESS_ERROR = "TIMEOUT", "CRASH", "HARNESS_ERROR"

MEANINGS = {
    PASS: "all that was tried is right",
    MARGINAL: "right, but nearer to the limit than honest rounding comes",
    NOT_SUPPORTED: "the subject said before the run that it does not offer this; it was not tried",
    WAIVED: "it fails as a waiver in force says it does",
    FAIL: "something that was tried is wrong",
    MISTRUSTED: "nothing is wrong, but the answers are such that wrong ones would look the same",
    TIMEOUT: "no answer in the time that the test allows",
    CRASH: "the process that answered ended",
    HARNESS_ERROR: "the test itself went wrong, or memory did not suffice; it says nothing of the subject",
}
"""Every status, from the best to the worst."""
BAD = frozenset({FAIL, MISTRUSTED, TIMEOUT, CRASH})
"""What makes the subject fail; a status that is neither this nor HARNESS_ERROR does not."""

FAILS, INVALID, INCOMPLETE = 1, 4, 3
"""Exit codes: the subject fails; a test itself went wrong; something was not tried, or nearly wrong."""

_RANK = {status: i for i, status in enumerate(MEANINGS)}


def worst(statuses: Iterable[str]) -> str:
    """Of one or more. Raises ValueError for none: that nothing was tried is never a pass."""
    return max(statuses, key=_RANK.__getitem__)


def exit_code(statuses: Iterable[str], strict: bool = False) -> int:
    """Of all that was asked; that nothing was tried is no success. `strict`: what is MARGINAL or was not
    tried counts, too."""
    found = set(statuses)
    if found & BAD:
        return FAILS
    if HARNESS_ERROR in found or not found - {NOT_SUPPORTED}:
        return INVALID
    return INCOMPLETE if strict and found & {MARGINAL, NOT_SUPPORTED} else 0

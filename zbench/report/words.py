"""Numbers and lists as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from zbench.judge.claims import Claim
from zbench.judge.units import format_value
from zbench.judge.verdicts import Verdict

LONGEST_NAME = 22
"""Characters of a subject in a label; a virtual environment's path is cut in the middle."""


def value(number: float, unit: str) -> str:
    """`4.00 µs`, `1.23 GFLOP/s`: three significant digits."""
    return format_value(number, unit).replace(" us", " µs")


def si(number: float, unit: str) -> str:
    """The same without trailing zeros, as on an axis: `4 µs`, `100 ns`."""
    digits, _, prefixed = value(number, unit).partition(" ")
    return f"{float(digits):g} {prefixed}".rstrip()


def size(size_bytes: float) -> str:
    """`8 B`, `64 KiB`, `4 MiB`: binary prefixes, as message sizes are powers of two."""
    for factor, prefix in ((1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.4g} {prefix}B"
    return f"{size_bytes:.4g} B"


def short(name: str) -> str:
    """The name, cut in the middle when it is too long for a label."""
    if len(name) <= LONGEST_NAME:
        return name
    head = (LONGEST_NAME - 1) // 2
    return f"{name[:head]}…{name[-(LONGEST_NAME - 1 - head) :]}"


def counted(number: int, noun: str) -> str:
    """`1 launch`, `5 launches`."""
    plural = noun + ("es" if noun.endswith(("ch", "s", "x")) else "s")
    return f"{number} {noun if number == 1 else plural}"


def reach(numbers: Sequence[int], noun: str) -> str:
    """`5 launches`, or `26 to 1197 rounds` where they differ."""
    least, most = min(numbers), max(numbers)
    return counted(most, noun) if least == most else f"{least} to {counted(most, noun)}"


def duration(seconds: float) -> str:
    """`45 s`, `3 min 10 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" + (f" {whole % 60} s" if whole % 60 else "")


def sustained(minutes: float | None) -> list[str]:
    """`10 min a burst` of a sustained run, as a part of what a run was; none of another."""
    return [] if minutes is None else [f"{minutes:g} min a burst"]


def moment(iso: str) -> str:
    """`2026-11-21 05:03 UTC` of what the record has; anything else as it stands."""
    day, _, clock = iso.partition("T")
    return f"{day} {clock[:5]} UTC" if clock.endswith(("Z", "+00:00")) else iso


def sentence(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def figure(value: float | None) -> str:
    """Four significant digits without an exponent where that is readable; a dash for nothing."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


SIGNS = {
    "MET": "✓",
    "NOT MET": "✗",
    "UNDECIDED": "?",
    "NOT RUN": "○",
    "NOT TESTABLE": "–",
    "PROJECTED": "→",
}
"""A shape for each verdict, so that colour is never alone."""


def marked(verdict: str) -> str:
    """`✓ MET`."""
    return f"{SIGNS.get(verdict, '·')} {verdict}"


def in_terms_of(claim: Claim, number: float) -> str:
    """The number as the claim would write it: `316 ns`, `78 %`, `1.21x`."""
    if claim.is_factor:
        return f"{number:.3g}x"
    if claim.value.endswith("%"):
        return f"{100 * number:.3g} %"
    return value(number, claim.unit)


def span(low: str, high: str) -> str:
    """`233, 241 GFLOP/s`: a unit that both ends share is written once."""
    unit = high.partition(" ")[2]
    return f"{low.removesuffix(' ' + unit) if unit else low}, {high}"


def floor(fraction: float) -> str:
    """`2.1 %`; beyond 100 % the digits of a noise floor mean nothing."""
    return f"{100 * fraction:.1f} %" if fraction <= 1 else "more than 100 %"


def claimed(claim: Claim) -> str:
    """`≤ 4 µs`, `≥ 1.3x`: the operator and value as the claim has them."""
    sign = {"<=": "≤", ">=": "≥"}.get(claim.operator, claim.operator)
    figure = f"{claim.limit:g}x" if claim.is_factor else claim.value.replace(" us", " µs")
    return f"{sign} {figure}"


def found(verdict: Verdict, claim: Claim) -> str:
    """`measured 316 ns`; what a model says is never called measured."""
    if verdict.measured is None:
        return "nothing measured"
    verb = "projected" if verdict.evidence == "PROJECTED" else "measured"
    return f"{verb} {in_terms_of(claim, verdict.measured)}"

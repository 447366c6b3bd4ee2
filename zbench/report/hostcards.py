"""The cards of a host in words: which is slow, and how much they disturb each other."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from zbench.judge.hostcards import EFFECT_MIN, OUTLIER_Z, Disturbance, HostCards, Lineup, Member
from zbench.judge.summary import Pair
from zbench.report import words

TITLE = "Cards of this host"
DISTURBED = "How much they disturb each other"
ABOUT = (
    "A card is SLOW where its share of the middle card, paired in blocks, lies with its whole interval below "
    f"the limit: {100 * EFFECT_MIN:.0f} % or the A/A floor under the middle, and beyond a modified z of "
    f"-{OUTLIER_Z:g} (Iglewicz and Hoaglin, 1993), of more than some forty cards beyond a larger one."
)
HEADER = ("case", "card", "rate", "% of the middle", "interval", "limit", "z", "verdict")
HEADER_DISTURBED = ("case", "card", "% of its rate alone", "interval", "blocks", "verdict")
Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]


def percent(share: float, span: Pair | None = None) -> str:
    """`90.9 % [90.6, 91.2 %]`."""
    text = f"{100 * share:.1f} %"
    return text if span is None else f"{text} [{words.span(*(f'{100 * end:.1f} %' for end in span))}]"


def score(member: Member) -> str:
    """`z -24`; nothing where there is none."""
    return "-" if member.z is None else f"{member.z:.1f}" if isfinite(member.z) else "beyond all"


def way(lineup: Lineup) -> str:
    """`one by one` or `all at once`."""
    return "all at once" if lineup.case.together > 1 else "one by one"


def slow(found: HostCards) -> dict[str, str]:
    """Card -> where it is slowest, in words."""
    worst: dict[str, tuple[Member, Lineup]] = {}
    for lineup in found.lineups:
        for member in lineup.slow:
            share = worst[member.subject][0].share if member.subject in worst else None
            if share is None or (member.share or 0.0) < share:
                worst[member.subject] = member, lineup
    return {name: f"{name}: {_slow(m)} in {lineup.key}" for name, (m, lineup) in worst.items()}


def _slow(member: Member) -> str:
    return f"{percent(member.share or 0.0, member.interval)} of the middle card (z {score(member)})"


def brief(found: HostCards) -> list[tuple[str, str]]:
    """(case, what its cards are) for the terminal, each case alone and all at once, then the disturbance."""
    told = []
    for lineup in found.lineups:
        values = [member.value for member in lineup.members if member.value is not None]
        lacking = len(lineup.members) - len(values)
        parts = [f"{words.counted(len(values), 'card')} {way(lineup)}"]
        if values:
            low, high = (words.value(end, lineup.unit) for end in (min(values), max(values)))
            parts[0] += f": {low}" + (f" to {high}" if len(values) > 1 else "")
        parts += [f"SLOW {m.subject}: {_slow(m)}" for m in lineup.slow]
        if unsure := [m for m in lineup.members if m.verdict == "UNDECIDED" and m.value is not None]:
            parts.append(f"undecided {len(unsure)}: {unsure[0].why}")
        parts += [f"{words.counted(lacking, 'card')} without a figure"] * bool(lacking)
        disturbed = [d for d in found.disturbances if d.key == lineup.case.alone.key]
        if lineup.case.together > 1 and disturbed:
            parts.append(_disturbed(disturbed))
        told.append((lineup.key, "; ".join(parts)))
    return told


def _disturbed(found: Sequence[Disturbance]) -> str:
    """The most disturbed card speaks for all."""
    worst, best = min(found, key=lambda d: d.ratio), max(found, key=lambda d: d.ratio)
    why = f", {worst.why}" if worst.why else ""
    return (
        f"{percent(worst.ratio, worst.interval)} ({worst.subject}, {worst.verdict}{why}) to "
        f"{percent(best.ratio)} of the rate alone"
    )


def tables(found: HostCards) -> list[Table]:
    """(title, header, rows): every card in every case, then what they lose together; none without cards."""
    if not found.lineups:
        return []
    rows = [_row(lineup, member) for lineup in found.lineups for member in lineup.members]
    told: list[Table] = [(TITLE, HEADER, rows)]
    if found.disturbances:
        told.append((DISTURBED, HEADER_DISTURBED, [_disturbance(d) for d in found.disturbances]))
    return told


def _row(lineup: Lineup, member: Member) -> tuple[str, ...]:
    of_fastest = " (of the fastest)" if lineup.of == "fastest" and member.share is not None else ""
    return (
        lineup.key,
        member.subject,
        "-" if member.value is None else words.value(member.value, lineup.unit),
        "-" if member.share is None else f"{100 * member.share:.1f}{of_fastest}",
        _interval(member.interval),
        "-" if lineup.limit is None else f"{100 * lineup.limit:.1f}",
        score(member),
        member.verdict + (f": {member.why}" if member.why else ""),
    )


def _disturbance(d: Disturbance) -> tuple[str, ...]:
    verdict = d.verdict + (f": {d.why}" if d.why else "")
    return (d.key, d.subject, f"{100 * d.ratio:.1f}", _interval(d.interval), str(d.launches), verdict)


def _interval(span: Pair | None) -> str:
    return "-" if span is None else f"{100 * span[0]:.1f} to {100 * span[1]:.1f}"


def document(found: HostCards) -> dict[str, Any]:
    """For the JSON document. `share` is of the middle card (`of`: median) or of the fastest; a ratio is the
    rate with all others at work over the rate alone."""
    return {
        "slow": list(slow(found)),
        "cases": [
            {
                "key": lineup.key,
                "together": lineup.case.together,
                "unit": lineup.unit,
                "of": lineup.of,
                "centre": lineup.centre,
                "limit": lineup.limit,
                "cards": [
                    {
                        "subject": m.subject,
                        "value": m.value,
                        "share": m.share,
                        "interval": list(m.interval) if m.interval else None,
                        "z": m.z if m.z is not None and isfinite(m.z) else None,
                        "verdict": m.verdict,
                        "why": m.why,
                    }
                    for m in lineup.members
                ],
            }
            for lineup in found.lineups
        ],
        "disturbances": [
            {
                "key": d.key,
                "together": d.together,
                "subject": d.subject,
                "ratio": d.ratio,
                "interval": list(d.interval) if d.interval else None,
                "verdict": d.verdict,
                "why": d.why,
            }
            for d in found.disturbances
        ],
    }

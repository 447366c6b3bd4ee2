"""What a run took of the cards it was given, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from zbench.report import words
from zbench.report.findings import Findings


@dataclass(frozen=True)
class Cost:
    seconds: float
    """From the start to the end of every sitting."""
    cards: int
    """Kept busy at once: ranks of the largest world."""
    per_card_hour: float | None
    """In whatever currency was meant; None: not told."""

    @property
    def card_hours(self) -> float:
        return self.seconds / 3600 * self.cards

    def told(self) -> str:
        """`3 min 10 s on 2 cards: 0.106 card hours, 0.21 at 2 per card hour`."""
        text = f"{words.duration(self.seconds)} on {words.counted(self.cards, 'card')}"
        text += f": {self.card_hours:.3g} card hours"
        if self.per_card_hour is not None:
            paid = price(self.seconds, self.cards, self.per_card_hour)
            text += f", {paid:.2f} at {self.per_card_hour:g} per card hour"
        return text


def cost(findings: Findings) -> Cost | None:
    """None for an imported run, and where its times cannot be read."""
    run = findings.run
    if run.imported:
        return None
    spans = [(s.started, s.ended) for s in run.sittings] or [(run.created, run.ended)]
    try:
        starts = [_time(start) for start, _ in spans]
        bursts = [_time(record.started) for record in findings.records]
        seconds = 0.0
        for i, (start, (_, ended)) in enumerate(zip(starts, spans, strict=True)):
            after = starts[i + 1] if i + 1 < len(starts) else datetime.max.replace(tzinfo=timezone.utc)
            # One that was killed has no end: its last burst is the latest that is known of it.
            end = _time(ended) if ended else max((t for t in bursts if start <= t < after), default=start)
            seconds += max(0.0, (end - start).total_seconds())
    except ValueError:  # edited by hand
        return None
    return Cost(
        seconds, max((r.case.processes for r in findings.records), default=1), run.price_per_card_hour
    )


def _time(iso: str) -> datetime:
    """Raises ValueError."""
    found = datetime.fromisoformat(iso.replace("Z", "+00:00"))  # Python 3.10 knows no Z
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def price(seconds: float, cards: int, per_card_hour: float) -> float:
    """In the currency of `per_card_hour`."""
    return seconds / 3600 * cards * per_card_hour

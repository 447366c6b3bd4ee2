"""What the meters told, and how a sustained run lasted, in words."""

from __future__ import annotations

from statistics import median
from typing import Any

from zbench.judge.summary import Summary
from zbench.judge.sustained import Sustained
from zbench.judge.telemetry import Watched
from zbench.report import words


def told(watched: Watched | None) -> str:
    """`698 W, 1.76 GHz, 64 °C, 61.2 GFLOP/J`; empty where nothing was told."""
    if watched is None:
        return ""
    figures = [(watched.power_w, "W"), (watched.clock_hz, "Hz")]
    parts = [words.value(figure, unit) for figure, unit in figures if figure is not None]
    if watched.temperature_c is not None:
        parts.append(f"{watched.temperature_c:.0f} °C")
    if watched.flop_per_j:
        parts.append(words.value(median(watched.flop_per_j), "FLOP/J"))
    return ", ".join(parts)


def throttled(watched: Watched | None) -> str:
    """`throttled: software power cap`; empty where nothing held the card back."""
    return f"throttled: {', '.join(watched.throttle)}" if watched and watched.throttle else ""


def lasted(found: Sustained) -> str:
    """`minute 10 over minute 1: 97.2 % [96.8, 97.5 %], SLOWER`, with the reason of an UNDECIDED."""
    figure = f"{100 * found.ratio:.1f} %"
    if found.interval:
        figure += f" [{words.span(*(f'{100 * end:.1f} %' for end in found.interval))}]"
    why = f" ({found.why})" if found.why else ""
    return f"{found.what}: {figure}, {found.verdict}{why}"


def document(summary: Summary) -> dict[str, Any] | None:
    """For the JSON document: medians over launches, in base units; None where there was no meter."""
    watched = summary.watched
    if watched is None:
        return None
    return {
        "method": watched.method,
        "rate_hz": watched.rate_hz,
        "power_w": watched.power_w,
        "clock_hz": watched.clock_hz,
        "memory_clock_hz": watched.memory_clock_hz,
        "temperature_c": watched.temperature_c,
        "flop_per_j": median(watched.flop_per_j) if watched.flop_per_j else None,
        "throttle": list(watched.throttle),
    }


def sustained_document(found: Sustained) -> dict[str, Any]:
    """For the JSON document; the ratio is that of rates, below 1 it has become slower."""
    return {
        "key": found.key,
        "subject": found.subject,
        "what": found.what,
        "ratio": found.ratio,
        "interval": list(found.interval) if found.interval else None,
        "verdict": found.verdict,
        "why": found.why,
    }

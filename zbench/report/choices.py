"""Which algorithm ran and why, and the cost models beside it, as rows that are complete by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zbench.case import Case
from zbench.judge.choices import Candidate, Choice, World
from zbench.judge.costmodel import DISAGREE, Constant, Model
from zbench.judge.loggp import LogGP
from zbench.report import series, words
from zbench.report.charts.busbw import question

TITLE = "Algorithms"
HEADER = ("fabric", "a message (α)", "moved (1/β)", "reduced (1/γ)", "fitted to", "middle error")
LOGGP_HEADER = ("fabric", "L", "g", "1/G", "sizes", "largest error", "not identifiable from these cases")
ABOUT = (
    "Which algorithm runs was measured before the first launch: one execution at a time, in one launch of "
    "trials. Model: rounds α + bytes moved β + bytes reduced γ, by the closed form of each algorithm (zbench "
    "list algorithms), its constants fitted to the bursts of those that were chosen; what it says of others "
    "is a prediction. A ratio is measured over model: above 1, the algorithm is slower than its closed form, "
    "as where vectors leave a cache or are copied once more."
)
ABOUT_LOGGP = (
    "LogGP of a pair of ranks, as Netgauge measures it: L is half the round trip of the shortest message, "
    "with both overheads in it; g + (s - 1) G is the time between messages of s bytes in a window, and G is "
    "told as its bandwidth 1/G."
)
CHOSEN = "✓"


def named(world: World) -> str:
    """`shm, 2 ranks`."""
    return f"{world.subject}, {words.counted(world.ranks, 'rank')}"


def asked(case: Case) -> str:
    """`allreduce fp32`: the operation with what is not by default; bytes are told as such by the size."""
    return question(case) + ("" if case.dtype == "byte" else f" {case.dtype}")


def models(worlds: Sequence[World]) -> list[tuple[str, ...]]:
    """A row a world, in the order of `HEADER`; why where there is no model."""
    return [(named(world), *_model(world.model)) for world in worlds]


def _model(model: Model) -> tuple[str, ...]:
    if model.why or model.typical is None:
        return ("not known", "not known", "not known", model.why, "-")
    points = words.counted(model.points, "result")
    sure = f"{points} of {words.counted(model.launches, 'launch')}"
    if model.trials:
        sure = f"{points}, {model.trials} of them trials: no interval"
    reduced = [f"{dtype} {_rate(gamma)}" for dtype, gamma in model.gamma_ns_per_byte.items()]
    return (
        _by_length(model, [_time(line.alpha_ns) for line in model.lines]),
        _by_length(model, [_rate(line.beta_ns_per_byte) for line in model.lines]),
        ", ".join(reduced) or "nothing was",
        sure,
        f"{100 * model.typical:.0f} %",
    )


def _by_length(model: Model, told: Sequence[str]) -> str:
    """`205 ns to 1 KiB, then 653 ns`."""
    if len(told) == 1:
        return told[0]
    return f"{told[0]} to {words.size(model.lines[0].to_bytes or 0)}, then {told[1]}"


def loggps(worlds: Sequence[World]) -> list[tuple[str, ...]]:
    """A row a world in which messages went to and fro, in the order of `LOGGP_HEADER`."""
    return [(named(world), *_loggp(world.loggp)) for world in worlds if world.loggp]


def _loggp(found: LogGP) -> tuple[str, ...]:
    reasons = series.group(found.unknown.items(), lambda item: item[1])
    unknown = "; ".join(f"{', '.join(name for name, _ in items)}: {why}" for why, items in reasons.items())
    worst = "-" if found.worst is None else f"{100 * found.worst:.0f} %"
    if found.worst is not None and not found.straight:
        worst += ": not one protocol at all sizes"
    return (
        _time(found.latency_ns),
        _time(found.gap_ns),
        _rate(found.gap_ns_per_byte),
        ", ".join(words.size(size) for size in found.sizes) or "-",
        worst,
        unknown,
    )


def _time(constant: Constant | None) -> str:
    """`168 ns [162, 177 ns]`."""
    return _with_interval(constant, lambda ns: words.value(ns / 1e9, "s"))


def _rate(constant: Constant | None) -> str:
    """Of ns a byte: `11.2 GB/s [11.1, 11.3 GB/s]`."""
    if constant is not None and not (constant.seen and constant.value):
        return "too little to be seen"
    return _with_interval(constant, lambda ns: words.value(1e9 / ns, "B/s"), turned=True)


def _with_interval(constant: Constant | None, said: Callable[[float], str], turned: bool = False) -> str:
    if constant is None:
        return "-"
    if not constant.told:
        return f"about {said(constant.value)}, not told within a factor of {DISAGREE:g}"
    text = said(constant.value)
    if constant.interval:
        low, high = reversed(constant.interval) if turned else constant.interval
        text += f" [{words.span(said(low), said(high))}]"
    return text


def operations(world: World) -> dict[str, list[Choice]]:
    """What is asked -> the choices between several algorithms, by size."""
    several = [choice for choice in world.choices if len(choice.candidates) > 1]
    by_size = sorted(several, key=lambda choice: (asked(choice.case), choice.case.size))
    return series.group(by_size, lambda choice: asked(choice.case))


Grid = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""(title, header, rows)."""


def grids(worlds: Sequence[World]) -> list[Grid]:
    """A table for each operation of each world: algorithms down, sizes across, and why in the last row."""
    return [
        (f"{operation} on {named(world)}", *_grid(choices))
        for world in worlds
        for operation, choices in operations(world).items()
    ]


def _grid(choices: Sequence[Choice]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    names = list(dict.fromkeys(c.algorithm for choice in choices for c in choice.candidates))
    rows = []
    for name in names:
        found = [next((c for c in choice.candidates if c.algorithm == name), None) for choice in choices]
        rows.append((name, *(cell(candidate) for candidate in found)))
    header = ("algorithm", *(words.size(choice.case.size[0]) for choice in choices))
    return header, [*rows, ("why", *(choice.why for choice in choices))]


def cell(candidate: Candidate | None) -> str:
    """`✓ 5.81 µs; model 6.77 µs, 0.86x`."""
    if candidate is None:
        return "-"
    text = f"{CHOSEN} " * candidate.chosen + measured(candidate)
    if candidate.model_ns is None or candidate.ratio is None:
        return text
    return f"{text}; model {words.value(candidate.model_ns / 1e9, 's')}, {candidate.ratio:.2f}x"


def measured(candidate: Candidate) -> str:
    """The trial, or else the bursts of what ran without one."""
    ns = candidate.trial_ns or candidate.burst_ns
    return "-" if ns is None else words.value(ns / 1e9, "s")


def brief(worlds: Sequence[World]) -> list[str]:
    """A line for each world that has a model: `shm, 2 ranks: a message 168 ns [..], ...`."""
    lines = []
    for world in worlds:
        message, moved, reduced, _, error = _model(world.model)
        if not world.model.why:
            lines.append(
                f"{named(world)}: a message {message}, moved {moved}, reduced {reduced}; "
                f"the middle result is {error} off"
            )
    return lines


def document(world: World) -> dict[str, Any]:
    """For `--format json`: the constants, and every algorithm of every case."""
    model = world.model
    lines = [
        {
            "to_bytes": line.to_bytes,
            "alpha_ns": _figures(line.alpha_ns),
            "beta_ns_per_byte": _figures(line.beta_ns_per_byte),
        }
        for line in model.lines
    ]
    gammas = {dtype: _figures(gamma) for dtype, gamma in model.gamma_ns_per_byte.items()}
    return {
        "subject": world.subject,
        "ranks": world.ranks,
        "lines": [] if model.why else lines,
        "gamma_ns_per_byte": {} if model.why else gammas,
        "middle_error": model.typical,
        "why": model.why,
        "loggp": None if world.loggp is None else _of_loggp(world.loggp),
        "choices": [
            {
                "key": choice.case.key,
                "why": choice.why,
                "algorithms": [
                    {
                        "algorithm": c.algorithm,
                        "chosen": c.chosen,
                        "trial_ns": c.trial_ns,
                        "burst_ns": c.burst_ns,
                        "model_ns": c.model_ns,
                        "ratio": c.ratio,
                    }
                    for c in choice.candidates
                ],
            }
            for choice in world.choices
        ],
    }


def _of_loggp(found: LogGP) -> dict[str, Any]:
    known = {"L_ns": found.latency_ns, "g_ns": found.gap_ns, "G_ns_per_byte": found.gap_ns_per_byte}
    return {name: _figures(c) for name, c in known.items() if c} | {"unknown": found.unknown}


def _figures(constant: Constant) -> dict[str, Any]:
    return {"value": constant.value, "interval": list(constant.interval) if constant.interval else None}

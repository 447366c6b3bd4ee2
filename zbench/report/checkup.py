"""What `zbench doctor` prints: the machine, what spoils measurements on it and how to change that, what is
fine, and what there is to measure with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zbench import __version__
from zbench.catalogue import Backend
from zbench.measure.doctor import LEVELS, Finding, Level
from zbench.measure.memory import gigabytes
from zbench.report.plain import fit, folded, shell, table, written

TITLES: dict[Level, str] = {
    "invalid": "Invalid: what is measured now is worth nothing",
    "careful": "Careful: noisier than need be, or not to be compared",
    "unknown": "Unknown: cannot be seen from here",
    "fine": "Fine",
}
SIGNS: dict[Level, str] = {"invalid": "✗", "careful": "!", "unknown": "?", "fine": "✓"}


def render_checkup(
    machine: Mapping[str, Any],
    findings: Sequence[Finding],
    backends: Sequence[Backend],
    width: int,
    unicode: bool,
) -> str:
    """The whole screen, of at most `width` (40 to 100) columns; ASCII only without `unicode`."""
    width = fit(width)
    lines = [f"zbench {__version__}, this machine", ""]
    lines += _facts(_known(machine), width)
    for level in LEVELS:
        of_level = [finding for finding in findings if finding.level == level]
        if of_level:
            lines += ["", *folded(TITLES[level], width)]
        for finding in of_level:
            lines += _told(finding, width)
    lines += ["", "To measure with"]
    for backend in backends:
        sign = SIGNS["fine"] if backend.present else "-"
        lines += folded(f"{backend.name}: {backend.about}", width, f"{sign} ", "    ")
        if backend.get:
            lines += folded(backend.get, width, "    get  ", "         ")
    lines += ["", *folded(_in_all(findings), width)]
    return written(lines, unicode)


def _known(machine: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a record keeps of this machine, readable."""
    threads = machine["threads_per_core"]
    yield "host", f"{machine['host']}, {machine['os']}, Linux {machine['kernel']}"
    yield "processor", f"{machine['cpu']} ({machine['architecture']})"
    per_core = f", {threads} to a core" if threads else ""
    yield "CPUs", f"{machine['cpus_usable']} usable of {machine['cpus_online']}{per_core}"
    yield "caches", ", ".join(f"{level} {size}" for level, size in machine["caches"].items()) or "not told"
    yield "memory", gigabytes(machine["memory_bytes"])
    yield "Python", machine["python"]
    yield "libraries", ", ".join(f"{name} {value}" for name, value in machine["libraries"].items() if value)


def _facts(known: Iterator[tuple[str, str]], width: int) -> list[str]:
    return table(("recorded", "value"), list(known), width)


def _told(finding: Finding, width: int) -> list[str]:
    """One line of what is fine; else what was read where, why it matters, and the commands."""
    head = folded(f"{finding.topic}: {finding.found}", width, f"{SIGNS[finding.level]} ", "    ")
    if finding.level == "fine":
        return head
    lines = head + folded(finding.where, width, "    read    ", "            ")
    if finding.why:
        lines += folded(finding.why, width, "    why     ", "            ")
    for command in finding.change:
        lines += shell(command, width, "    change  ")
    for command in finding.undo:
        lines += shell(command, width, "    undo    ")
    if finding.change and not finding.undo:
        lines += ["    undo    nothing: it lasts for that command"]
    if finding.advice:
        lines += folded(finding.advice, width, "    advice  ", "            ")
    return lines


def _in_all(findings: Sequence[Finding]) -> str:
    counts = [
        f"{count} {level}"
        for level in LEVELS
        if (count := sum(finding.level == level for finding in findings))
    ]
    return f"{', '.join(counts)}. Nothing was changed; undo restores what was found just now."

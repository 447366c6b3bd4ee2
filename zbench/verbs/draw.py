"""`zbench draw`: a collective algorithm as a chart."""

from __future__ import annotations

import argparse

from zbench.errors import UsageError, suggest
from zbench.verbs.output import put

HELP = "draw a collective algorithm: ranks down, rounds across"
DESCRIPTION = "Play a schedule of `zbench list algorithms` for a small world, prove it, and draw it as SVG."
RANKS = 6
"""Enough to see how a world that is no power of two is dealt with."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("schedule", metavar="OPERATION/ALGORITHM", help="for example allreduce/ring")
    parser.add_argument("--ranks", type=int, default=RANKS, metavar="N", help=f"ranks (default: {RANKS})")
    parser.add_argument("--root", type=int, default=0, metavar="R", help="of a rooted operation (default: 0)")
    parser.add_argument("--chunks", type=int, default=1, metavar="C", help="of a pipeline (default: 1)")
    parser.add_argument("--out", metavar="FILE", help="default: OPERATION-ALGORITHM.svg")


def main(options: argparse.Namespace, command: list[str]) -> int:
    from pathlib import Path

    from zbench.report.charts.schedule import schedule
    from zbench.schedules.table import ALGORITHMS

    op, _, name = options.schedule.partition("/")
    if op not in ALGORITHMS:
        raise UsageError(f"no operation {op!r}{suggest(op, ALGORITHMS)}")
    if name not in ALGORITHMS[op]:
        raise UsageError(f"{op}: no algorithm {name!r}{suggest(name, ALGORITHMS[op])}")
    if options.ranks < (least := ALGORITHMS[op][name].least_ranks):
        raise UsageError(f"--ranks {options.ranks}: {op} takes {least} at least")
    if not 0 <= options.root < options.ranks:
        raise UsageError(f"--root {options.root}: a rank of 0 to {options.ranks - 1}")
    if options.chunks != 1 and not (ALGORITHMS[op][name].chunked and options.chunks > 1):
        raise UsageError(f"--chunks {options.chunks}: {options.schedule} works in one piece")
    try:
        chart = schedule(op, name, options.ranks, options.root, options.chunks)
    except ValueError as error:
        raise UsageError(str(error)) from error
    path = Path(options.out or f"{op}-{name}.svg")
    path.write_text(chart.svg, encoding="utf-8")
    put(f"{chart.title}: {chart.alt} {chart.caption}\nChart  {path}\n")
    return 0

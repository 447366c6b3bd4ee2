"""`zbench history`: many runs of one machine, where they changed, and how much sessions differ."""

from __future__ import annotations

import argparse
import json

from zbench.errors import UsageError
from zbench.verbs.output import in_unicode, put, screen_width, warn

HELP = "show how cases went over many runs, and where they changed for good"
DESCRIPTION = (
    "Read the runs that lie in DIR, lay those of one machine in the order of time, and say where a case "
    "changed its level: a finding only where that clears what sessions differ by anyway. Leaves a page."
)
EXIT_CODES = (
    "exit codes: 0 nothing became slower for good; 1 something did (SLOWER); 2 wrong usage or input, or no "
    "run that can be read"
)
FORMATS = ("text", "json", "csv")
PAGE = "history.html"


def add(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXIT_CODES
    parser.add_argument("directory", metavar="DIR", help="holds run directories, or is one")
    parser.add_argument("--case", action="append", default=[], metavar="GLOB", help="only keys that match")
    parser.add_argument("--out", metavar="DIR", help=f"where {PAGE} is written (default: DIR)")
    parser.add_argument("--format", choices=FORMATS, default="text", help="what standard output gets")


def main(options: argparse.Namespace, command: list[str]) -> int:
    from pathlib import Path

    from zbench import archive
    from zbench.assess import reading_order
    from zbench.judge.history import collect, courses
    from zbench.records import store
    from zbench.report.chronicle import (
        Chronicle,
        chronicle_csv,
        chronicle_document,
        render_chronicle,
        render_chronicle_page,
    )

    kept, unreadable = archive.read([Path(options.directory)])
    if not kept:
        first = f": {unreadable[0]}" if unreadable else ""
        raise UsageError(f"{options.directory}: no run in it that can be read{first}")
    if options.format != "text":
        for why in unreadable:
            warn(f"left out: {why}")
    history = collect(kept)
    chosen = [
        series
        for series in history.series
        if not options.case or any(series.case.matches(glob) for glob in options.case)
    ]
    if options.case and not chosen:
        raise UsageError(f"--case {options.case[0]}: no case of these runs matches")
    chosen.sort(key=lambda series: (series.hardware, reading_order(series), series.subject))
    found = Chronicle(
        directory=options.directory,
        runs=len(kept),
        history=history,
        courses=courses(chosen),
        unreadable=unreadable,
        command=command,
    )
    page = Path(options.out or options.directory) / PAGE
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        store.replace(page, render_chronicle_page(found).encode())
    except OSError as error:
        raise UsageError(
            f"{page}: cannot be written ({error.strerror}); name a directory with --out"
        ) from error
    if options.format == "json":
        put(json.dumps(chronicle_document(found), indent=2, allow_nan=False) + "\n")
    elif options.format == "csv":
        put(chronicle_csv(found))
    else:
        print(render_chronicle(found, screen_width(), in_unicode(), str(page)), end="")
    return 1 if any(step.verdict == "SLOWER" for _, step in found.findings) else 0

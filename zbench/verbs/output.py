"""What standard output gets: one screen for a person, or one document for a program."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zbench.report.findings import Findings

SCREEN_COLUMNS = 100
"""Where standard output is no terminal."""
FORMATS = ("text", "json")


def add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="text", help="what standard output gets")


def add_strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strict", action="store_true", help="NOT TESTABLE, NOT RUN and PROJECTED exit with 3"
    )


def screen_width() -> int:
    return shutil.get_terminal_size((SCREEN_COLUMNS, 24)).columns


def in_color() -> bool:
    """https://no-color.org: any non-empty NO_COLOR switches colour off."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def in_unicode() -> bool:
    return (sys.stdout.encoding or "ascii").lower().startswith("utf")


def complain(why: str) -> None:
    """One line on standard error."""
    print(f"zbench: error: {why}", file=sys.stderr, flush=True)


def show(found: Findings, form: str, page: Path | None = None) -> None:
    """Print what was found of a run; `page` is where its page was written."""
    if form == "json":
        from zbench.report.document import document

        made = document(found.directory, found.summaries, found.ratios, found.verdicts)
        json.dump(made, sys.stdout, indent=2, allow_nan=False)
        print()
    else:
        from zbench.report.terminal import render_screen

        screen = render_screen(
            found, width=screen_width(), color=in_color(), unicode=in_unicode(), page=str(page or "")
        )
        print(screen, end="")
    sys.stdout.flush()

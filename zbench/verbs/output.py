"""What standard output gets: one screen for a person, or one document for a program."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zbench.report.findings import Findings

SCREEN_COLUMNS = 100
"""Where standard output is no terminal."""
FORMATS = ("text", "json", "md", "csv", "junit")
COERCED = ("C.UTF-8", "C.utf8", "UTF-8")


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
    """Whether the screen may have more than ASCII: the stream carries it, and the user's locale knows it."""
    return (sys.stdout.encoding or "ascii").lower().startswith("utf") and not _c_locale(os.environ)


def _c_locale(environment: Mapping[str, str]) -> bool:
    """Whether letters are those of the C locale, whatever Python made of it.

    PEP 538 and 540: in the C locale Python writes UTF-8 all the same, and sets LC_CTYPE to one of
    `COERCED` where LC_ALL is unset; the terminal of that user was promised ASCII. Who asks Python for UTF-8
    gets it.
    """
    if environment.get("PYTHONUTF8") == "1" or environment.get("PYTHONIOENCODING"):
        return False
    names = ["LC_ALL", "LC_CTYPE", "LANG"]
    if not environment.get("LC_ALL") and environment.get("LC_CTYPE") in COERCED:
        names.remove("LC_CTYPE")
    return next((environment[name] for name in names if environment.get(name)), "C") in ("C", "POSIX")


def complain(why: str) -> None:
    """One line on standard error."""
    print(f"zbench: error: {why}", file=sys.stderr, flush=True)


def warn(why: str) -> None:
    """Likewise, of what is worth knowing and stops nothing."""
    print(f"zbench: warning: {why}", file=sys.stderr, flush=True)


def show(found: Findings, form: str, page: Path | None = None) -> None:
    """Print what was found of a run, or of several; `page` is where its page was written."""
    if form == "text":
        from zbench.report.terminal import render_screen

        screen = render_screen(
            found, width=screen_width(), color=in_color(), unicode=in_unicode(), page=str(page or "")
        )
        print(screen, end="")
        sys.stdout.flush()
    else:
        put(written(found, form))


def put(text: str) -> None:
    """For a program to read: UTF-8, and the same bytes in every locale."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.flush()


def written(found: Findings, form: str) -> str:
    """The document of that format, as text."""
    if form == "md":
        from zbench.report.markdown import render_markdown

        return render_markdown(found)
    if form == "csv":
        from zbench.report.spreadsheet import render_csv

        return render_csv(found)
    if form == "junit":
        from zbench.report.junit import render_junit

        return render_junit(found)
    from zbench.report.document import documents

    return json.dumps(documents(found), indent=2, allow_nan=False) + "\n"

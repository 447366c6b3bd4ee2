"""Old documents made new: one pure function for each version that is no longer written.

A reader applies them in turn, so each need know no more than its own step. What changed stands in
`schema`'s format history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from zbench.records.schema import VERSION

Document = dict[str, Any]
Migration = Callable[[Document], Document]


def migrate(document: Document, steps: Mapping[int, Migration]) -> Document:
    """The document as this version would have written it; `document["version"]` is at most `VERSION`.

    Raises KeyError for a version that there never was.
    """
    for version in range(document["version"], VERSION):
        document = steps[version](document) | {"version": version + 1}
    return document


def run_from_1(document: Document) -> Document:
    """Version 2 keeps the globs of the cases, the baseline, and one sitting a session; version 1 knew one
    session only, and the rest from its command."""
    command = list(document["command"])
    sitting = {
        "why": "run",
        "started": document["created"],
        "ended": document.get("ended", ""),
        "zbench": document["zbench"],
        "command": command,
        "launches": document["launches"],
    }
    baselines = _given(command, "--baseline")
    return document | {
        "cases": _given(command, "--case"),
        "baseline": baselines[-1] if baselines else "",
        "sittings": [sitting],
    }


def record_from_1(document: Document) -> Document:
    """Version 2 may hold a data sheet's figure instead of samples; version 1 had none."""
    return document


def _given(command: list[str], option: str) -> list[str]:
    """Values of an option on a command line: `--case A --case=B`."""
    values = [after for word, after in pairwise(command) if word == option]
    return values + [word.partition("=")[2] for word in command if word.startswith(f"{option}=")]


RUN: dict[int, Migration] = {1: run_from_1}
RECORD: dict[int, Migration] = {1: record_from_1}

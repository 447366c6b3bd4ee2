"""`python tests/evidence/score.py [DIR] [--grid]`: the score of the conformance suite and of what tests it.

Reads what `tox -e evidence` leaves in DIR (default: results/conformance) and prints Markdown: for each
subject how many tests ended how, with the ids of all that did not pass; then mutants, faults, fuzzing,
coverage, and what verifying costs. `--grid`: every id against every subject.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from zbench.conformance.status import MEANINGS, worst

ROOT = Path(__file__).parents[2]
SIGNS = {"PASS": "✓", "MARGINAL": "~", "NOT_SUPPORTED": "–", "WAIVED": "w"}
"""In the grid; whatever else is written out."""


def by_id(outcomes: list[dict[str, Any]]) -> dict[str, str]:
    """Each test's worst status over dtypes and worlds; a dtype without anything to test counts not."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        found.setdefault(outcome["id"], []).append(outcome["status"])
    tried = {id: [each for each in statuses if each != "NOT_SUPPORTED"] for id, statuses in found.items()}
    return {id: worst(tried[id] or statuses) for id, statuses in sorted(found.items())}


def told(statuses: dict[str, str]) -> tuple[str, str]:
    """(counts, the ids that did not pass)."""
    counts = Counter(statuses.values())
    numbers = ", ".join(f"{counts[each]} {each}" for each in MEANINGS if counts[each])
    rest = [
        f"{each}: {', '.join(id for id, status in statuses.items() if status == each)}"
        for each in MEANINGS
        if each != "PASS" and counts[each]
    ]
    return numbers, "; ".join(rest) or "none"


def subjects(directory: Path) -> dict[str, dict[str, str]]:
    """Subject (the file's name) -> id -> status."""
    return {
        path.stem: by_id(json.loads(path.read_text())["outcomes"])
        for path in sorted((directory / "outcomes").glob("*.json"))
    }


def grid(found: dict[str, dict[str, str]]) -> list[str]:
    ids = sorted({id for statuses in found.values() for id in statuses})
    rows = [
        [id, *(SIGNS.get(status, status) if (status := each.get(id)) else "" for each in found.values())]
        for id in ids
    ]
    head = ["test", *found]
    return [line(head), line(["---"] * len(head)), *map(line, rows)]


def line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT / "results" / "conformance")
    parser.add_argument("--grid", action="store_true")
    options = parser.parse_args()
    found = subjects(options.directory)
    if not found:
        print(f"{options.directory}/outcomes has no outcomes; run `tox -e evidence`", file=sys.stderr)
        return 2
    if options.grid:
        print("\n".join(grid(found)))
        return 0
    print(line(["subject", "tests by status", "not PASS"]))
    print(line(["---"] * 3))
    for name, statuses in found.items():
        print(line([f"`{name}`", *told(statuses)]))
    print()
    summary = options.directory / "score.json"
    for name, text in json.loads(summary.read_text()).items() if summary.exists() else ():
        print(f"- {name}: {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

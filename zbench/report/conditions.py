"""Under which conditions a run was measured, as rows of (what, value)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zbench.records.schema import Run
from zbench.report.cost import cost
from zbench.report.findings import Findings

SETTINGS = (
    "zbench",
    "created",
    "ended",
    "profile",
    "launches",
    "minutes",
    "each",
    "ranks",
    "suites",
    "cards",
    "fabrics",
    "cases",
    "claims",
    "claims_sha256",
    "baseline",
    "baseline_card",
    "plan_sha256",
    "seed",
    "state",
    "why",
)
"""Of a run; one that it does not have is left out."""

Rows = list[tuple[str, str]]


def settings(findings: Findings) -> Rows:
    """What was asked, how it ended, what it took, and every case that was not run."""
    run = findings.run
    found: dict[str, Any] = {
        name.replace("_", " "): getattr(run, name) for name in SETTINGS if getattr(run, name)
    }
    spent = cost(findings)
    if spent:
        found["took"] = spent.told()
    return flat(found) + [(f"not run: {case}", why) for case, why in run.not_run.items()]


def machines(run: Run) -> list[tuple[str, Rows]]:
    """(name, facts): what all fingerprints of the run share, then what each has of its own."""
    each = {key: flat(facts) for key, facts in run.fingerprints.items()}
    if len(each) < 2:
        return [(f"Machine {key}", rows) for key, rows in each.items()]
    first = next(iter(each.values()))
    shared = [row for row in first if all(row in rows for rows in each.values())]
    own = [
        (f"Only {key}", [row for row in rows if row not in shared] or [("nothing", "of its own")])
        for key, rows in each.items()
    ]
    return [(f"Machine, in all {len(each)} fingerprints", shared), *own]


def machine(run: Run) -> str:
    """`host, CPU` of every machine that took part."""
    named = (", ".join(str(m[k]) for k in ("host", "cpu") if m.get(k)) for m in run.fingerprints.values())
    return "; ".join(dict.fromkeys(filter(None, named))) or "unknown"


def flat(facts: Mapping[str, Any], prefix: str = "") -> Rows:
    """Nested facts as rows: `libraries.numpy` -> `2.4.6`; unknown facts say so."""
    rows: Rows = []
    for name, value in facts.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            rows += flat(value, f"{path}.")
        elif isinstance(value, list | tuple):
            rows.append((path, ", ".join(map(str, value)) or "none"))
        else:
            rows.append((path, "unknown" if value is None or value == "" else str(value)))
    return rows

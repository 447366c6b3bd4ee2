"""Records as a run would leave them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from zbench.case import Case
from zbench.judge.history import Kept
from zbench.records.schema import Probe, Record, Run, Verification
from zbench.workloads import workload


class Make:
    """What tests are made of."""

    GEMM = Case("gemm", "fp32", (1000, 1000, 1000), {"threads": 1})
    """2e9 operations: 1 ms is 2 TFLOP/s."""
    PINGPONG = Case("pingpong", "byte", (8,), {"ranks": 2})
    RIGHT = Verification(method="exact", checked=1, of=1, passed=True, smallest_error=0.5)
    WRONG = Verification(
        method="exact", checked=1, of=1, passed=False, smallest_error=0.5, why="row 3 is wrong"
    )

    @staticmethod
    def gemm(n: int) -> Case:
        return Case("gemm", "fp32", (n, n, n), {"threads": 1})

    @staticmethod
    def step(ranks: int, m: int = 512) -> Case:
        return Case("step", "fp32", (m, 1024, 1024), {"ranks": ranks})

    @staticmethod
    def record(
        case: Case, block: int, samples_ns: Sequence[int], subject: str = "cpu", **fields: Any
    ) -> Record:
        """One burst; a launch has the number of its block."""
        given: dict[str, Any] = {
            "suite": workload(case.workload).suite,
            "key": case.key,
            "case": case,
            "subject": subject,
            "block": block,
            "launch": block,
            "order": 0,
            "ranks": case.ranks,
            "samples_ns": list(samples_ns),
            "verification": Make.RIGHT,
        }
        return Record(**(given | fields))

    @staticmethod
    def launches(
        case: Case, medians_ns: Sequence[float], subject: str = "cpu", **fields: Any
    ) -> list[Record]:
        """One burst of three equal rounds a launch, in blocks 0, 1, ...; `probes` are dealt out."""
        probes = fields.pop("probes", [None] * len(medians_ns))
        return [
            Make.record(case, block, [round(ns)] * 3, subject, probe=probe, **fields)
            for block, (ns, probe) in enumerate(zip(medians_ns, probes, strict=True))
        ]

    MACHINE = {"cpu": "Example CPU", "architecture": "x86_64", "cpus_usable": 2, "memory_bytes": 8 << 30}

    @staticmethod
    def kept(name: str, records: Sequence[Record], machine: dict[str, Any] = MACHINE, **fields: Any) -> Kept:
        """A stored run; names in the order of the alphabet are in the order of time."""
        given: dict[str, Any] = {
            "zbench": "0.1.0",
            "created": f"2026-11-21T00:00:00Z {name}",
            "command": ["zbench", "run"],
            "profile": "quick",
            "seed": 1,
            "suites": ["card"],
            "cards": list(dict.fromkeys(record.subject for record in records)),
            "fabrics": [],
            "ranks": 1,
            "launches": 5,
            "fingerprints": {"f1": machine},
        }
        return Kept(name, Run(**(given | fields)), list(records))

    @staticmethod
    def probe(before: float, after: float | None = None, unit: str = "FLOP/s") -> Probe:
        return Probe(unit=unit, before=before, after=before if after is None else after)


@pytest.fixture
def make() -> type[Make]:
    return Make

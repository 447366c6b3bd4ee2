"""Run directories as a history has them, made from figures; nothing is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zbench.case import Case
from zbench.records import store
from zbench.records.schema import Record, Run, Verification

MACHINE = {"cpu": "Example CPU", "architecture": "x86_64", "cpus_usable": 2, "memory_bytes": 8 << 30}
RIGHT = Verification(method="freivalds", checked=1, of=1, passed=True, smallest_error=0.5)
NOISE = np.array([1.000, 1.002, 0.999, 1.001, 0.998])

Keep = Callable[..., Path]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """keep("name", {"256": 1.0, "512": 2.0}, ...) -> a run with these GEMMs at so many ms, under runs/."""

    def write(
        name: str,
        levels_ms: Mapping[str, float],
        machine: Mapping[str, Any] = MACHINE,
        records: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Path:
        directory = tmp_path / "runs" / name
        directory.mkdir(parents=True)
        run = {
            "zbench": "0.1.0",
            "created": f"2026-11-{len(list((tmp_path / 'runs').iterdir())):02}T10:00:00+00:00",
            "command": ["zbench", "run"],
            "profile": "quick",
            "seed": 1,
            "suites": ["card"],
            "cards": ["cpu"],
            "fabrics": [],
            "ranks": 1,
            "launches": 5,
            "fingerprints": {"f": dict(machine)},
            "state": "complete",
        }
        store.write_run(directory, Run(**(run | fields)))
        for size, level in levels_ms.items():
            case = Case("gemm", "fp32", (int(size),) * 3, {"threads": 1})
            for block, noise in enumerate(NOISE):
                burst = {
                    "suite": "card",
                    "key": case.key,
                    "case": case,
                    "subject": "cpu",
                    "block": block,
                    "launch": block,
                    "order": 0,
                    "samples_ns": [round(level * noise * 1e6)] * 3,
                    "verification": RIGHT,
                    "fingerprint": "f",
                }
                store.append(directory, Record(**(burst | dict(records or {}))))
        return directory

    return write

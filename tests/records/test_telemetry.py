"""Telemetry in a stored record: read back as it was, absent from older ones, refused where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zbench.errors import UsageError
from zbench.records import store

FIXTURE = Path(__file__).parent / "fixtures" / "v1"
GOOD: dict[str, Any] = {
    "method": "rapl",
    "rate_hz": 0.0,
    "readings": 3,
    "window_ns": 100,
    "energy_j": 5.0,
    "energy_from": "counter",
    "throttle": {"hot": 1},
    "samples": [{"at_ns": 50, "power_w": 99.5}, {"at_ns": 100, "throttle": ["hot"]}],
}


def stored(directory: Path, **changes: Any) -> Path:
    """A run of two records, the second with telemetry."""
    run, records = store.load(FIXTURE)
    store.write_run(directory, run)
    for record in records[:2]:
        store.append(directory, record)
    path = directory / store.RECORDS_FILE
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{json.dumps(json.loads(second) | {'telemetry': GOOD | changes})}\n")
    return directory


def test_telemetry_is_read_back_and_older_records_have_none(tmp_path: Path) -> None:
    """It came to records of version 2 later: a reader of either needs no other version."""
    _, (first, second) = store.load(stored(tmp_path))
    assert first.telemetry is None
    assert msgspec.to_builtins(second.telemetry) | GOOD == msgspec.to_builtins(second.telemetry)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"readings": 1}, "telemetry: 2 samples of 1 readings"),
        ({"readings": 201, "samples": [{"at_ns": 1}] * 201}, "telemetry: 201 samples of 201 readings"),
        ({"samples": [{"at_ns": 101}]}, "telemetry: samples out of order, or outside the 100 ns"),
        ({"samples": [{"at_ns": 9}, {"at_ns": 8}]}, "telemetry: samples out of order"),
        ({"energy_j": -1.0}, "telemetry: energy_j is -1.0"),
        ({"energy_from": ""}, "telemetry: energy_j is 5.0, but energy_from ''"),
        ({"throttle": {"hot": 4}}, "telemetry: throttle: 'hot' in 4 of 3 readings"),
        ({"window_ns": "long"}, "Expected `int`, got `str`"),
    ],
)
def test_telemetry_that_cannot_be_is_refused(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    """Line and reason are named, as of any other figure."""
    with pytest.raises(UsageError, match=r"records\.jsonl:2: ") as error:
        store.load(stored(tmp_path, **changes))
    assert what in str(error.value)

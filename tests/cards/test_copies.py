"""Copies of a vendor's card with a memory of its own, from the plug-in to the report, in real runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zbench.cards.cpu import Cpu
from zbench.cards.numpy import Numpy
from zbench.case import Case
from zbench.errors import Unsupported
from zbench.measure.bench import CardBench
from zbench.records import store
from zbench.records.schema import Record

PLUGINS = Path(__file__).parent / "plugins"


def measured(place: Path, card: str, *globs: str) -> tuple[int, dict[str, Any], list[Record]]:
    """Exit code, JSON document and records of the full profile's cases that match."""
    out = place / "run"
    command = [sys.executable, "-m", "zbench.cli", "run", "card", "--card", card, "--out", str(out)]
    command += ["--profile", "full", "--launches", "2", "--format", "json"]
    for glob in globs:
        command += ["--case", glob]
    ended = subprocess.run(
        command,
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(PLUGINS)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout), store.load(out)[1]


def test_a_vendors_card_is_asked_every_way_of_copying(tmp_path: Path) -> None:
    """Between it and either memory of the host, on it, and to the one peer that it reaches; the records say
    where both ends lay."""
    code, document, records = measured(
        tmp_path, "twoway.cards:Twoway", "copy_*/byte/8*", "copy_*/byte/65536*"
    )
    assert code in (0, 3, 4), document  # 4: this machine was too busy to believe clocks
    expected = {
        "copy_h2d/byte/65536": {"from": "host", "to": "card"},
        "copy_h2d/byte/65536/memory=pinned": {"from": "pinned", "to": "card"},
        "copy_d2h/byte/65536": {"from": "card", "to": "host"},
        "copy_d2h/byte/65536/memory=pinned": {"from": "card", "to": "pinned"},
        "copy_d2d/byte/65536": {"from": "card", "to": "card"},
        "copy_d2d/byte/65536/peer=2": {"from": "card", "to": "2"},
    }
    told = {record.key: record.variant for record in records}
    assert {key: told[key] for key in expected} == expected
    latencies = {key for key in told if "blocking=yes" in key}
    assert latencies == {
        "copy_h2d/byte/8/blocking=yes/memory=pinned",
        "copy_d2h/byte/8/blocking=yes/memory=pinned",
        "copy_d2d/byte/8/blocking=yes",
        "copy_d2d/byte/8/blocking=yes/peer=2",
    }
    for record in records:
        assert record.verification is not None
        assert record.verification.passed
    assert {case["key"] for case in document["cases"]} == told.keys()


def test_a_byte_that_is_left_out_is_seen(tmp_path: Path) -> None:
    """And no rate is derived from that copy."""
    code, document, records = measured(tmp_path, "twoway.cards:Forgetful", "copy_h2d/byte/4096")
    assert code == 4
    assert {record.status for record in records} == {"wrong"}
    assert "1 of 4096 elements are wrong, the first at 4095" in records[0].why
    assert document["cases"][0]["value"] is None


@pytest.mark.parametrize("card", [Cpu(), Numpy()])
@pytest.mark.parametrize("name", ["copy_h2d", "copy_d2h", "copy_d2d"])
def test_a_card_in_the_hosts_memory_has_nothing_to_copy(card: Cpu | Numpy, name: str) -> None:
    """It refuses, and the profiles do not ask."""
    with pytest.raises(Unsupported, match=r"memory is the host's|no copy_d2d"):
        CardBench(card, Case(name, "byte", (64,)), seeds=[1, 2])

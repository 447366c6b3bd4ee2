"""Clocks of real ranks: the one that they share on a host, and one that a plug-in moves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.measure.plugins.skewed.fabrics import DRIFT_PPM, MILLION, OFFSET_NS
from zbench.case import Case
from zbench.measure.launch import crew, serve
from zbench.measure.plan import Group
from zbench.records.schema import Record
from zbench.subject import Subject

PLUGINS = Path(__file__).parent / "plugins"


def clocks_of(fabric: str, ranks: int) -> Record:
    """The record of one short burst."""
    case = Case("clocks", "byte", (8,), {"ranks": ranks})
    subject = Subject("fabric", fabric)
    order: dict[str, Any] = {
        "type": "measure",
        "suite": "fabric",
        "subject": subject.label,
        "subjects": [{"kind": "fabric", "name": fabric, "option": None, "venv": None}],
        "ranks": ranks,
        "role": "measure",
        "block": 0,
        "launch": 0,
        "seed": 1,
        "burst_ns": 200_000_000,
        "rounds_max": 100,
        "table": {},
        "cases": [msgspec.to_builtins(case)],
    }
    with crew(Group("fabric", (subject,), ranks, (case,))) as members:
        records = [m["record"] for m in serve(members, order) if m["type"] == "record"]
    (record,) = (msgspec.convert(each, Record) for each in records)
    return record


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_of_one_host_share_their_clock(ranks: int) -> None:
    """No offset and no drift beyond the errors that are told with them."""
    record = clocks_of("shm", ranks)
    assert record.status == "ok", record.why
    assert record.clocks is not None
    assert [found.rank for found in record.clocks.ranks] == list(range(1, ranks))
    for found in record.clocks.ranks:
        assert abs(found.offset_ns) <= found.offset_error_ns
        assert abs(found.drift_ppm) <= found.drift_error_ppm
        assert abs(found.plain_offset_ns) <= found.plain_error_ns
        assert found.checks > 0
    assert record.clocks.starts is not None
    assert 0 <= record.clocks.starts.late <= record.clocks.starts.rounds
    assert 0 <= record.clocks.starts.skew_p50_ns <= record.clocks.starts.skew_max_ns


@pytest.mark.parametrize("ranks", [2, 4])
def test_a_clock_that_is_off_is_found(ranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 ms ahead, and 50 us a second faster: within the errors that are told, behind a parent, too."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(PLUGINS)
    record = clocks_of("skewed.fabrics:Skewed", ranks)
    assert record.status == "ok", record.why
    assert record.clocks is not None
    *others, last = record.clocks.ranks
    truly = last.at_ns - (last.at_ns - OFFSET_NS) / (1 + DRIFT_PPM / MILLION)
    assert abs(last.offset_ns - truly) <= last.offset_error_ns + 2
    assert abs(last.drift_ppm - DRIFT_PPM / (1 + DRIFT_PPM / MILLION)) <= last.drift_error_ppm
    assert all(abs(found.offset_ns) <= found.offset_error_ns for found in others)


def test_a_clock_that_is_set_forward_makes_the_burst_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pair is named."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(PLUGINS)
    record = clocks_of("skewed.fabrics:Jumping", 2)
    assert (record.status, record.clocks) == ("invalid", None)
    assert record.why == "clocks of ranks 0 and 1: no constant drift keeps to all that they saw"


def test_a_fabric_without_groups_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ranks need none."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(PLUGINS)
    record = clocks_of("skewed.fabrics:Alone", 3)
    assert (record.status, record.why) == (
        "skipped",
        "clocks of 3 ranks: this fabric has no groups of ranks",
    )
    assert clocks_of("skewed.fabrics:Alone", 2).status == "ok"

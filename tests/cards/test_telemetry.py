"""A card's meter, from the plug-in to the record and the report, in real runs."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zbench.records import store
from zbench.records.schema import Record
from zbench.report.charts.sustained import NAME

PLUGINS = Path(__file__).parent / "plugins"
CASE = "gemm/fp32/256x256x256/threads=1"


def zbench(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zbench.cli", *arguments]
    environment = {k: v for k, v in os.environ.items() if k != "ZBENCH_ISA"} | {"PYTHONPATH": str(PLUGINS)}
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def measured(place: Path, *arguments: str) -> tuple[dict[str, Any], list[Record]]:
    """The JSON document of a run of one case, and its records."""
    out = place / "run"
    ended = zbench(place, "run", "card", "--case", CASE, "--out", str(out), "--format", "json", *arguments)
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout), store.load(out)[1]


@pytest.mark.parametrize(("card", "rate_hz"), [("Metered", 0.0), ("Sampled", 200.0)])
def test_a_vendors_meter_is_read_and_throttling_is_flagged(tmp_path: Path, card: str, rate_hz: float) -> None:
    """Power, heat and reasons are in record and report; the burst stays a result like any other."""
    subject = f"metered.cards:{card}"
    document, records = measured(tmp_path, "--card", subject, "--profile", "quick", "--launches", "2")
    for record in records:
        assert record.telemetry is not None
        assert record.status == "ok"
        assert (record.telemetry.method, record.telemetry.rate_hz) == ("vendor-smi", rate_hz)
        assert (record.telemetry.energy_j or 0) > 0
        assert record.telemetry.throttle == {"over temperature": record.telemetry.readings}
    (case,) = document["cases"]
    assert case["value"] > 0
    assert case["telemetry"]["flop_per_j"] > 0
    assert case["telemetry"]["throttle"] == ["over temperature"]
    assert any("was throttled in 1 case" in told for told in document["remarks"])
    ended = zbench(tmp_path, "report", "run", "--format", "csv")
    assert [row["throttle"] for row in csv.DictReader(ended.stdout.splitlines())] == ["over temperature"]


def test_a_broken_meter_spoils_no_measurement(tmp_path: Path) -> None:
    """The record says what the meter raised; rate and verification stand."""
    document, records = measured(
        tmp_path, "--card", "metered.cards:Broken", "--profile", "smoke", "--launches", "1"
    )
    assert {record.status for record in records} == {"ok"}
    told = [record.telemetry.why for record in records if record.telemetry]
    assert len(told) == len(records)
    assert all(why.startswith("TypeError: ") for why in told)
    assert document["cases"][0]["value"] > 0


def test_a_sustained_run_leaves_its_course_and_a_chart(tmp_path: Path) -> None:
    """Three seconds of a case: clock and heat of each span of rounds, verified; one launch, no verdict."""
    document, (record,) = measured(tmp_path, "--card", "metered.cards:Metered", "--minutes", "0.05")
    assert (record.role, record.status) == ("measure", "ok")
    assert sum(record.samples_ns) > 2.9e9
    assert record.verification is not None
    assert record.verification.passed
    assert record.telemetry is not None
    assert len(record.telemetry.samples) == record.telemetry.readings > 1
    (lasted,) = document["sustained"]
    assert lasted["what"].startswith("last tenth over first tenth")
    assert (lasted["verdict"], lasted["interval"]) == ("UNDECIDED", None)
    assert lasted["ratio"] > 0
    picture = (tmp_path / "run/charts" / f"{NAME}.svg").read_text()
    assert "clock (GHz)" in picture
    assert "temp. (°C)" in picture
    screen = zbench(tmp_path, "report", "run").stdout
    assert "0.05 min a burst" in screen
    assert "1 launch carries no verdict, 5 do" in " ".join(screen.split())


def test_a_sustained_run_goes_on_as_one(tmp_path: Path) -> None:
    """What --append adds is as long as what is there; the run remembers."""
    measured(tmp_path, "--minutes", "0.01")
    ended = zbench(tmp_path, "run", "--append", "run", "--format", "json")
    run, records = store.load(tmp_path / "run")
    assert (run.minutes, run.launches, len(records)) == (0.01, 2, 2), ended.stderr
    assert all(sum(record.samples_ns) > 0.55e9 for record in records)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["card", "--minutes", "0"], "--minutes 0: more than 0"),
        (["card", "--minutes", "-3"], "--minutes -3: more than 0"),
        (["card", "--minutes", "nan"], "--minutes nan: more than 0"),
        (["card", "--minutes", "ten"], "invalid float value: 'ten'"),
        (["fabric", "--minutes", "1"], "--minutes is of cards: leave out fabric"),
        (
            ["--resume", "run", "--minutes", "1"],
            "--resume takes its settings from the run: leave out minutes",
        ),
    ],
)
def test_minutes_that_cannot_be_are_wrong_usage(tmp_path: Path, arguments: list[str], told: str) -> None:
    """One line and exit code 2, before anything is measured."""
    ended = zbench(tmp_path, "run", *arguments)
    assert (ended.returncode, ended.stdout, list(tmp_path.iterdir())) == (2, "", [])
    assert told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1

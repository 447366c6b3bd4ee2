"""The CSV, read back by the csv module."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import msgspec
import pytest

from zbench.records.schema import Sheet
from zbench.report.findings import Findings
from zbench.report.merge import merge
from zbench.report.spreadsheet import COLUMNS, UNITS, render_csv
from zbench.workloads import WORKLOADS, workload


def read(findings: Findings) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_csv(findings)), strict=True))


def test_columns_are_the_public_interface(findings: Findings) -> None:
    """Exactly these, in this order: whoever reads the file by position may rely on it."""
    assert (
        *("run", "suite", "case", "subject", "variant", "status", "evidence", "verified", "noisy"),
        *("ranks", "batch", "launches", "rounds", "median_ns", "low_ns", "high_ns"),
        *("interval_method", "interval_confidence", "metric"),
        *("value_flop_per_s", "low_flop_per_s", "high_flop_per_s"),
        *("value_bytes_per_s", "low_bytes_per_s", "high_bytes_per_s"),
        *("value_per_s", "low_per_s", "high_per_s", "value_s", "low_s", "high_s"),
        *("fraction_of_peak", "why", "power_w", "clock_hz", "temperature_c", "flop_per_j", "throttle"),
        *("p50_ns", "p95_ns", "p99_ns", "last_rank", "last_share", "last_p", "straggler"),
    ) == COLUMNS
    assert render_csv(findings).splitlines()[0] == ",".join(COLUMNS)


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_has_a_column_for_its_unit(name: str) -> None:
    """A new unit needs a new column, at the end."""
    assert workload(name).unit in UNITS


def test_a_row_for_each_result_with_its_unrounded_figures(findings: Findings) -> None:
    """Figures come back as the floats they were; the value stands in the column of its unit only."""
    rows = read(findings)
    assert len(rows) == len(findings.summaries)
    for row, s in zip(rows, findings.summaries, strict=True):
        assert (row["run"], row["case"], row["subject"]) == (str(findings.directory), s.key, s.subject)
        assert float(row["median_ns"]) == s.median_ns
        assert (float(row["low_ns"]), float(row["high_ns"])) == s.interval_ns
        filled = {unit: row[f"value_{end}"] for unit, end in UNITS.items() if row[f"value_{end}"]}
        assert filled == {s.unit: repr(s.value)}


def test_wrong_answers_have_no_figures(wrong: Findings) -> None:
    """Status and reason instead."""
    (row,) = [row for row in read(wrong) if row["status"] == "wrong"]
    assert row["verified"] == "no"
    assert "7 of 2048 rows are wrong" in row["why"]
    assert {value for name, value in row.items() if name.startswith(("median", "value", "low", "high"))} == {
        ""
    }


def test_names_with_commas_quotes_and_line_ends_survive(findings: Findings) -> None:
    """As RFC 4180 wants them quoted."""
    name = 'a,"b"\nc'
    odd = msgspec.structs.replace(findings.summaries[0], subject=name)
    assert read(replace(findings, summaries=[odd]))[0]["subject"] == name


def test_a_data_sheet_is_called_one(findings: Findings) -> None:
    """Its evidence differs from every measured row."""
    told = msgspec.structs.replace(
        findings.summaries[0], sheet=Sheet("mean", 1.0), launches=0, interval_ns=None
    )
    first, second = read(replace(findings, summaries=[told, findings.summaries[1]]))
    assert (first["evidence"], second["evidence"]) == ("DATA SHEET", "MEASURED")


def test_runs_of_a_merge_are_told_by_their_directory(findings: Findings, wrong: Findings) -> None:
    """Subjects keep their own names: a program needs no letters."""
    rows = read(merge([findings, replace(wrong, directory=findings.directory / "b")], []))
    assert len(rows) == len(findings.summaries) + len(wrong.summaries)
    assert {row["run"] for row in rows} == {"results/example", "results/example/b"}
    assert {row["subject"] for row in rows} == {s.subject for s in findings.summaries}

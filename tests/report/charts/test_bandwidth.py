"""Bandwidth against size."""

from __future__ import annotations

import pytest

from tests.report.conftest import drawn, of
from zbench.report.charts.bandwidth import bandwidth
from zbench.report.findings import Findings


def test_the_table_is_the_data(findings: Findings) -> None:
    """Each point stands in the table with the summary's value."""
    rows = {row[:4]: row for row in drawn(bandwidth(findings.summaries)).table.rows}
    one_way = of(findings, "unidirectional/byte/4194304/ranks=2", "shm")
    assert float(rows["shm", "2", "one way", "4 MiB"][4]) == pytest.approx(
        (one_way.value or 0) / 1e9, rel=1e-3
    )

"""What a run took: every sitting, on as many cards as were busy at once."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from zbench.records.schema import Imported, Sitting
from zbench.report.cost import cost, price
from zbench.report.findings import Findings


def sitting(started: str, ended: str) -> Sitting:
    return Sitting(
        why="run",
        started=f"2026-11-21T{started}:00+00:00",
        ended=f"2026-11-21T{ended}:00+00:00" if ended else "",
        zbench="0.1.0",
        command=[],
        launches=5,
    )


def test_sittings_add_up_and_the_time_between_them_is_free(findings: Findings) -> None:
    """Ten minutes now, twenty later; the largest world has 8 ranks."""
    sittings = [sitting("02:00", "02:10"), sitting("09:00", "09:20")]
    run = msgspec.structs.replace(findings.run, sittings=sittings, price_per_card_hour=0.5)
    found = cost(replace(findings, run=run))
    assert found is not None
    assert (found.seconds, found.cards) == (1800.0, 8)
    assert found.card_hours == pytest.approx(4.0)
    assert found.told() == "30 min on 8 cards: 4 card hours, 2.00 at 0.5 per card hour"


def test_a_killed_sitting_lasts_until_its_last_burst(findings: Findings) -> None:
    """It has no end of its own, and a later sitting's bursts are not its own."""
    records = [
        msgspec.structs.replace(findings.records[0], started=f"2026-11-21T{at}:00Z")
        for at in ("02:00", "02:07", "09:05")
    ]
    run = msgspec.structs.replace(findings.run, sittings=[sitting("02:00", ""), sitting("09:00", "09:10")])
    found = cost(replace(findings, run=run, records=records))
    assert found is not None
    assert found.seconds == 17 * 60


def test_what_was_not_measured_here_cost_nothing_here(findings: Findings) -> None:
    """Nor does a run whose times somebody edited have a price."""
    told = Imported(tool="osu", file="x.txt", sha256="0")
    assert cost(replace(findings, run=msgspec.structs.replace(findings.run, imported=told))) is None
    assert cost(replace(findings, run=msgspec.structs.replace(findings.run, created="once"))) is None


def test_a_price_is_cards_times_hours() -> None:
    """Eight cards for half an hour at 2.50 an hour."""
    assert price(1800, 8, 2.5) == 10.0

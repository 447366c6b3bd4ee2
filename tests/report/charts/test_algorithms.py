"""Algorithms over the fastest of them: what was tried, what was chosen, what the model says."""

from __future__ import annotations

from dataclasses import replace

from msgspec.structs import replace as changed

from tests.report.conftest import drawn, svg_texts
from zbench.report import style
from zbench.report.chart import Missing
from zbench.report.charts.algorithms import algorithms, look_of
from zbench.report.findings import Findings
from zbench.schedules.table import ALGORITHMS


def test_lines_are_named_and_the_chosen_told(findings: Findings) -> None:
    """A panel for the one operation of which two algorithms were tried, and where the other takes over."""
    chart = drawn(algorithms(findings.worlds))
    texts = svg_texts(chart)
    assert "allreduce fp32" in texts
    assert {"recursive-doubling", "ring", "1x"} <= set(texts)
    assert "allreduce fp32 by recursive-doubling at 8 B, ring from 4 MiB" in chart.alt
    assert "on shm" in f"on {chart.alt.removeprefix('On ')}"


def test_the_table_has_every_algorithm_with_model_ratio_and_why(findings: Findings) -> None:
    """A row for each algorithm of each case, whether drawn or not; why stands with what ran."""
    table = drawn(algorithms(findings.worlds)).table
    rows = [
        dict(zip(table.header, row, strict=True))
        for row in table.rows
        if row[:3] == ("shm, 2 ranks", "allreduce fp32", "4 MiB")
    ]
    assert [row["algorithm"] for row in rows] == ["recursive-doubling", "ring"]
    slow, fast = rows
    assert float(slow["trial (µs)"]) > float(fast["trial (µs)"])
    assert float(fast["measured / model"]) > 0
    assert slow["bursts (µs)"] == slow["chosen, and why"] == "-"
    assert fast["chosen, and why"] == "fastest of 2 in trials, 20 % ahead of recursive-doubling"


def test_without_trials_there_is_nothing_to_draw(findings: Findings) -> None:
    """The reason is told instead."""
    worlds = [
        changed(world, choices=tuple(c for c in world.choices if len(c.candidates) < 2))
        for world in findings.worlds
    ]
    chart = algorithms(worlds)
    assert isinstance(chart, Missing)
    assert chart.why == "no two algorithms were tried for any case with data"


def test_without_a_model_no_line_is_drawn_and_said_so(findings: Findings) -> None:
    """Trials stay."""
    worlds = [
        changed(
            world,
            model=changed(world.model, why="too few"),
            choices=tuple(
                changed(c, candidates=tuple(changed(one, model_ns=None) for one in c.candidates))
                for c in world.choices
            ),
        )
        for world in replace(findings).worlds
    ]
    chart = drawn(algorithms(worlds))
    assert "there is no cost model" in chart.caption


def test_algorithms_of_an_operation_look_different() -> None:
    """Each has a colour or a marker of its own, also where an operation has many."""
    for named in ALGORITHMS.values():
        looks = [(look_of(name).color, look_of(name).marker) for name in named]
        assert len(set(looks)) == len(looks)
    assert look_of("a-vendor's-own").color in style.SERIES

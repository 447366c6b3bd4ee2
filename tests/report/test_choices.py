"""Algorithms and cost models in every form of the report."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

from msgspec.structs import replace as changed

from zbench.judge.choices import Candidate, World
from zbench.report import choices
from zbench.report.document import documents
from zbench.report.findings import Findings
from zbench.report.merge import merge
from zbench.report.page import render_page
from zbench.report.terminal import render_screen


def world_of(findings: Findings) -> World:
    return next(w for w in findings.worlds if (w.subject, w.ranks) == ("shm", 2))


def page_text(findings: Findings) -> str:
    page = render_page(findings, []).split('type="application/json"')[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_the_page_has_constants_grids_and_reasons(findings: Findings) -> None:
    """Those of the cost model and of LogGP, and a table for each operation with several algorithms."""
    text = page_text(findings)
    world = world_of(findings)
    for row in [*choices.models([world]), *choices.loggps([world])]:
        for cell in row:
            assert cell in text
    assert "allreduce fp32 on shm, 2 ranks" in text
    assert "fastest of 2 in trials, 20 % ahead of ring" in text
    assert choices.CHOSEN in text


def test_the_screen_has_a_line_for_each_model(findings: Findings) -> None:
    """The three constants with their intervals, and how far off they are."""
    screen = " ".join(render_screen(findings, width=100).split())
    (line,) = choices.brief([world_of(findings)])
    assert line in screen
    assert re.fullmatch(
        r"shm, 2 ranks: a message \d.* \[.*\], moved .*GB/s \[.*\], reduced fp32 .*; "
        r"the middle result is \d+ % off",
        line,
    )


def test_without_a_model_the_page_says_why(findings: Findings) -> None:
    """And the screen says nothing."""
    world = world_of(findings)
    unknown = changed(world, model=changed(world.model, why="the sizes do not span enough"), loggp=None)
    found = replace(findings, worlds=[unknown])
    assert "not known not known not known the sizes do not span enough" in page_text(found)
    assert choices.brief([unknown]) == []


def test_a_run_without_fabrics_has_no_such_section(findings: Findings) -> None:
    """Nothing is said where there is nothing to say."""
    found = replace(findings, worlds=[])
    assert 'id="models"' not in render_page(found, [])
    assert "models" not in documents(found)


def test_cells_say_what_is_known() -> None:
    """Measured, model and ratio, as far as there are any."""
    tried = Candidate(algorithm="ring", chosen=True, trial_ns=2000.0, burst_ns=1900.0, model_ns=1000.0)
    assert choices.cell(tried) == "✓ 2.00 µs; model 1.00 µs, 2.00x"
    assert choices.cell(changed(tried, chosen=False, model_ns=None)) == "2.00 µs"
    assert choices.cell(changed(tried, trial_ns=None)) == "✓ 1.90 µs; model 1.00 µs, 1.90x"
    assert choices.cell(None) == "-"


def test_the_document_has_constants_and_every_algorithm(findings: Findings) -> None:
    """For programs: unrounded, with why."""
    (model,) = (m for m in documents(findings)["models"] if (m["subject"], m["ranks"]) == ("shm", 2))
    world = world_of(findings)
    (line,) = model["lines"]
    assert line["alpha_ns"]["value"] == world.model.lines[0].alpha_ns.value
    assert line["to_bytes"] is None
    assert set(model["gamma_ns_per_byte"]) == {"fp32"}
    assert "o" in model["loggp"]["unknown"]
    (found,) = (c for c in model["choices"] if c["key"] == "allreduce/fp32/8/ranks=2")
    assert [(one["algorithm"], one["chosen"]) for one in found["algorithms"]] == [
        ("recursive-doubling", True),
        ("ring", False),
    ]


def test_runs_beside_each_other_keep_their_own_models(findings: Findings) -> None:
    """A label tells whose a fabric is."""
    text = page_text(merge([findings, findings], []))
    assert "shm · A, 2 ranks" in text
    assert "shm · B, 2 ranks" in text

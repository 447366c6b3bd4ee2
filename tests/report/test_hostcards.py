"""The cards of a host on the screen, the page, in Markdown, JSON and as a strip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.report.conftest import run
from zbench.assess import assess
from zbench.case import Case
from zbench.records.schema import Record, Verification
from zbench.report.chart import Chart, Missing
from zbench.report.charts.hostcards import NAME, host_strip
from zbench.report.document import documents
from zbench.report.draw import draw
from zbench.report.findings import Findings
from zbench.report.markdown import render_markdown
from zbench.report.merge import merge
from zbench.report.page import render_page
from zbench.report.remarks import remarks
from zbench.report.terminal import render_screen

CASES = (
    (Case("gemm", "bf16", (8192, 8192, 8192)), 1.55e6),
    (Case("read", "fp64", (1 << 30,)), 0.28e6),
)
"""ns of a good card."""
SLOW, DISTURBED = 1.1, 1.04
"""Times of the slow card over a good one's, and of every card where all are at work."""


def card_records(cards: Sequence[str], slow: int | None = 5) -> list[Record]:
    """Five launches of each card alone and all at once; the card of number `slow` is slow at products."""
    rng = np.random.default_rng(11)
    made = []
    for case, good_ns in CASES:
        for together in (1, len(cards)):
            asked = case
            if together > 1:
                asked = Case(case.workload, case.dtype, case.size, {"together": together})
            for i, card in enumerate(cards):
                times = good_ns * (1 + 0.004 * rng.standard_normal())
                times *= SLOW if i == slow and case.workload == "gemm" else 1.0
                times *= DISTURBED if together > 1 else 1.0
                made += [
                    Record(
                        suite="card",
                        key=asked.key,
                        case=asked,
                        subject=card,
                        block=block,
                        launch=block,
                        order=0,
                        samples_ns=[round(times * (1 + 0.002 * rng.standard_normal()))] * 3,
                        verification=Verification("freivalds", 3, 3, True, 1e-4),
                        fingerprint="f1",
                        started="2026-11-21T02:40:00Z",
                    )
                    for block in range(5)
                ]
    return made


def judged(cards: int = 8, slow: int | None = 5) -> Findings:
    names = [f"torch:cuda:{i}" for i in range(cards)]
    settings = run(cards=names, fabrics=[], suites=["card"], each=True, claims="none")
    return assess(Path("results/example"), settings, card_records(names, slow), [])


@pytest.fixture(scope="module")
def eight() -> Findings:
    return judged()


def test_the_slow_card_is_named_above_everything(eight: Findings) -> None:
    """A remark of the run with its share, interval and z; no ratio between siblings, and no peers."""
    ((what, why),) = remarks(eight)
    assert what == "This run found 1 slow card."
    assert why.startswith("torch:cuda:5: 90.8 %")
    assert "of the middle card (z -" in why
    assert (list(eight.ratios), list(eight.peers)) == ([], [])


@pytest.mark.parametrize("width", [40, 72, 100])
def test_the_screen_has_a_line_for_each_case_and_way(eight: Findings, width: int) -> None:
    """One by one and at once, the slow card by name, what all lose together."""
    told = " ".join(render_screen(eight, width=width).split())
    assert "Cards of this host" in told
    assert "8 cards one by one: " in told
    assert "8 cards all at once: " in told
    assert "torch:cuda:4 " not in told  # a row for each card is on the page
    assert "SLOW torch:cuda:5: 90.8 %" in told
    assert "of the rate alone" in told
    assert all(len(line) <= width for line in render_screen(eight, width=width).splitlines())


def test_page_and_markdown_have_every_card(eight: Findings) -> None:
    """The same rows in both: two cases, two ways, eight cards."""
    page, text = render_page(eight, draw(eight)), render_markdown(eight)
    for document in (page, text):
        assert "Cards of this host" in document
        assert "How much they disturb each other" in document
        assert document.count("NORMAL") >= 30
    rows = [line for line in text.splitlines() if "torch:cuda:5" in line and "SLOW" in line]
    assert [("together" in row) for row in rows if row.endswith("SLOW |")] == [False, True]


def test_json_names_the_slow_and_has_the_figures(eight: Findings) -> None:
    """Part of the document of a run of each card, and of no other."""
    told = documents(eight)["hostcards"]
    assert told["slow"] == ["torch:cuda:5"]
    assert [(case["together"], len(case["cards"])) for case in told["cases"]] == [(1, 8), (8, 8)] * 2
    assert {d["verdict"] for d in told["disturbances"]} == {"SLOWER"}
    assert all(d["ratio"] == pytest.approx(1 / DISTURBED, abs=0.02) for d in told["disturbances"])
    assert "hostcards" not in documents(replace(eight, run=run()))


def test_the_strip_names_the_outlier(eight: Findings) -> None:
    """A well-formed picture with the name at the dots; the words and the table are the data."""
    chart = host_strip(eight.hostcards)
    assert isinstance(chart, Chart)
    ElementTree.fromstring(chart.svg)
    assert chart.svg.count("torch:cuda:5 9") == 2
    assert "torch:cuda:4 9" not in chart.svg
    assert chart.alt.startswith("Slow: torch:cuda:5: 90.8 %")
    assert len(chart.table.rows) == 2 * 2 * 8 * 5
    assert [c.name for c in draw(eight)][1] == NAME


def test_no_card_is_named_where_all_are_alike() -> None:
    """Remarks are silent, and the chart says it."""
    found = judged(slow=None)
    assert remarks(found) == []
    chart = host_strip(found.hostcards)
    assert isinstance(chart, Chart)
    assert chart.alt.startswith("No card is named slow.")


def test_two_cards_are_shares_of_the_fastest() -> None:
    """Drawn and listed, without a limit; the caption says why nobody is named."""
    found = judged(cards=2, slow=1)
    chart = host_strip(found.hostcards)
    assert isinstance(chart, Chart)
    assert "fewer than 4 cards tell no outlier" in chart.caption
    assert "(of the fastest)" in render_markdown(found).replace("\\", "")


def test_one_card_says_that_it_is_one() -> None:
    """There is nothing to compare it with."""
    (told,) = remarks(judged(cards=1, slow=None))
    assert told == ("This run is of one card.", "there is one of this kind on this host, torch:cuda:0")


def test_a_hundred_cards_still_fit() -> None:
    """As wide as a page, names on the axis only where there is room."""
    chart = host_strip(judged(cards=100, slow=77).hostcards)
    assert isinstance(chart, Chart)
    assert "torch:cuda:77 9" in chart.svg


def test_no_figure_no_strip(eight: Findings) -> None:
    """It says so instead."""
    lineups = tuple(
        type(line)(**{name: getattr(line, name) for name in line.__struct_fields__} | {"centre": None})
        for line in eight.hostcards.lineups
    )
    missing = host_strip(type(eight.hostcards)(lineups))
    assert missing == Missing(NAME, missing.title, "no card of this host gave a figure")


def test_two_hosts_on_one_page_keep_their_cards_apart(eight: Findings) -> None:
    """A letter after each name tells the run; slow cards are named in each."""
    both = merge([eight, eight], ["zbench", "report"])
    assert len(both.hostcards.lineups) == 8
    names = {m.subject for line in both.hostcards.lineups for m in line.members}
    assert {"torch:cuda:5 · A", "torch:cuda:5 · B"} <= names
    assert [what for what, _ in remarks(both)] == [
        "Run A found 1 slow card.",
        "Run B found 1 slow card.",
    ]

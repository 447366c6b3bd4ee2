"""The page: self-contained, ordered, escaped, and honest about wrong answers."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from zbench.records.schema import Sitting
from zbench.report.chart import Chart, Missing
from zbench.report.document import documents
from zbench.report.draw import draw
from zbench.report.findings import Findings
from zbench.report.merge import merge
from zbench.report.page import again, render_page, write_page

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Reader(HTMLParser):
    """Elements with their attributes, rows of text, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.rows and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def page(findings: Findings, charts: list[Chart | Missing]) -> str:
    return render_page(findings, charts)


def test_page_asks_for_nothing_from_outside(page: str) -> None:
    """No URL, no script that runs, no style sheet, no image, no font: it works on an air-gapped node."""
    reader = Reader(page)
    assert re.findall(r"https?:|//[a-z]|@import|url\((?!#)", page) == []
    assert not [
        tag for tag, _ in reader.elements if tag in ("link", "img", "iframe", "object", "audio", "video")
    ]
    assert [attrs.get("type") for tag, attrs in reader.elements if tag == "script"] == ["application/json"]
    references = [attrs[name] for _, attrs in reader.elements for name in ("src", "href") if name in attrs]
    assert references
    assert all((reference or "").startswith("#") for reference in references)


def test_page_is_well_formed_with_unique_ids_and_targets(page: str) -> None:
    """Every element is closed, every id stands once, every link and label has its target."""
    reader = Reader(page)
    assert reader.open == []
    counts = Counter(attrs["id"] for _, attrs in reader.elements if "id" in attrs)
    assert [name for name, count in counts.items() if count > 1] == []
    for _, attrs in reader.elements:
        for name in (attrs.get("aria-labelledby") or "").split():
            assert name in counts
        if (attrs.get("href") or "").startswith("#"):
            assert (attrs["href"] or "")[1:] in counts


def test_page_order_is_verdicts_first(page: str) -> None:
    """Verdicts, how sure, peers, models, conditions, charts, raw data and how to get them again, glossary."""
    titles = re.findall(r"<h2 id=\"([a-z]+)\"", page)
    assert titles == ["verdicts", "sure", "peers", "models", "conditions", "charts", "data", "glossary"]
    assert "<pre>zbench run --card cpu --card cpu:generic --card numpy</pre>" in page.split('id="data"')[1]


def test_verdicts_carry_a_shape_beside_the_word(findings: Findings, page: str) -> None:
    """Each claim is there with its word, its sign and its text; colour is never alone."""
    for verdict in findings.verdicts:
        assert verdict.claim in page
    signs = re.findall(r'aria-hidden="true">(.)</span>([A-Z ]+)<', page)
    assert [word for _, word in signs] == [verdict.verdict for verdict in findings.verdicts]
    assert len({sign for sign, _ in signs}) == len({word for _, word in signs})


def test_every_chart_has_its_table(charts: list[Chart | Missing], page: str) -> None:
    """The rows of each twin stand in the page, cell by cell."""
    rows = Reader(page).rows
    for chart in charts:
        assert isinstance(chart, Chart)
        assert list(chart.table.header) in rows
        for row in chart.table.rows:
            assert list(row) in rows


def test_every_case_has_a_row(findings: Findings, page: str) -> None:
    """All results stand in the page, not only those that are drawn."""
    rows = Reader(page).rows
    for s in findings.summaries:
        assert any(row[:2] == [s.key, s.subject] for row in rows)


def test_data_in_the_page_are_the_document(findings: Findings, page: str) -> None:
    """The JSON element parses, and is what `--format json` prints."""
    text = re.search(r'id="zbench-data">(.*?)</script>', page, re.S)
    assert text is not None
    assert json.loads(text[1]) == json.loads(json.dumps(documents(findings)))


def test_wrong_answer_shows_no_time_and_no_rate(wrong: Findings) -> None:
    """The row says WRONG and why; there is no figure of that case anywhere in it."""
    rows = Reader(render_page(wrong, draw(wrong))).rows
    (row,) = [r for r in rows if r[:2] == ["gemm/fp32/2048x2048x2048/threads=1", "numpy"] and len(r) == 11]
    assert row[3:8] == ["WRONG", "-", "-", "-", "NO"]
    assert "7 of 2048 rows are wrong" in row[9]


def test_names_are_escaped(findings: Findings) -> None:
    """A subject from a command line cannot put markup or script into the page, nor end its data."""
    evil = '</script><script>alert("x")</script>$a$'
    summaries = [
        msgspec.structs.replace(s, subject=evil) if s.subject == "numpy" else s for s in findings.summaries
    ]
    run = msgspec.structs.replace(
        findings.run, cards=["cpu", evil], command=["zbench", "run", "--card", evil]
    )
    spiked = replace(findings, summaries=summaries, run=run)
    text = render_page(spiked, draw(spiked))
    assert "alert(" in text
    assert "<script>alert" not in text
    assert Reader(text).open == []
    assert [a.get("type") for t, a in Reader(text).elements if t == "script"] == ["application/json"]


def test_page_without_verdicts_and_charts_says_so(findings: Findings) -> None:
    """A smoke run, or one that broke off, still has a page, and its state stands on top."""
    run = msgspec.structs.replace(findings.run, state="partial", why="rank 1 was killed", profile="smoke")
    bare = replace(findings, run=run, verdicts=[], claims=[], summaries=[], records=[], ratios=[], floors={})
    text = render_page(
        replace(bare, scaling=type(findings.scaling)()), [Missing("gemm", "Why not?", "no data")]
    )
    assert "No claims were judged in this run." in text
    assert "This run is partial." in text
    assert "rank 1 was killed" in text
    assert "Why not? Not drawn: no data." in text


def claim_rows(text: str) -> list[list[str]]:
    """The rows of the verdicts' table."""
    table = text.split('class="card verdicts"')[1].split("</table>")[0]
    return [[re.sub(r"\s+", " ", cell).strip() for cell in row] for row in Reader(table).rows]


def test_a_row_of_the_first_screen_decides(findings: Findings, page: str) -> None:
    """Verdict, measured with its interval, claimed with the margin, launches x rounds x ranks."""
    row = next(row for row in claim_rows(page) if row[0].startswith("fabric-latency"))
    verdict = next(v for v in findings.verdicts if v.claim == "fabric-latency")
    measured = (verdict.measured or 0) * 1e9
    assert row[1] == "–NOT TESTABLEmeasured on a slice"
    assert row[2].startswith(f"{measured:.0f} ns [")
    assert row[3] == f"≤ 4 µs{4000 / measured:.3g}x below the claim"
    assert row[4] == "5 launches × 200 rounds × 2 ranks"
    assert "“" + verdict.text + "”" in row[0]


def test_undecided_says_how_many_more_launches(findings: Findings) -> None:
    """Beside the margin, not behind a fold."""
    undecided = [
        msgspec.structs.replace(v, verdict="UNDECIDED", missing="about 12 launches in all, 7 more")
        if v.claim == "fabric-latency"
        else v
        for v in findings.verdicts
    ]
    row = claim_rows(render_page(replace(findings, verdicts=undecided), []))[1]
    assert row[3].endswith("needs about 12 launches in all, 7 more")


def test_a_price_is_told_with_the_card_hours(findings: Findings) -> None:
    """18 minutes on 8 cards at 2 an hour."""
    sitting = Sitting(
        why="run",
        started="2026-11-21T02:40:00+00:00",
        ended="2026-11-21T02:58:00+00:00",
        zbench="0.1.0",
        command=[],
        launches=5,
    )
    run = msgspec.structs.replace(findings.run, sittings=[sitting], price_per_card_hour=2.0)
    text = render_page(replace(findings, run=run), [])
    head = text.split("<nav")[0]
    assert "18 min on 8 cards: 2.4 card hours, 4.80 at 2 per card hour" in head


def test_a_merge_lays_runs_beside_each_other(findings: Findings, wrong: Findings) -> None:
    """The legend, a verdict for each run under one claim, each run's own conditions and command."""
    merged = merge([findings, wrong], ["zbench", "report", "a", "b"])
    text = render_page(merged, draw(merged))
    assert "This page lays 2 runs beside each other." in text
    assert "no ratio between them is made" in text
    rows = claim_rows(text)
    first = next(i for i, row in enumerate(rows) if row[0].startswith("fabric-latency"))
    assert [rows[first][1], rows[first + 1][0]] == ["A", "B"]
    assert 'rowspan="2"' in text
    assert text.count("<pre>") == 2
    assert "Run B has 1 wrong or invalid case." in text
    assert Reader(text).open == []


def test_the_command_to_repeat_names_no_place_that_is_taken(findings: Findings) -> None:
    """A second run into the same --out would be refused; the rest of the command stays."""
    command = ["zbench", "run", "--out", "--x", "card", "--out=here", "--ranks", "2"]
    run = msgspec.structs.replace(findings.run, command=command)
    assert again(run) == ["zbench", "run", "card", "--ranks", "2"]


def test_written_page_is_the_rendered_one(
    findings: Findings, charts: list[Chart | Missing], tmp_path: Path
) -> None:
    """UTF-8, byte for byte."""
    write_page(findings, charts, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8") == render_page(findings, charts)

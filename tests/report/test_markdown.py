"""The Markdown, read back by a CommonMark parser with the tables that forges know."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from markdown_it import MarkdownIt

from zbench.report.findings import Findings
from zbench.report.markdown import render_markdown
from zbench.report.merge import merge

HARD = "a|b `c` *d* _e_ <f> [g](h) \\ i\nj ~k~ ``"


def tables(text: str) -> list[list[list[str]]]:
    """Every table as rows of plain text."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and token.level >= 3 and found:
            children = token.children or []
            found[-1][-1].append("".join(child.content for child in children))
    return found


def headings(text: str) -> list[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]


def test_order_is_that_of_the_page(findings: Findings) -> None:
    """Verdicts first, the command last."""
    text = render_markdown(findings)
    titles = headings(text)
    assert titles[1:] == [
        "Verdicts",
        "How sure",
        "Against the best peer",
        "Results",
        "Comparisons",
        "Conditions",
    ]
    assert text.rstrip().endswith("```sh\nzbench run --card cpu --card cpu:generic --card numpy\n```")


def test_every_verdict_and_result_is_a_whole_row(findings: Findings) -> None:
    """As many cells as the header has; the words are those of the verdict."""
    verdicts, sure, _, results, *_ = tables(render_markdown(findings))
    assert [row[0] for row in verdicts[1:]] == [v.claim for v in findings.verdicts]
    assert [row[1].partition(" ")[2] for row in verdicts[1:]] == [v.verdict for v in findings.verdicts]
    assert [tuple(row[:2]) for row in results[1:]] == [(s.key, s.subject) for s in findings.summaries]
    assert [row[0] for row in sure[1:]] == ["card", "fabric", "scaling"]
    for table in (verdicts, sure, results):
        assert {len(row) for row in table} == {len(table[0])}


def test_what_went_wrong_has_no_figure(wrong: Findings) -> None:
    """WRONG stands where the median would, and the reason behind it."""
    results = tables(render_markdown(wrong))[3]
    (row,) = [row for row in results if row[2] == "WRONG"]
    assert row[:2] == ["gemm/fp32/2048x2048x2048/threads=1", "numpy"]
    assert row[3:6] == ["-", "-", "NO"]
    assert "7 of 2048 rows are wrong" in row[7]


@pytest.mark.parametrize("name", [HARD, "`", "|", "<script>", "a`b``c"])
def test_no_name_or_reason_breaks_a_table(findings: Findings, name: str) -> None:
    """Whatever a subject is called, it comes back as it was, on one line."""
    first = msgspec.structs.replace(findings.summaries[0], subject=name, why=name, status="wrong")
    row = tables(render_markdown(replace(findings, summaries=[first])))[3][1]
    assert row[1] == " ".join(name.split())
    assert row[7] == " ".join(name.split())


def test_a_merge_has_its_legend_and_a_row_for_each_run(findings: Findings, wrong: Findings) -> None:
    """Told apart by letters."""
    legend, verdicts, *_ = tables(render_markdown(merge([findings, wrong], [])))
    assert [row[0] for row in legend[1:]] == ["A", "B"]
    assert len(verdicts) - 1 == 2 * len(findings.verdicts)
    assert {row[1] for row in verdicts[1:]} == {"A", "B"}

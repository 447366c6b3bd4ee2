"""The screen: fits its width, says the same without colour and in ASCII, hides figures of wrong answers."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from rich.cells import cell_len

from zbench.report.findings import Findings
from zbench.report.rows import brief, headline, next_steps
from zbench.report.terminal import render_screen
from zbench.report.words import short

WRONG_KEY = "gemm/fp32/2048x2048x2048/threads=1"


@pytest.mark.parametrize("unicode", [True, False], ids=["utf-8", "ascii"])
@pytest.mark.parametrize("width", [40, 57, 64, 80, 96, 100])
def test_no_line_is_wider_than_the_terminal(findings: Findings, width: int, unicode: bool) -> None:
    """At any width from 40 to 100, in both character sets, nothing is cut off."""
    text = render_screen(findings, width=width, unicode=unicode, page="results/example/report.html")
    assert max(cell_len(line) for line in text.splitlines()) <= width
    words = text.replace("\n", "").replace(" ", "")
    for verdict in findings.verdicts:
        assert verdict.claim in words
        assert verdict.verdict.replace(" ", "") in words
    assert "…" not in text


@pytest.mark.parametrize(("asked", "given"), [(20, 40), (100, 100), (250, 100)])
def test_width_is_held_between_40_and_100(findings: Findings, asked: int, given: int) -> None:
    """Wider terminals get 100 columns; narrower ones 40, which they wrap themselves."""
    lines = render_screen(findings, width=asked).splitlines()
    assert max(map(cell_len, lines)) <= given


def test_without_colour_there_is_no_escape_and_with_it_the_same_words(findings: Findings) -> None:
    """Colour adds nothing but colour."""
    import re

    plain = render_screen(findings, color=False)
    colored = render_screen(findings, color=True)
    assert "\x1b" not in plain
    assert "\x1b[" in colored
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_ascii_has_only_ascii_and_keeps_every_sign_apart(findings: Findings) -> None:
    """A C locale gets every word; unknown letters become a question mark instead of an error."""
    run = msgspec.structs.replace(findings.run, cards=["cpu", "карта"])
    text = render_screen(replace(findings, run=run), unicode=False)
    assert text.isascii()
    assert "?????" in text
    assert "<= 4 us" in text


def test_wrong_answer_shows_wrong_and_no_figure(wrong: Findings) -> None:
    """The row has the key, the subject and WRONG; neither time nor rate nor share of the peak."""
    lines = render_screen(wrong, width=100).splitlines()
    (row,) = [line for line in lines if line.startswith(WRONG_KEY) and " numpy " in line]
    assert row.split() == [WRONG_KEY, "numpy", "WRONG", "-", "NO"]


@pytest.mark.parametrize("width", [40, 100])
def test_wrong_answer_is_shown_even_where_its_size_is_not_the_headline(
    findings: Findings, width: int
) -> None:
    """What went wrong is never among the cases left to the page."""
    key = "gemm/fp64/256x256x256/threads=1"
    summaries = [
        msgspec.structs.replace(s, status="wrong", why="off by 3", median_ns=None, value=None, verified=False)
        if (s.key, s.subject) == (key, "cpu")
        else s
        for s in findings.summaries
    ]
    text = render_screen(replace(findings, summaries=summaries), width=width)
    assert key in text
    assert "WRONG" in text
    assert "off by 3" in text.replace("\n", " ")


def test_headline_chooses_by_size_and_never_by_result(findings: Findings) -> None:
    """The largest GEMM, the smallest ping-pong; one row a subject and parameter set."""
    shown = headline(findings.summaries)
    lines = {(s.case.workload, s.case.size) for s in shown}
    assert {size for name, size in lines if name == "gemm"} == {(2048, 2048, 2048)}
    assert {size for name, size in lines if name == "pingpong"} == {(8,)}
    keys = [s.key for s in shown]
    assert keys == sorted(keys, key=keys.index)


def test_noise_peers_and_places_are_told(findings: Findings) -> None:
    """A/A floor per suite, how each peer compares, where record, charts and page are."""
    text = render_screen(findings, width=100, page="results/example/report.html")
    flat = " ".join(text.split())
    for suite, floor in findings.floors.items():
        assert f"{suite} {100 * floor.floor:.1f} %" in flat
    assert "numpy against cpu:" in flat
    assert "results/example/records.jsonl" in flat
    assert "results/example/report.html" in flat


def test_a_noise_floor_beyond_all_bounds_is_told_as_that(findings: Findings) -> None:
    """Two launches give an interval of one degree of freedom: 7404049903.9 % would only look exact."""
    floors = {suite: msgspec.structs.replace(aa, floor=7.4e7) for suite, aa in findings.floors.items()}
    text = " ".join(render_screen(replace(findings, floors=floors)).split())
    assert "differs by up to card more than 100 %" in text


def test_a_long_subject_is_kept_on_its_line(wrong: Findings) -> None:
    """A vendor's class is shortened in the middle, not folded."""
    name = "package.of.a.vendor.cards:Accelerator"
    summaries = [msgspec.structs.replace(s, subject=name) for s in wrong.summaries]
    assert f" {short(name)} " in render_screen(replace(wrong, summaries=summaries), width=100)


def test_next_steps_start_with_the_wrong_case_as_a_command(wrong: Findings) -> None:
    """The most urgent thing is a line to copy."""
    steps = next_steps(wrong, "")
    assert "7 of 2048 rows are wrong" in steps[0]
    assert steps[1:] == [f"zbench run card --card numpy --case {WRONG_KEY}"]  # nothing else matters yet


def test_smoke_run_says_that_it_carries_no_verdict(findings: Findings) -> None:
    """Two launches judge nothing, and the screen says what to do for a verdict."""
    run = msgspec.structs.replace(findings.run, profile="smoke", launches=2)
    smoke = replace(findings, run=run, verdicts=[], claims=[])
    assert "Claims: none judged, this profile carries no verdicts." in render_screen(smoke)
    assert any("--profile quick" in step for step in next_steps(smoke, ""))


def test_brief_counts_the_reasons_it_leaves_out(findings: Findings) -> None:
    """Nothing disappears unnoticed."""
    verdict = msgspec.structs.replace(findings.verdicts[0], why="a; b; c; d")
    assert brief(verdict) == "a; b; and 2 more reasons"
    assert brief(msgspec.structs.replace(verdict, why="a; b; c")) == "a; b; and 1 more reason"
    assert brief(msgspec.structs.replace(verdict, why="a")) == "a"

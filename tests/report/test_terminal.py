"""The screen: fits its width, says the same without colour and in ASCII, hides figures of wrong answers."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from zbench.records.schema import Imported, Sheet
from zbench.report.findings import Findings
from zbench.report.merge import merge
from zbench.report.rows import brief, headline, next_steps, result
from zbench.report.terminal import render_screen
from zbench.report.words import short

WRONG_KEY = "gemm/fp32/2048x2048x2048/threads=1"


@pytest.mark.parametrize("unicode", [True, False], ids=["utf-8", "ascii"])
@pytest.mark.parametrize("width", [40, 57, 60, 64, 80, 96, 100])
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
    square = {s.case.size for s in shown if s.case.workload == "gemm" and s.case.dtype == "fp64"}
    assert square == {(2048, 2048, 2048)}
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


LONG = "allreduce/fp32/67108864/" + "/".join(f"parameter{i}=12345" for i in range(9))


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_long_keys_and_paths_end_their_lines_at_slashes(findings: Findings, width: int) -> None:
    """No figure inside a key is cut in two, and the key is whole once its lines are put together."""
    summaries = [msgspec.structs.replace(findings.summaries[0], key=LONG)]
    directory = (
        Path("/very/long/place") / "directory-of-results/20261121T050352Z-0a1b2c" / "another/level/here"
    )
    text = render_screen(replace(findings, summaries=summaries, directory=directory), width=width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    whole = "".join(line.strip().split("  ")[0] for line in text.splitlines())
    assert LONG in whole.replace(" ", "")
    assert all(f"parameter{i}=12345" in text for i in range(9))
    assert "20261121T050352Z-0a1b2c" in text


@pytest.mark.parametrize("unicode", [True, False], ids=["utf-8", "ascii"])
@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_line_ends_inside_a_figure(findings: Findings, width: int, unicode: bool) -> None:
    """`60.1 ns` and `<= 4 us` stay whole: a number and its unit on two lines are misread."""
    lines = render_screen(findings, width=width, unicode=unicode).splitlines()
    ends = [
        (line, after)
        for line, after in pairwise(lines)
        if re.search(r"(\d|[≤≥<>]=?)$", line) and re.match(r" *([%µ]|([numkMGT]?(s|B|B/s|FLOP/s)\b))", after)
    ]
    assert ends == []


def test_wide_letters_are_counted_as_wide(findings: Findings) -> None:
    """A name of twenty Chinese letters takes forty columns, and no line grows."""
    name = "加速卡" * 7
    summaries = [msgspec.structs.replace(s, subject=name) for s in findings.summaries]
    run = msgspec.structs.replace(findings.run, cards=[name])
    for width in (40, 60, 80, 100):
        text = render_screen(replace(findings, run=run, summaries=summaries), width=width)
        assert max(cell_len(line) for line in text.splitlines()) <= width
        assert name in text.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_merge_has_its_legend(findings: Findings, width: int) -> None:
    """What each letter stands for comes first, and no command is offered that would not work."""
    other = replace(findings, directory=Path("results/other"))
    text = render_screen(merge([findings, other], []), width=width, page="out/report.html")
    flat = " ".join(text.split())
    assert flat.startswith("2 runs, measured apart A results/example")
    assert "B results/other" in flat
    assert "fabric-latency · B" in flat
    assert "records.jsonl" not in text
    assert "out/charts/" in text
    assert re.findall(r"Next +(.*)", text)[0].startswith("open the page")
    assert max(cell_len(line) for line in text.splitlines()) <= width


def test_a_price_is_told(findings: Findings) -> None:
    """Only where one was given."""
    run = msgspec.structs.replace(findings.run, ended="2026-11-21T02:58:00Z", price_per_card_hour=2.0)
    priced = " ".join(render_screen(replace(findings, run=run)).split())
    assert "Took 18 min on 8 cards: 2.4 card hours, 4.80 at 2 per card hour" in priced
    assert "Took" not in render_screen(findings)


def test_undecided_says_how_many_launches_it_needs(findings: Findings) -> None:
    """On the terminal, too."""
    verdict = msgspec.structs.replace(findings.verdicts[0], verdict="UNDECIDED", missing="about 9 launches")
    assert brief(verdict).endswith("; needs about 9 launches")


def test_a_data_sheet_is_told_as_one(findings: Findings) -> None:
    """No interval, nothing verified, and no advice to measure what was not measured here."""
    sheet = msgspec.structs.replace(
        findings.summaries[0], sheet=Sheet("mean", 1e6), interval_ns=None, verified=None, launches=0
    )
    assert result(sheet)[3] == "no: sheet"
    run = msgspec.structs.replace(findings.run, imported=Imported(tool="osu", file="x", sha256="0"))
    assert next_steps(replace(findings, run=run, summaries=[sheet]), "") == []


def test_what_was_skipped_for_one_reason_is_one_line(findings: Findings) -> None:
    """A peer without prepacked weights would otherwise fill the screen with what it has not."""
    some = [s for s in findings.summaries if s.subject == "numpy" and s.suite == "card"][:6]
    skipped = [
        msgspec.structs.replace(s, status="skipped", why=f"no {what}", median_ns=None, value=None)
        for s, what in zip(some, ["prepacked weights"] * 5 + ["batch"], strict=True)
    ]
    assert [s.why for s in headline(skipped)] == ["no prepacked weights", "no batch"]

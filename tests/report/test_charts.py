"""Charts: well-formed and repeatable pictures, whose words and tables say what the data say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from zbench.judge.datasheets import named
from zbench.judge.summary import Summary, summarise
from zbench.records.schema import Probe, Sheet
from zbench.report import style, svg, words
from zbench.report.chart import Chart, Missing
from zbench.report.charts.bandwidth import bandwidth
from zbench.report.charts.busbw import busbw
from zbench.report.charts.claims import claims
from zbench.report.charts.decode import decode
from zbench.report.charts.ecdf import Limit, latency_ecdf
from zbench.report.charts.efficiency import efficiency
from zbench.report.charts.gemm import gemm_share
from zbench.report.charts.ladder import ladder
from zbench.report.charts.latency import latency
from zbench.report.charts.roofline import roofline
from zbench.report.draw import draw, write_charts
from zbench.report.findings import Findings
from zbench.report.lines import Point, draw_line, look_of
from zbench.report.merge import merge

NAMES = [
    "claims",
    "gemm",
    "decode",
    "precision-ladder",
    "roofline",
    "latency",
    "latency-distribution",
    "bandwidth",
    "busbw",
    "scaling-efficiency",
]


def drawn(chart: Chart | Missing) -> Chart:
    assert isinstance(chart, Chart), chart
    return chart


def of(findings: Findings, key: str, subject: str) -> Summary:
    return next(s for s in findings.summaries if (s.key, s.subject) == (key, subject))


def test_every_chart_is_drawn_in_the_order_of_the_page(charts: list[Chart | Missing]) -> None:
    """A run with cards, a fabric and scaling has all ten charts."""
    assert [drawn(chart).name for chart in charts] == NAMES


@pytest.mark.parametrize("index", range(len(NAMES)), ids=NAMES)
def test_svg_is_well_formed_and_named(charts: list[Chart | Missing], index: int) -> None:
    """The root carries role, title and description, and the description starts with the finding."""
    chart = drawn(charts[index])
    root = ElementTree.fromstring(chart.svg)
    texts = {element.get("id"): element.text for element in root}
    assert root.get("role") == "img"
    title, description = (root.get("aria-labelledby") or "").split()
    assert texts[title] == chart.title
    assert (texts[description] or "").startswith(chart.alt)
    assert chart.title.endswith("?")


def test_ids_are_unique_over_all_charts_and_every_reference_resolves(charts: list[Chart | Missing]) -> None:
    """Several pictures share one page, so no two may use an id and none may point into another."""
    seen: set[str] = set()
    for chart in map(drawn, charts):
        root = ElementTree.fromstring(chart.svg)
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        assert not seen & set(ids)
        seen |= set(ids)
        for element in root.iter():
            for name, value in element.attrib.items():
                if name.endswith("href") and value.startswith("#"):
                    assert value[1:] in ids
                if "url(#" in value:
                    assert value.split("url(#")[1].split(")")[0] in ids


def test_drawing_twice_gives_the_same_bytes(findings: Findings, charts: list[Chart | Missing]) -> None:
    """Equal data give equal files, so that a record can be compared byte by byte."""
    assert draw(findings) == charts


def test_equal_bytes_in_another_process_with_another_hash_seed_and_settings(
    charts: list[Chart | Missing], tmp_path: Path
) -> None:
    """Neither PYTHONHASHSEED nor a user's matplotlibrc reaches the picture."""
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\nfont.size: 30\n")
    script = (
        "from zbench.report.chart import Table\n"
        "from zbench.report.style import house_style, look, panels, to_chart\n"
        "with house_style():\n"
        "    figure, (axes,) = panels(1, 1.0)\n"
        "    axes.plot([1, 2], [1, 2], **look(0).line())\n"
        "    print(to_chart(figure, 'x', 'x?', 'x', 'x', Table((), ())).svg)\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed, **settings},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed, settings in (("1", {}), ("2", {"MATPLOTLIBRC": str(tmp_path)}))
    }
    assert len(outputs) == 1


def test_inlined_picture_has_no_namespace_no_title_line_and_page_colours(
    charts: list[Chart | Missing],
) -> None:
    """In a page the heading is the title, and colours come from CSS variables."""
    chart = drawn(charts[1])
    text = svg.inline(chart.svg, {"#1b1f24": "--ink"}, 26.0)
    assert "http" not in text
    assert "var(--ink)" in text
    assert "#1b1f24" not in text
    assert f"{chart.name}-{svg.QUESTION}" not in text
    assert text.count(chart.title) == 1


def test_gemm_words_and_table_are_the_data(findings: Findings) -> None:
    """Alt text gives each card's share of the peak at the largest size; the table has every point."""
    chart = drawn(gemm_share(findings.summaries, findings.records))
    gemms = [s for s in findings.summaries if s.case.workload == "gemm" and len({*s.case.size}) == 1]
    rows = {(row[0], row[1], row[2], row[3]): row for row in chart.table.rows}
    assert len(chart.table.rows) == len(rows) == len(gemms)
    for s in gemms:
        row = rows[(s.case.dtype, s.subject, str(s.case.threads), str(s.case.size[0]))]
        assert float(row[4]) == pytest.approx((s.value or 0) / 1e9, rel=1e-3)
        assert float(row[6]) == pytest.approx(100 * (s.fraction_of_peak or 0), abs=0.051)
    for subject in findings.run.cards:
        share = of(findings, "gemm/fp32/2048x2048x2048/threads=1", subject).fraction_of_peak or 0
        assert f"{subject} {100 * share:.0f} %" in chart.alt
    assert "n = 2048" in chart.alt
    assert "5 launches a point" in chart.caption


def test_wrong_answer_is_named_and_not_drawn(wrong: Findings) -> None:
    """A wrong GEMM has no point, no row and no share; the caption says that it is missing."""
    chart = drawn(gemm_share(wrong.summaries, wrong.records))
    assert ("fp32", "numpy", "1", "2048") not in {row[:4] for row in chart.table.rows}
    assert "Not drawn: gemm/fp32/2048x2048x2048/threads=1 of numpy (wrong)." in chart.caption


def test_roofline_ceilings_are_the_probes_and_the_fastest_stream(findings: Findings) -> None:
    """The roof of a point is the lower of the dtype's median probe and intensity x bandwidth."""
    chart = drawn(roofline(findings.summaries))
    row = next(r for r in chart.table.rows if r[0] == "triad/fp64/134217728/threads=2" and r[1] == "cpu")
    streams = [s.value or 0 for s in findings.summaries if s.case.workload in ("read", "copy", "triad")]
    assert row[5] == "memory"
    assert float(row[4]) == pytest.approx(max(streams) / 12 / 1e9, rel=1e-3)  # 2 FLOP for 24 bytes
    gemm = next(r for r in chart.table.rows if r[0] == "gemm/fp32/2048x2048x2048/threads=2" and r[1] == "cpu")
    assert gemm[5] == "arithmetic"


def svg_texts(chart: Chart) -> list[str]:
    """Everything that is written in the picture."""
    root = ElementTree.fromstring(chart.svg)
    return ["".join(element.itertext()) for element in root.iter(f"{{{svg.SVG}}}text")]


def heights(chart: Chart) -> tuple[float, float]:
    """Width and height of the picture in points."""
    _, _, width, height = (
        float(part) for part in ElementTree.fromstring(chart.svg).attrib["viewBox"].split()
    )
    return width, height


def test_every_dtype_and_thread_count_has_its_panel_of_shares(findings: Findings) -> None:
    """fp64 first, then narrower; two thread counts side by side where all dtypes have both."""
    square = [s for s in findings.summaries if s.case.dtype in ("fp32", "fp64")]
    texts = svg_texts(drawn(gemm_share(square, findings.records)))
    titles = [text for text in texts if text.startswith(("fp", "bf", "int"))]
    assert titles == ["fp64, 1 thread", "fp64, 2 threads", "fp32, 1 thread", "fp32, 2 threads"]
    assert texts.count("peak probe beside each burst") == 4


def test_a_device_without_a_probe_stands_against_its_data_sheet(findings: Findings) -> None:
    """And the question says so; beside cards that have a probe it is named as not drawn."""
    bare = [
        msgspec.structs.replace(s, probe=None, probe_unit="", fraction_of_peak=None)
        if s.subject == "cpu"
        else s
        for s in findings.summaries
        if s.subject != "cpu:generic"
    ]
    beside = drawn(gemm_share(bare, findings.records, sheets={"cpu": named("h200")}))
    assert "Without such a peak, so not drawn: cpu." in beside.caption
    alone = [s for s in bare if s.subject == "cpu"]
    chart = drawn(gemm_share(alone, findings.records, sheets={"cpu": named("h200")}))
    assert chart.title == "How close does GEMM come to what is published of this card?"
    assert "100 % is the dense peak of the dtype as published of NVIDIA H200 SXM" in chart.caption
    row = next(r for r in chart.table.rows if r[:4] == ("fp32", "cpu", "1", "1024"))
    rate = of(findings, "gemm/fp32/1024x1024x1024/threads=1", "cpu").value or 0
    assert float(row[6]) == pytest.approx(100 * rate / 66.9e12, abs=0.06)
    assert isinstance(gemm_share(alone, findings.records), Missing)


def test_a_share_above_the_roof_is_drawn_above_it(findings: Findings) -> None:
    """A probe that was disturbed does not cut off what was measured beside it."""
    key = "gemm/fp32/1024x1024x1024/threads=1"
    records = [
        msgspec.structs.replace(r, probe=Probe("FLOP/s", r.probe.before / 2, r.probe.after / 2))
        if r.key == key and r.subject == "cpu" and r.probe
        else r
        for r in findings.records
    ]
    chart = drawn(gemm_share(summarise(records), records))
    row = next(r for r in chart.table.rows if r[:4] == ("fp32", "cpu", "1", "1024"))
    assert float(row[6]) > 150
    assert "150" in svg_texts(chart)


def test_the_same_parameters_are_said_once_and_others_tell_lines_apart(findings: Findings) -> None:
    """Zeros are no result, and have no line."""

    def changed(s: Summary, **parameters: str) -> Summary:
        return msgspec.structs.replace(
            s, case=msgspec.structs.replace(s.case, parameters=s.case.parameters | parameters)
        )

    plain = [s for s in findings.summaries if s.case.workload == "gemm" and s.case.dtype == "fp32"]
    cold = [recase(changed(s, cache="cold")) for s in plain]
    assert " All cache=cold." in drawn(gemm_share(cold, [])).caption
    packed = [recase(changed(s, weights="prepacked")) for s in cold]
    chart = drawn(gemm_share(cold + packed, []))
    assert "cpu, weights=prepacked" in svg_texts(chart)
    assert {row[8] for row in chart.table.rows} == {"-", "weights=prepacked"}
    zeros = [recase(changed(s, data="zeros")) for s in plain]
    assert drawn(gemm_share(plain + zeros, [])).table == drawn(gemm_share(plain, [])).table
    assert isinstance(gemm_share(zeros, []), Missing)


def recase(s: Summary) -> Summary:
    """With the key of its case."""
    return msgspec.structs.replace(s, key=s.case.key)


def test_decode_is_told_in_bytes_against_the_read_of_the_same_run(findings: Findings) -> None:
    """m n k products of few rows only; the roof is the read at the same thread count."""
    chart = drawn(decode(findings.summaries))
    assert {row[1] for row in chart.table.rows} == {"1x4096x4096", "8x4096x4096"}
    one = of(findings, "gemm/bf16/1x4096x4096/cache=cold/threads=2/transb=t", "cpu")
    reads = [s.value or 0 for s in findings.summaries if s.case.workload == "read"]
    row = next(r for r in chart.table.rows if r[:3] == ("bf16", "1x4096x4096", "cpu"))
    moved = 2 * (4096 * 4096 + 2 * 4096)  # bf16 W, x and y
    assert float(row[4]) == pytest.approx(moved / (one.median_ns or 1), rel=1e-3)
    assert float(row[6]) == pytest.approx(100 * moved / (one.median_ns or 1) * 1e9 / max(reads), abs=0.06)
    assert any(text.endswith("GB/s: read, measured in this run") for text in svg_texts(chart))
    assert (
        f"bf16 m = 1: cpu {words.si(float(row[4]) * 1e9, 'B/s')}, {float(row[6]):.0f} % of the roof"
        in chart.alt
    )
    assert "All cache=cold." in chart.caption


def test_decode_without_a_read_has_the_probe_or_no_roof(findings: Findings) -> None:
    """A probe in FLOP/s says nothing of memory."""
    few = [s for s in findings.summaries if s.case.workload == "gemm"]
    chart = drawn(decode(few))
    assert {row[6] for row in chart.table.rows} == {"-"}
    assert "roof" not in chart.alt
    beside = [msgspec.structs.replace(s, probe=25e9, probe_unit="B/s") for s in few]
    assert "25 GB/s: bandwidth probe beside the bursts" in svg_texts(drawn(decode(beside)))


def test_the_ladder_is_over_the_same_cards_fp32(findings: Findings) -> None:
    """The best GEMM of each dtype, whatever its size; beside it what the data sheet promises."""
    chart = drawn(ladder(findings.summaries, {"cpu": named("h200")}))
    rows = {row[:2]: row for row in chart.table.rows}
    best = {
        dtype: max(s.value or 0 for s in findings.summaries if s.subject == "cpu" and s.case.dtype == dtype)
        for dtype in ("fp32", "int8", "bf16")
    }
    assert float(rows["cpu", "int8"][3]) == pytest.approx(best["int8"] / best["fp32"], rel=1e-3)
    assert float(rows["cpu", "bf16"][4]) == pytest.approx(989 / 66.9, rel=1e-3)
    assert rows["numpy", "bf16"][4] == "-"
    assert rows["cpu", "fp32"][3] == "1"
    assert "Hollow: dense peaks of the data sheet of NVIDIA H200 SXM" in chart.caption
    assert f"cpu: fp64 {float(rows['cpu', 'fp64'][3]):.3g}x, bf16 " in chart.alt
    assert "Hollow" not in drawn(ladder(findings.summaries, {})).caption


def test_the_ladder_needs_two_dtypes_of_one_card(findings: Findings) -> None:
    """And names a card that has no fp32 to be compared with."""
    single = [s for s in findings.summaries if s.case.dtype == "fp32"]
    assert isinstance(ladder(single, {}), Missing)
    without = [s for s in findings.summaries if s.subject != "numpy" or s.case.dtype != "fp32"]
    assert "Without fp32, so not drawn: numpy." in drawn(ladder(without, {})).caption


def test_the_roofline_has_decode_and_prefill_and_a_panel_a_dtype(findings: Findings) -> None:
    """All of the run that computes, at the thread count of the roof."""
    chart = drawn(roofline(findings.summaries))
    keys = {row[0] for row in chart.table.rows}
    assert "gemm/bf16/1x4096x4096/cache=cold/threads=2/transb=t" in keys
    assert "gemm/bf16/512x4096x4096/cache=cold/threads=2/transb=t" in keys
    titles = [text for text in svg_texts(chart) if text in ("fp64", "fp32", "bf16", "int8")]
    assert titles == ["fp64", "fp32", "bf16", "int8"]
    assert "Hollow: GEMMs of at most 16 rows (decode)." in chart.caption
    assert "data sheet" not in chart.svg


def test_ceilings_of_a_data_sheet_are_dashed_and_named(findings: Findings) -> None:
    """Of a matched card only; the measured ones stay."""
    chart = drawn(roofline(findings.summaries, {"cpu": named("a100")}))
    texts = svg_texts(chart)
    assert "-- 312 TFLOP/s, 2.04 TB/s: data sheet a100" in texts
    assert any(text.endswith("GB/s: measured") for text in texts)
    assert (
        "Dashed: dense peak and bandwidth as published of NVIDIA A100 SXM 80 GB (high confidence)."
        in chart.caption
    )
    assert chart.table == drawn(roofline(findings.summaries)).table
    assert "stroke-dasharray" in chart.svg
    absent = drawn(roofline(findings.summaries, {"another": named("a100")}))
    assert "data sheet" not in absent.svg


def test_a_roofline_without_probes_stands_under_the_data_sheet_alone(findings: Findings) -> None:
    """A device without a peak probe has its measured bandwidth and what is published; else nothing."""
    bare = [msgspec.structs.replace(s, probe=None, probe_unit="") for s in findings.summaries]
    assert isinstance(roofline(bare), Missing)
    texts = svg_texts(drawn(roofline(bare, {"cpu": named("a100")})))
    assert "-- 312 TFLOP/s, 2.04 TB/s: data sheet a100" in texts


def test_charts_of_cards_fit_a_page(charts: list[Chart | Missing]) -> None:
    """72 rem less the frame, at 96 pixels an inch: what is wider would have to be scrolled."""
    for chart in map(drawn, charts[1:5]):
        assert heights(chart)[0] * svg.PIXELS_PER_POINT <= 1090


def test_latency_words_give_first_and_last_point_and_the_fit(findings: Findings) -> None:
    """The line of shm was made from 310 ns and 7.9 GB/s; the words repeat its ends and a fit near that."""
    chart = drawn(latency(findings.summaries))
    first = of(findings, "pingpong/byte/8/ranks=2", "shm")
    row = next(r for r in chart.table.rows if r[0] == "shm" and r[2] == "8 B")
    assert float(row[3]) == pytest.approx((first.value or 0) * 1e6, rel=1e-3)
    assert f"shm takes {(first.value or 0) * 1e9:.0f} ns for 8 B" in chart.alt
    assert "for 64 MiB (fit: 31" in chart.alt
    assert len(chart.table.rows) == len([s for s in findings.summaries if s.case.workload == "pingpong"])


def test_distribution_says_what_a_sample_is_and_how_many_are_in_time(findings: Findings) -> None:
    """The share within a limit is counted from the samples; batches are called means."""
    summary = of(findings, "pingpong/byte/8/ranks=2", "shm")
    samples = [
        sample / r.batch / 2
        for r in findings.records
        if (r.key, r.subject, r.role) == (summary.key, "shm", "measure")
        for sample in r.samples_ns
    ]
    limit = sorted(samples)[len(samples) // 4] / 1e9
    chart = drawn(latency_ecdf(findings.summaries, findings.records, [Limit("early", limit)]))
    row = next(r for r in chart.table.rows if r[0] == "shm")
    share = sum(s / 1e9 <= limit for s in samples) / len(samples)
    assert row[1] == str(len(samples))
    assert float(row[-1]) == pytest.approx(100 * share, rel=1e-3)
    assert f"each the mean of {summary.batch} round trips" in chart.caption
    assert row[6] == "-"  # 1000 samples do not support p99.9


def test_distribution_without_a_claim_has_no_limit(findings: Findings) -> None:
    """The line comes from the claims, never from the code."""
    chart = drawn(latency_ecdf(findings.summaries, findings.records, []))
    assert "claimed" not in chart.svg
    assert "claimed" not in chart.alt


def test_the_four_microsecond_line_comes_from_the_claims_file(charts: list[Chart | Missing]) -> None:
    """The built-in claims say 4 us, and so does the chart."""
    assert "within the claimed 4 µs" in drawn(charts[6]).alt


def test_bandwidth_and_busbw_tables_are_the_data(findings: Findings) -> None:
    """Each point of both charts stands in its table with the summary's value."""
    rows = {row[:4]: row for row in drawn(bandwidth(findings.summaries)).table.rows}
    one_way = of(findings, "unidirectional/byte/4194304/ranks=2", "shm")
    assert float(rows["shm", "2", "one way", "4 MiB"][4]) == pytest.approx(
        (one_way.value or 0) / 1e9, rel=1e-3
    )
    table = {row[:4]: row for row in drawn(busbw(findings.summaries)).table.rows}
    reduced = of(findings, "allreduce/fp32/4194304/ranks=4", "shm")
    row = table["allreduce", "shm", "4", "4 MiB"]
    assert float(row[5]) == pytest.approx((reduced.value or 0) / 1e9, rel=1e-3)
    assert row[4] == "ring"


def test_efficiency_words_give_the_largest_world(findings: Findings) -> None:
    """Weak and strong efficiency on 8 ranks, in words and in the table."""
    chart = drawn(efficiency(findings.scaling, findings.summaries))
    for e in findings.scaling.efficiencies:
        if e.ranks == 8:
            assert f"cpu+shm keeps {100 * e.value:.0f} % on 8 ranks ({e.kind} scaling)" in chart.alt
    assert len(chart.table.rows) == len(findings.scaling.efficiencies)


def test_claims_chart_leaves_no_claim_out(findings: Findings) -> None:
    """Every claim is in the table; one without a figure is named in the caption."""
    chart = drawn(claims(findings.claims, findings.verdicts))
    assert [row[0] for row in chart.table.rows] == [claim.id for claim in findings.claims]
    for claim, verdict in zip(findings.claims, findings.verdicts, strict=True):
        if claim.limit > 0:
            assert f"{claim.id} {verdict.verdict} (" in chart.alt
        else:
            assert claim.id in chart.caption
    assert "claimed ≤ 4 µs" in chart.alt
    assert "claimed ≥ 9.5x" in chart.alt


def test_charts_without_data_say_why(findings: Findings) -> None:
    """An empty run draws nothing and gives a reason for each chart."""
    empty = replace(
        findings, records=[], summaries=[], claims=[], verdicts=[], scaling=type(findings.scaling)()
    )
    charts = draw(empty)
    assert [chart.name for chart in charts] == NAMES
    assert all(isinstance(chart, Missing) and chart.why for chart in charts)


@pytest.mark.parametrize("suite", ["card", "fabric", "scaling"])
def test_a_single_suite_draws_its_own_charts(findings: Findings, suite: str) -> None:
    """Data of one suite are enough for that suite's charts."""
    part = [s for s in findings.summaries if s.suite == suite]
    scaled = findings.scaling if suite == "scaling" else type(findings.scaling)()
    charts = draw(replace(findings, summaries=part, verdicts=[], claims=[], scaling=scaled))
    names = {chart.name for chart in charts if isinstance(chart, Chart)}
    expected = {
        "card": {"gemm", "decode", "precision-ladder", "roofline"},
        "fabric": {"latency", "latency-distribution", "bandwidth", "busbw"},
        "scaling": {"scaling-efficiency"},
    }
    assert names == expected[suite]


@pytest.mark.parametrize("launches", [1, 2])
def test_few_launches_are_drawn_without_an_interval_they_do_not_have(
    few_launches: Callable[[int], Findings], launches: int
) -> None:
    """A smoke run has charts too; one launch has no interval, and the caption says how many there were."""
    few = few_launches(launches)
    chart = drawn(gemm_share(few.summaries, few.records))
    assert f"({launches} launch" in chart.caption
    intervals = {row[5] for row in chart.table.rows}
    assert (intervals == {"-"}) == (launches == 1)
    assert [drawn(c).name for c in draw(few)] == NAMES


def test_an_interval_without_end_leaves_an_axis_to_be_read(few_launches: Callable[[int], Findings]) -> None:
    """One of two launches took 40 times as long: the interval is cut in the picture, not in the table."""
    few = few_launches(2)
    records = [
        msgspec.structs.replace(r, samples_ns=[40 * ns for ns in r.samples_ns]) if r.block == 1 else r
        for r in few.records
    ]
    chart = drawn(gemm_share(summarise(records), records))
    ticks = [int(text) for text in re.findall(r">(\d+)</text>", chart.svg) if int(text) % 20 == 0]
    assert len(ticks) < 100
    assert any(float(row[5].split(" to ")[1].replace(",", "")) > 1e6 for row in chart.table.rows)


def test_written_charts_are_the_pictures(charts: list[Chart | Missing], tmp_path: Path) -> None:
    """One file a chart, named like it; a missing chart leaves none."""
    paths = write_charts([*charts, Missing("absent", "Why?", "no data")], tmp_path / "charts")
    assert [path.name for path in paths] == [f"{name}.svg" for name in NAMES]
    assert paths[0].read_text("utf-8") == drawn(charts[0]).svg
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {path.name for path in paths}


def test_importing_the_report_does_not_load_matplotlib() -> None:
    """The command line starts fast: matplotlib loads when a chart is drawn, not before."""
    script = "import sys, zbench.report.draw, zbench.report.terminal; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.strip() == "False"


def bands(chart: Chart) -> int:
    """Areas that are filled and half transparent."""
    return len(re.findall(r"fill-opacity: 0.16", chart.svg))


def test_every_line_has_its_noise_band_and_the_caption_names_it(charts: list[Chart | Missing]) -> None:
    """In each chart in which lines are compared."""
    for chart in map(drawn, charts):
        if chart.name in ("gemm", "latency", "bandwidth", "busbw", "scaling-efficiency"):
            assert bands(chart) > 0
            assert "Shaded: the noise band, ± " in chart.caption


def test_without_a_floor_there_is_no_band_and_that_is_said(findings: Findings) -> None:
    """A suite that was never measured twice has no known noise."""
    for chart in map(drawn, draw(replace(findings, floors={}))):
        assert bands(chart) == 0
        if chart.name in ("gemm", "latency", "bandwidth", "busbw", "scaling-efficiency"):
            assert "No noise band" in chart.caption


def test_the_band_is_as_wide_as_the_floor(findings: Findings) -> None:
    """Below y / (1 + floor) or above y (1 + floor) a difference means something."""
    with style.house_style():
        _, (axes,) = style.panels(1, 1.0)
        floor = msgspec.structs.replace(findings.floors["card"], floor=0.25)
        draw_line(axes, [Point(1, 10.0), Point(2, 20.0)], style.look(0), floor)
        (band,) = axes.collections
    corners = {tuple(map(float, corner)) for corner in band.get_paths()[0].vertices}
    assert corners == {(1, 8.0), (1, 12.5), (2, 16.0), (2, 25.0)}


def test_a_data_sheet_is_hollow_dashed_and_named(findings: Findings) -> None:
    """Beside a measured line it cannot be taken for one."""
    told = [
        msgspec.structs.replace(
            s,
            subject="nccl",
            sheet=Sheet("mean", s.median_ns or 1.0),
            launches=0,
            samples=0,
            value_interval=None,
            interval_ns=None,
            launch_medians_ns=(),
        )
        for s in findings.summaries
        if s.case.workload == "allreduce" and s.subject == "shm"
    ]
    chart = drawn(busbw([*findings.summaries, *told]))
    assert any(row[1] == "nccl (data sheet)" for row in chart.table.rows)
    assert "Hollow and dashed: not measured, told by a data sheet: nccl (mean)." in chart.caption
    assert "5 launches a point" in chart.caption
    assert bands(drawn(busbw(told, findings.floors))) == 0  # how noisy it was is not known
    look = look_of(told[0], ["nccl"])
    assert look.mark()["markerfacecolor"] == style.PAPER
    assert look.linestyle == style.TOLD
    dashes = ", ".join(f"{1.6 * on:g}" for on in style.TOLD[1])
    assert f"stroke-dasharray: {dashes.split(', ')[0]}" in chart.svg.replace(",", ", ")


def test_many_lines_get_a_taller_panel(findings: Findings) -> None:
    """Labels beside the lines do not run into each other or out of the picture."""
    several = merge([findings] * 5, [])
    chart = drawn(gemm_share(several.summaries, several.records, several.floors))
    root = ElementTree.fromstring(chart.svg)
    height = float(root.attrib["viewBox"].split()[3])
    labels = len({(row[1], row[2]) for row in chart.table.rows})
    assert labels == 30
    assert height > labels * style.LABEL_GAP_POINTS


def test_an_older_picture_of_a_chart_that_is_not_drawn_goes(tmp_path: Path) -> None:
    """Else it would be taken for one of this judgement."""
    (tmp_path / "gemm.svg").write_text("old")
    (tmp_path / "mine.svg").write_text("kept")
    assert write_charts([Missing("gemm", "Why?", "no data")], tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["mine.svg"]

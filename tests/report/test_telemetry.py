"""What the meters told and how a run lasted, as every form of the report shows it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import msgspec
import pytest

from tests.report.conftest import judged, records, run
from zbench.judge.sustained import sustained
from zbench.judge.telemetry import Watched
from zbench.records.schema import Record, Sample, Telemetry
from zbench.report.chart import Chart
from zbench.report.charts import sustained as chart
from zbench.report.draw import draw
from zbench.report.findings import Findings
from zbench.report.markdown import render_markdown
from zbench.report.merge import merge
from zbench.report.page import render_page
from zbench.report.remarks import remarks
from zbench.report.telemetry import lasted, told
from zbench.report.terminal import render_screen

KEY = "gemm/fp32/1024x1024x1024/threads=1"
SECOND = 1_000_000_000


def watched(record: Record) -> Record:
    """One second, 300 W, throttled in the last of its four samples."""
    samples = [
        Sample(at_ns=i * SECOND // 4, clock_hz=2e9 - 1e7 * i, temperature_c=60.0 + i, power_w=300.0)
        for i in range(4)
    ]
    samples.append(Sample(at_ns=SECOND, temperature_c=65.0, throttle=["software power cap"]))
    telemetry = Telemetry(
        method="nvml",
        rate_hz=10.0,
        readings=5,
        window_ns=SECOND,
        energy_j=300.0,
        energy_from="counter",
        throttle={"software power cap": 1},
        samples=samples,
    )
    return msgspec.structs.replace(record, telemetry=telemetry)


@pytest.fixture(scope="module")
def hot() -> Findings:
    """The run of all charts, in which one case of one card was watched."""
    return judged([watched(r) if (r.key, r.subject) == (KEY, "cpu") else r for r in records()], run())


@pytest.fixture(scope="module")
def long() -> Findings:
    """A sustained run of two cards: rounds of 100 ms for two minutes, the second card slower in the end."""
    made = []
    for subject, end in (("cpu", 1.0), ("numpy", 1.25)):
        first = next(r for r in records() if (r.key, r.subject) == (KEY, subject))
        samples = [SECOND // 10] * 600 + [round(SECOND / 10 * end)] * 600
        record = msgspec.structs.replace(first, samples_ns=samples, parts_ns={}, block=0, launch=0)
        made.append(watched(record) if subject == "cpu" else record)
    found = judged(made, run(minutes=2.0, launches=1, suites=["card"]))
    return replace(found, sustained=sustained(made))


def test_figures_carry_their_units() -> None:
    """What a meter does not tell is left out."""
    all_of_it = Watched(
        method="nvml",
        rate_hz=10,
        power_w=698.2,
        clock_hz=1.755e9,
        temperature_c=64.0,
        flop_per_j=(6e10, 6.2e10),
    )
    assert told(all_of_it) == "698 W, 1.75 GHz, 64 °C, 61.0 GFLOP/J"
    assert told(Watched(method="cpufreq", rate_hz=0, clock_hz=2e9)) == "2.00 GHz"
    assert told(None) == ""


def test_throttled_cases_are_named_and_kept(hot: Findings) -> None:
    """Above all figures, and beside its own, which is still there."""
    assert (
        "This run was throttled in 1 case.",
        f"{KEY} of cpu (software power cap)",
    ) in remarks(hot)
    (row,) = [line for line in render_markdown(hot).splitlines() if line.startswith(f"| `{KEY}` | `cpu` ")]
    assert "GFLOP/s" in row
    assert "throttled: software power cap" in row
    assert "300 W, 1.99 GHz, 65 °C" in row
    assert "throttled: software power cap" in render_page(hot, [])


def test_the_screen_tells_who_does_most_with_its_energy(hot: Findings) -> None:
    """One line a card that has a meter, at every width and in ASCII."""
    for width in (40, 64, 100):
        for unicode in (True, False):
            text = render_screen(hot, width=width, unicode=unicode)
            assert max(map(len, text.splitlines())) <= width
            assert f"300 W, 1.99 GHz, 65 {'°' * unicode}C" in " ".join(text.split())
            assert text.count("Energy") == 1


def test_how_long_a_rate_lasts_is_told_by_every_form(long: Findings) -> None:
    """With what keeps it from being a verdict."""
    cpu, numpy = (lasted(found) for found in long.sustained)
    assert cpu == "minute 2 over minute 1: 100.0 %, UNDECIDED (1 launch carries no verdict, 5 do)"
    assert numpy.startswith("minute 2 over minute 1: 80.0 %")
    assert "minute 2 over minute 1: 80.0 %" in " ".join(render_screen(long).split())
    assert "## Over time" in render_markdown(long)
    assert numpy in render_page(long, draw(long))


def test_five_launches_show_their_interval(long: Findings) -> None:
    """And the word that it carries."""
    ratios = (0.8, 0.81, 0.8, 0.79, 0.8)
    first = long.sustained[1].courses[0]
    courses = tuple(msgspec.structs.replace(first, last=first.first * ratio) for ratio in ratios)
    found = msgspec.structs.replace(
        long.sustained[1], courses=courses, interval=(0.79, 0.81), verdict="SLOWER", why=""
    )
    assert lasted(found) == "minute 2 over minute 1: 80.0 % [79.0, 81.0 %], SLOWER"


def test_the_chart_says_what_it_shows(long: Findings) -> None:
    """A well-formed picture, the finding in words, a row a tenth; panels for what a meter told."""
    drawn = chart.sustained(long.sustained)
    assert isinstance(drawn, Chart)
    assert ElementTree.fromstring(drawn.svg).tag.endswith("svg")
    for text in (">clock (GHz)<", ">temp. (°C)<", "time under load (min)", "numpy 80.0 %", "cpu 100.0 %"):
        assert text in drawn.svg
    assert ">power (W)<" not in drawn.svg  # it did not change, and the caption says so
    assert "Not drawn, as it did not change: power (W) 300." in drawn.caption
    assert "Throttled: software power cap." in drawn.alt
    assert len(drawn.table.rows) == 2 * chart.ROWS
    assert {len(row) for row in drawn.table.rows} == {len(drawn.table.header)}
    assert drawn.table.rows[-1][5] == "80.0"
    assert chart.sustained(long.sustained) == drawn


def test_only_a_sustained_run_has_the_chart(findings: Findings, long: Findings) -> None:
    """Others do not miss it."""
    assert chart.NAME not in [each.name for each in draw(findings)]
    assert [each.name for each in draw(long)][:2] == ["claims", chart.NAME]


def test_merged_runs_stand_on_one_chart(long: Findings) -> None:
    """Under their labels."""
    both = merge([long, long], ["zbench", "report"])
    assert [found.subject for found in both.sustained] == ["cpu · A", "numpy · A", "cpu · B", "numpy · B"]

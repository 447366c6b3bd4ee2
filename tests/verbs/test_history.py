"""`zbench history`: many runs read, changes found, a page written."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from zbench.cli import main

LEVELS = [1.0, 1.003, 0.998, 1.001, 0.997, 1.002]


def flat(capsys) -> str:
    """The screen, its lines joined."""
    return " ".join(capsys.readouterr().out.split())


@pytest.fixture
def slower(keep) -> Path:
    """Twelve runs: the GEMM of 512 becomes 20 % slower with the seventh, that of 256 stays."""
    for i, level in enumerate(LEVELS + LEVELS):
        keep(f"run{i:02}", {"256": level, "512": level * (1.2 if i >= 6 else 1.0)})
    return keep("run12", {"256": 1.0, "512": 1.2}).parent


def test_a_worsening_is_told_with_its_place_and_exits_with_1(slower, capsys):
    """Which case, by how much, since which run; and what sessions differ by anyway."""
    assert main(["history", str(slower)]) == 1
    screen = flat(capsys)
    assert "1 SLOWER in 2 series of 13 runs" in screen
    assert "gemm/fp32/512x512x512/threads=1 of cpu: 1.20x SLOWER since run06 (worse)" in screen
    assert re.search(r"13 \S+ GFLOP/s 0\.[23] % gemm/fp32/256x256x256/threads=1 of cpu", screen)
    assert "Example CPU, x86_64, 2 CPUs, 8 GiB" in screen


def test_an_improvement_and_a_quiet_history_exit_with_0(keep, slower, capsys):
    """Only a worsening is an alarm."""
    assert main(["history", str(slower), "--case", "gemm/fp32/256*"]) == 0
    assert "no change in 1 series of 13 runs" in flat(capsys)


def test_json_has_every_point_and_step(slower, capsys):
    """For a program; the page is written all the same."""
    assert main(["history", str(slower), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (series,) = [s for s in found["series"] if s["steps"]]
    assert series["key"] == "gemm/fp32/512x512x512/threads=1"
    assert [point["run"] for point in series["points"]] == [f"run{i:02}" for i in range(13)]
    (step,) = series["steps"]
    assert (step["run"], step["verdict"]) == ("run06", "SLOWER")
    assert step["interval"][0] < 1.2 < step["interval"][1]


def test_csv_has_a_line_a_point(slower, capsys):
    """With units in the names of the columns."""
    main(["history", str(slower), "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 26
    assert [row["run"] for row in rows if row["step_verdict"] == "SLOWER"] == ["run06"]
    assert float(rows[0]["median_ns"]) == pytest.approx(1e6)


def test_the_page_is_self_contained_and_has_a_chart_for_each(slower, tmp_path):
    """A picture of the change, small multiples of the rest, nothing from elsewhere."""
    main(["history", str(slower), "--out", str(tmp_path / "page")])
    page = (tmp_path / "page" / "history.html").read_text()
    assert "How did gemm/fp32/512x512x512/threads=1 of cpu change?" in page
    assert "How much do sessions differ?" in page
    assert page.count("<svg") == 2
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "<script" not in page
    assert not (slower / "history.html").exists()


def test_what_cannot_be_read_is_named_and_left_out(slower, capsys):
    """Not silently; and the rest is still judged."""
    (slower / "broken").mkdir()
    (slower / "broken" / "run.json").write_text("{")
    (slower / "something").mkdir()
    assert main(["history", str(slower)]) == 1
    assert "Left out:" in (screen := flat(capsys))
    assert "broken/run.json" in screen.replace(" ", "")
    assert "something" not in screen
    assert main(["history", str(slower), "--format", "json"]) == 1
    captured = capsys.readouterr()
    assert "broken" in captured.err
    assert any("broken" in line for line in json.loads(captured.out)["left_out"])


@pytest.mark.parametrize(("runs", "needs"), [(1, "3 runs of one machine"), (4, "3 runs before and 3 after")])
def test_a_short_history_says_what_it_needs(keep, runs, needs, capsys):
    """And finds nothing."""
    for i in range(runs):
        folder = keep(f"run{i}", {"256": 1.0 + i}).parent
    assert main(["history", str(folder)]) == 0
    assert needs in flat(capsys)


def test_machines_have_histories_of_their_own(keep, capsys):
    """A faster machine is no improvement."""
    for i in range(12):
        other = {"cpu": "Better CPU", "architecture": "x86_64", "cpus_usable": 64}
        fast = {"machine": other} if i >= 6 else {}
        folder = keep(f"run{i:02}", {"256": LEVELS[i % 6] / (10 if i >= 6 else 1)}, **fast).parent
    assert main(["history", str(folder)]) == 0
    screen = flat(capsys)
    assert "no change in 2 series of 12 runs" in screen
    assert "Better CPU" in screen


def test_one_run_may_be_named_itself(keep, capsys):
    """DIR is a run."""
    assert main(["history", str(keep("run0", {"256": 1.0}))]) == 0
    assert "1 series of 1 run" in flat(capsys)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere"], "nowhere: not a directory"),
        (["."], "no run in it that can be read"),
        (["runs", "--case", "gem/*"], "no case of these runs matches"),
    ],
)
def test_wrong_usage_is_one_line(keep, arguments, why, tmp_path, monkeypatch, capsys):
    """And exit code 2."""
    keep("run0", {"256": 1.0})
    monkeypatch.chdir(tmp_path)
    assert main(["history", *arguments]) == 2
    assert why in (told := capsys.readouterr().err)
    assert len(told.splitlines()) == 1

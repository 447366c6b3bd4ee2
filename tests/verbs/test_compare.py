"""`zbench compare`: two stored runs through a history, or two subjects in blocks; an exit code to rely on."""

from __future__ import annotations

import csv
import io
import json

import pytest

from zbench import archive
from zbench.assess import assess
from zbench.cli import main
from zbench.judge.outcome import compare_exit_code
from zbench.judge.ratios import Ratio
from zbench.records import store

LEVELS = [1.0, 1.001, 0.999, 1.001, 0.999]
KEY = "gemm/fp32/256x256x256/threads=1"


@pytest.fixture
def history(keep):
    """Five sessions that differ by 0.1 %, in a folder of runs."""
    for i, level in enumerate(LEVELS):
        keep(f"old{i}", {"256": level, "512": 8 * level})
    return keep


@pytest.mark.parametrize(
    ("levels", "verdicts", "code"),
    [
        ((1.2, 8.0), ["SLOWER", "SAME"], 1),
        ((0.8, 8.0), ["FASTER", "SAME"], 0),
        ((1.01, 8.0), ["UNDECIDED", "SAME"], 3),
        ((1.01, 9.6), ["UNDECIDED", "SLOWER"], 1),
    ],
)
def test_stored_runs_are_judged_through_the_runs_beside_them(history, levels, verdicts, code, capsys):
    """B is judged, the folders of both are the history, and its exit code is the worst verdict."""
    new = history("new", {"256": levels[0], "512": levels[1]})
    assert main(["compare", str(new.parent / "old0"), str(new), "--format", "json"]) == code
    found = json.loads(capsys.readouterr().out)
    assert [case["verdict"] for case in found["cases"]] == verdicts
    assert [case["sessions"] for case in found["cases"]] == [5, 5]
    assert "5 of 6 runs are other sessions of this machine" in found["how"]


def test_the_screen_has_totals_and_the_mean(history, capsys):
    """One line for all cases: the geometric mean of the time ratios, and its interval."""
    new = history("new", {"256": 1.2, "512": 9.6})
    assert main(["compare", str(new.parent / "old0"), str(new)]) == 1
    screen = " ".join(capsys.readouterr().out.split())
    assert f"✗ SLOWER 1.200x 1.194 to 1.206 {KEY}" in screen
    assert "2 SLOWER; geometric mean of times 1.200x (1.19" in screen
    assert "over 2 cases: above 1 is slower" in screen


def test_without_a_history_nothing_is_decided(keep, capsys):
    """However far apart they are; it says how many runs are lacking."""
    old, new = keep("old", {"256": 1.0}), keep("new", {"256": 3.0})
    assert main(["compare", str(old), str(new)]) == 3
    assert "2 more are needed" in capsys.readouterr().out.replace("\n", " ")


def test_another_folder_may_be_the_history(history, tmp_path, capsys):
    """`--history`, and it says how many of its runs are of use."""
    new = history("new", {"256": 1.2})
    (tmp_path / "empty").mkdir()
    old = str(new.parent / "old0")
    assert main(["compare", old, str(new), "--history", str(tmp_path / "empty")]) == 3
    assert "0 of 0 runs" in capsys.readouterr().out


def test_a_case_that_only_one_has_is_said_and_counts_when_asked_to(history, capsys):
    """A skip is never a pass: `--strict` makes it 3."""
    new = history("new", {"256": 0.8, "1024": 70.0})
    arguments = ["compare", str(new.parent / "old0"), str(new)]
    assert main(arguments) == 0
    screen = capsys.readouterr().out
    assert "Not compared, 2 cases such as gemm/fp32/" in screen
    assert main([*arguments, "--strict"]) == 3
    assert main([*arguments, "--strict", "--case", "gemm/fp32/256*"]) == 0


def test_a_wrong_answer_makes_it_invalid(history, capsys):
    """A fast wrong answer is no improvement."""
    new = history("new", {"256": 0.5, "512": 8.0}, records={"status": "wrong"})
    good = history("good", {"256": 1.0})
    assert main(["compare", str(good), str(new)]) == 2  # nothing in it can be compared
    half = history("half", {"256": 0.8})
    lines = (half / "records.jsonl").read_text() + (new / "records.jsonl").read_text().split("\n")[-2] + "\n"
    (half / "records.jsonl").write_text(lines)
    assert main(["compare", str(good), str(half)]) == 4


def test_csv_has_a_line_a_case(history, capsys):
    """For a spreadsheet."""
    new = history("new", {"256": 1.2, "512": 8.0})
    main(["compare", str(new.parent / "old0"), str(new), "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert (rows[0]["key"], rows[0]["verdict"]) == (KEY, "SLOWER")
    assert float(rows[0]["lo"]) < float(rows[0]["ratio"]) < float(rows[0]["hi"])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["cpu", "cpu"], "`zbench selftest --aa` tells how much the same thing differs from itself"),
        (["cpu", "shm"], "cpu is a card and shm a fabric: give two of a kind"),
        (["cpu", "cpuu"], "cpuu: neither a stored run nor a card or fabric (did you mean 'cpu'?)"),
        (["runs/a", "cpu"], "runs/a is a stored run and cpu is not"),
        (["runs/a", "runs/nowhere"], "runs/a is a stored run and runs/nowhere is not"),
        (["runs", "cpu"], "runs: a directory, but not a run"),
        (["runs/a", "runs/a"], "are the same run"),
        (["runs/a", "runs/b", "--profile", "smoke"], "--profile: two stored runs are compared as they are"),
        (["cpu", "numpy", "--history", "runs"], "--history: subjects are measured in blocks"),
        (["runs/a", "runs/c"], "no answered case and subject in common"),
        (["cpu", "cpu@/nowhere"], "/nowhere is no virtual environment"),
        (["zbench.cards.cpu:Cpu", "shm"], "zbench.cards.cpu:Cpu is a card and shm a fabric"),
        (["no.such:Card", "cpu"], "No module named 'no'"),
        (["cpu", ""], "is empty"),
        (["cpu", "cpu:generic", "--case", "gem/*"], "no case of this run matches"),
    ],
)
def test_wrong_usage_is_one_line(keep, arguments, why, tmp_path, monkeypatch, capsys):
    """Exit code 2, and nothing is measured or written."""
    keep("a", {"256": 1.0})
    keep("b", {"256": 1.0})
    keep("c", {"512": 1.0})
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *arguments]) == 2
    assert why in (told := capsys.readouterr().err)
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "results").exists()


def ratio(verdict):
    return Ratio(
        suite="card",
        key="k",
        of="cpu",
        to="numpy",
        median=1.0,
        interval=None,
        launches=5,
        margin=0.01,
        p=1.0,
        verdict=verdict,
    )


@pytest.mark.parametrize(
    ("verdicts", "invalid", "code"),
    [
        (["FASTER", "SAME"], False, 0),
        (["FASTER", "UNDECIDED"], False, 3),
        (["UNDECIDED", "SLOWER"], False, 1),
        (["SLOWER"], True, 4),
        ([], False, 3),
    ],
)
def test_every_ratio_counts(verdicts, invalid, code):
    """Also between peers: who compares two things asks about both."""
    assert compare_exit_code([ratio(verdict) for verdict in verdicts], invalid) == code


def test_a_baseline_of_a_run_is_judged_by_the_same_machinery(history):
    """`zbench run --baseline` and `zbench check --baseline` decide as `zbench compare` does."""
    new = archive.one(history("new", {"256": 1.2}))
    folder = history("last", {"256": 1.0}).parent
    then = archive.one(folder / "old0")
    kept, unreadable = archive.beside(folder / "old0", folder / "new")
    stored = {"old0": (then.run, then.records)}
    found = assess(folder / "new", new.run, new.records, [], stored, kept)
    assert [(r.verdict, r.baseline) for r in found.ratios] == [("SLOWER", "old0")]
    assert (len(kept), unreadable) == (7, [])
    assert [r.verdict for r in assess(folder / "new", new.run, new.records, [], stored).ratios] == [
        "UNDECIDED"
    ]


def test_two_subjects_are_measured_in_the_same_blocks(tmp_path, monkeypatch, capsys):
    """For real; the verdict depends on the machine, that both were launched in each block does not."""
    monkeypatch.chdir(tmp_path)
    asked = ["--profile", "smoke", "--case", "gemm/fp32/256*threads=1", "--out", "out", "--format", "json"]
    code = main(["compare", "cpu", "cpu:generic", *asked])
    found = json.loads(capsys.readouterr().out)
    verdicts = {case["verdict"] for case in found["cases"]}
    assert (found["of"], found["to"]) == ("cpu", "cpu:generic")
    assert code == (4 if found["left_out"] else {"SLOWER": 1, "UNDECIDED": 3}.get(*verdicts, 0))
    run, records = store.load(tmp_path / "out")
    assert (run.launches, run.claims) == (5, "none")
    measured = {(record.subject, record.block) for record in records if record.role == "measure"}
    blocks = range(10 if run.extended else 5)
    assert measured == {(subject, block) for subject in ("cpu", "cpu:generic") for block in blocks}
    assert (tmp_path / "out" / "report.html").exists()

"""`zbench report` as a person meets it: stored runs, judged again, written up, in every format."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest

EXAMPLE = Path(__file__).parents[2] / "results" / "example-quick"
CLAIMS = Path(__file__).parents[2] / "zbench" / "judge" / "claims" / "zhenwu-10k.toml"
"""As they stand now; the example was measured with an earlier state of the file."""


def zbench(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zbench.cli", *map(str, arguments)],
        cwd=cwd,
        env=os.environ
        | {"PYTHONUTF8": "1", "COLUMNS": "100", "XDG_STATE_HOME": str(cwd / "state")}
        | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


KEYS = ("gemm/fp32/2048x2048x2048/threads=1", "pingpong/byte/8/ranks=2")
"""Of the example's cases: few, so that drawing them is quick."""


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Some cases of the example, without charts and page."""
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(EXAMPLE / "run.json", run)
    lines = (EXAMPLE / "records.jsonl").read_text("utf-8").splitlines(keepends=True)
    (run / "records.jsonl").write_text("".join(x for x in lines if json.loads(x)["key"] in KEYS), "utf-8")
    return run


def written(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_run_is_judged_and_written_up_again(stored: Path) -> None:
    """With its own claims; the exit code is that of the run, and the record stays as it was."""
    before = (stored / "records.jsonl").read_bytes(), (stored / "run.json").read_bytes()
    result = zbench("report", stored, cwd=stored.parent)
    assert (result.returncode, result.stderr) == (1, "")
    assert "✗ NOT MET       single-card-throughput" in result.stdout
    assert "\x1b" not in result.stdout  # a pipe is no terminal
    assert {"report.html", "charts/gemm.svg"} <= written(stored)
    assert ((stored / "records.jsonl").read_bytes(), (stored / "run.json").read_bytes()) == before


def test_out_leaves_the_run_alone(stored: Path) -> None:
    """Charts and page go elsewhere, again and again."""
    for _ in range(2):
        result = zbench("report", stored, "--out", "there", cwd=stored.parent)
        assert result.returncode == 1
        assert "Page    there/report.html" in result.stdout
    assert written(stored) == {"run.json", "records.jsonl"}
    assert "report.html" in written(stored.parent / "there")


def test_a_run_of_somebody_elses_gets_its_page_where_one_may_write(stored: Path) -> None:
    """And it is said where. /sys takes no file, not even root's."""
    (stored / "charts").symlink_to("/sys")
    result = zbench("report", stored, cwd=stored.parent)
    assert result.returncode == 1
    assert f"zbench: warning: {stored} cannot be written, so its charts and page are in" in result.stderr
    (page,) = (stored.parent / "state" / "zbench" / "reports").glob("run-*/report.html")
    assert str(page.parent) in result.stderr
    assert str(page) in result.stdout.replace("\n", "").replace(" ", "")
    assert "gemm.svg" in {path.name for path in page.parent.glob("charts/*")}


def test_a_directory_that_fails_otherwise_is_an_error(stored: Path) -> None:
    """A file stands where the charts should be: that is for the user to mend."""
    (stored / "charts").touch()
    result = zbench("report", stored, cwd=stored.parent)
    assert result.returncode == 4
    assert "--out ELSEWHERE" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_two_runs_on_one_page(stored: Path) -> None:
    """Equal subjects, told apart; without --out the page has a place of its own."""
    other = shutil.copytree(stored, stored.parent / "other")
    result = zbench("report", stored, other, cwd=stored.parent)
    assert result.returncode == 1
    assert "single-card-throughput · A" in result.stdout
    assert "single-card-throughput · B" in result.stdout
    (page,) = (stored.parent / "state" / "zbench" / "reports").glob("*/report.html")
    assert "This page lays 2 runs beside each other." in page.read_text("utf-8")
    assert written(stored) == written(other) == {"run.json", "records.jsonl"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "run"], "run: named twice"),
        (["run", "./run/"], "named twice"),
        (["nowhere"], "nowhere: not a run"),
        (["run", "--out", "full"], "--out full: holds other things than a report"),
        (["run", "--out", "other"], "--out other: is a run, with a page of its own"),
        (["run", "--claims", "zhenwu"], "did you mean 'zhenwu-10k'?"),
        (["run", "--format", "xml"], "invalid choice: 'xml'"),
        ([], "the following arguments are required: RUN"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(stored: Path, arguments: list[str], told: str) -> None:
    """Exit 2, and no traceback."""
    shutil.copytree(stored, stored.parent / "other")
    (stored.parent / "full").mkdir()
    (stored.parent / "full" / "thesis.tex").touch()
    before = written(stored.parent)
    result = zbench("report", *arguments, cwd=stored.parent)
    assert result.returncode == 2
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert written(stored.parent) == before


def change(run: Path, **facts: object) -> None:
    """run.json as somebody else's zbench might have left it."""
    stored = json.loads((run / "run.json").read_text("utf-8"))
    (run / "run.json").write_text(json.dumps(stored | facts), "utf-8")


def test_claims_that_are_gone_are_told_and_nothing_is_called_fine(stored: Path) -> None:
    """The page is written, no claim is judged, and the exit code does not read as success."""
    change(stored, claims="gone.toml")
    result = zbench("report", stored, cwd=stored.parent)
    assert result.returncode == 3
    assert "its claims are lost, so none is judged: no claims file 'gone.toml'" in " ".join(
        result.stdout.split()
    )
    assert "its claims are lost" in (stored / "report.html").read_text("utf-8")


def test_claims_that_have_changed_are_told(stored: Path) -> None:
    """Judged as they stand now, and said to be."""
    change(stored, claims_sha256="0" * 64)
    result = zbench("report", stored, cwd=stored.parent)
    assert "zhenwu-10k has changed since it was measured" in " ".join(result.stdout.split())
    change(stored, claims_sha256=sha256(CLAIMS.read_bytes()).hexdigest())
    unchanged = zbench("report", stored, cwd=stored.parent)
    assert "has changed" not in unchanged.stdout


def test_a_run_is_judged_by_the_copy_that_it_keeps(stored: Path) -> None:
    """Wherever the file was that it was measured with."""
    change(stored, claims="gone.toml", claims_sha256=sha256(CLAIMS.read_bytes()).hexdigest())
    shutil.copy(CLAIMS, stored / "claims.toml")
    result = zbench("report", stored, cwd=stored.parent)
    assert result.returncode == 1
    assert "judged again" not in result.stdout


def test_other_claims_are_said_to_be_others(stored: Path) -> None:
    """One claim that the example meets."""
    claims = stored.parent / "mine.toml"
    claims.write_text(
        'version = 1\n[[claim]]\nid = "fast"\ntext = "at least 1 GFLOP/s"\n'
        'source = { publisher = "a test", date = 2026-01-01 }\nmetric = "rate"\n'
        'case = "gemm/fp32/2048x2048x2048/threads=1"\noperator = ">="\nvalue = "1 GFLOP/s"\nsettles = "-"\n'
    )
    result = zbench("report", stored, "--claims", claims, cwd=stored.parent)
    assert result.returncode == 0
    assert "✓ MET           fast" in result.stdout
    assert f"This run is judged again. by {claims}" in " ".join(result.stdout.split())


def test_a_baseline_is_kept_and_a_lost_one_is_told(stored: Path) -> None:
    """What the run was compared with is read again from where its command has it."""
    shutil.copytree(stored, stored.parent / "old")
    change(stored, command=["zbench", "run", "--baseline", "old"])
    beside = json.loads(zbench("report", stored, "--format", "json", cwd=stored.parent).stdout)
    assert {ratio["to"] for ratio in beside["ratios"]} == {"numpy", "cpu", "shm"}
    shutil.rmtree(stored.parent / "old")
    alone = json.loads(zbench("report", stored, "--format", "json", cwd=stored.parent).stdout)
    assert {ratio["to"] for ratio in alone["ratios"]} == {"numpy"}
    assert any("without its baseline: old: not a run" in remark for remark in alone["remarks"])


def test_every_format_is_one_document(stored: Path) -> None:
    """Standard output has the document and nothing else, in UTF-8 whatever the locale."""
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    texts = {}
    for form in ("json", "md", "csv", "junit"):
        result = zbench("report", stored, "--format", form, cwd=stored.parent, **bare)
        assert (result.returncode, result.stderr) == (1, "")
        texts[form] = result.stdout
    assert json.loads(texts["json"])["state"] == "complete"
    assert texts["md"].startswith("# zbench: 1 NOT MET, 6 NOT TESTABLE\n")
    assert len(list(csv.DictReader(io.StringIO(texts["csv"])))) == 3
    root = ElementTree.fromstring(texts["junit"].encode())
    assert {suite.get("name"): suite.get("failures") for suite in root}["claims"] == "1"


def test_json_of_several_runs_has_a_document_for_each(stored: Path) -> None:
    """Each is what one run alone would print."""
    other = shutil.copytree(stored, stored.parent / "other")
    both = json.loads(zbench("report", stored, other, "--format", "json", cwd=stored.parent).stdout)
    alone = json.loads(zbench("report", stored, "--format", "json", cwd=stored.parent).stdout)
    assert both["version"] == alone["version"]
    assert both["runs"] == [alone, alone | {"run": str(other)}]


def test_the_c_locale_gets_ascii(stored: Path) -> None:
    """Even where Python writes UTF-8 by itself: the terminal was promised ASCII."""
    hidden = ("LANG", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONCOERCECLOCALE")
    clean = {name: value for name, value in os.environ.items() if name not in hidden and name[:3] != "LC_"}
    for environment in ({}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}):
        result = subprocess.run(
            [sys.executable, "-m", "zbench.cli", "report", str(stored)],
            env=clean | environment,
            capture_output=True,
            timeout=300,
        )
        assert result.returncode == 1
        assert result.stdout.isascii()
        assert b"<= 4 us" in result.stdout

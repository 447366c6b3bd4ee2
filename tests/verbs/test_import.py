"""`zbench import`: a file of another tool becomes a run that every other verb takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zbench.cli import main
from zbench.records import store
from zbench.records.importers import IMPORTERS
from zbench.verbs.import_ import FORMATS

FILES = Path(__file__).parents[1] / "records" / "importers" / "files"


def test_the_formats_are_those_that_can_be_read() -> None:
    """The help and the table of importers do not drift apart."""
    assert list(FORMATS) == list(IMPORTERS)


def test_an_imported_run_is_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Read, reported and judged; what was left out is printed and kept."""
    out = tmp_path / "osu"
    arguments = ["osu", str(FILES / "osu.txt"), "--ranks", "16", "--subject", "cray", "--out", str(out)]
    assert main(["import", *arguments]) == 0
    shown = capsys.readouterr().out
    assert f"11 results of osu as cray in {out}" in shown
    assert "evidence: 11 DATA SHEET, 0 with samples of one launch" in shown
    assert "left out: 1 x OSU Allgather Latency Test, of which zbench has no case" in shown
    run, records = store.load(out)
    assert (run.state, run.fabrics, len(records), len(run.not_run)) == ("complete", ["cray"], 11, 6)
    assert run.command == ["zbench", "import", *arguments]
    assert main(["report", str(out)]) == 4, "one of its answers was wrong"
    assert "evidence DATA SHEET" in " ".join(capsys.readouterr().out.split())
    assert (out / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("name", "form"), [("nccl-tests.json", "nccl-tests"), ("mamf-2.txt", "mamf"), ("mamf-4.txt", "mamf")]
)
def test_imported_runs_are_drawn(
    name: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Charts and page of records without samples."""
    out = tmp_path / "run"
    assert main(["import", form, str(FILES / name), "--out", str(out)]) == 0
    assert main(["report", str(out)]) == 0
    assert "no: sheet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ocu", "x"], "no format 'ocu' (did you mean 'osu'?)"),
        (["osu", "nowhere.txt"], "nowhere.txt: is missing; name the file that the tool wrote"),
        (["osu", "."], ".: not a regular file; name the file that the tool wrote"),
        (["osu", "pipe"], "pipe: not a regular file"),
        (["osu", "/dev/zero"], "/dev/zero: not a regular file"),
        (["osu", "binary"], "binary: not text in UTF-8, so nothing that osu wrote"),
        (["osu", "empty"], "empty:1: no header of an OSU benchmark"),
        (["mamf", "empty"], "empty:1: no result of mamf-finder"),
        (["nccl-tests", "empty"], "empty:1: not JSON"),
        (["osu", "junk"], "junk:1: no header of an OSU benchmark"),
        (["nccl-tests", "deep"], "deep: not the JSON of nccl-tests"),
        (["osu", "empty", "--ranks", "-3"], "--ranks -3: 1 to 1000000"),
    ],
)
def test_files_that_are_none(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line, exit code 2, and no run is left behind."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("binary").write_bytes(b"\xff\xfe\x00" * 99)
    Path("empty").touch()
    Path("junk").write_bytes(b"x" * 10_000_000)
    Path("deep").write_text("{" + '"a":[' * 50_000)
    assert main(["import", *arguments]) == 2
    shown = capsys.readouterr()
    assert (shown.out, len(shown.err.splitlines())) == ("", 1)
    assert told in shown.err
    assert not Path("results").exists()


def test_a_run_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--out` names a new directory."""
    (tmp_path / "file").touch()
    assert main(["import", "mamf", str(FILES / "mamf-2.txt"), "--out", str(tmp_path)]) == 2
    assert "already exists and is not empty" in capsys.readouterr().err

"""`zbench check`: a stored run against claims; exit codes that can be trusted, and nothing is changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from zbench.cli import main
from zbench.records import store

RECORDS = Path(__file__).parents[1] / "records"
RUN = str(RECORDS / "fixtures" / "v1")
NCCL = str(RECORDS / "importers" / "files" / "nccl-tests.json")
CLAIM = """
version = 1
[[claim]]
id = "bus"
text = "the bus moves this much"
source = { publisher = "the offer", date = 2026-01-01 }
metric = "busbw"
case = "allreduce/*/67108864/*"
operator = ">="
settles = "five launches"
"""
"""9.5 GB/s were measured in the run."""


def written(path: Path, *lines: str) -> str:
    path.write_text(CLAIM + "\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize(
    ("value", "strict", "code"),
    [("1 GB/s", [], 0), ("90 GB/s", [], 1), ("9.5 GB/s", [], 3), ("1 GB/s", ["--strict"], 0)],
)
def test_the_exit_code_is_the_verdict(value: str, strict: list[str], code: int, tmp_path: Path) -> None:
    """MET, NOT MET, UNDECIDED."""
    claims = written(tmp_path / "mine.toml", f'value = "{value}"')
    assert main(["check", claims, RUN, *strict]) == code


def test_what_cannot_be_tested_counts_when_asked_to(tmp_path: Path) -> None:
    """`--strict` makes it 3."""
    claims = written(tmp_path / "mine.toml", 'value = "1 GB/s"', 'conditions = { path = "across hosts" }')
    assert main(["check", claims, RUN]) == 0
    assert main(["check", claims, RUN, "--strict"]) == 3


def contents(directory: Path) -> dict[str, str]:
    return {str(p): sha256(p.read_bytes()).hexdigest() for p in sorted(directory.rglob("*")) if p.is_file()}


def test_the_run_is_not_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Charts and page go where `--out` says, and nowhere without it."""
    before = contents(Path(RUN))
    claims = written(tmp_path / "mine.toml", 'value = "1 GB/s"')
    assert main(["check", claims, RUN]) == 0
    assert main(["check", claims, RUN, "--out", str(tmp_path / "out")]) == 0
    assert contents(Path(RUN)) == before
    assert (tmp_path / "out" / "report.html").exists()
    assert not (tmp_path / "out" / store.RECORDS_FILE).exists()
    assert main(["check", claims, RUN, "--out", RUN]) == 2
    assert "is the run itself, which is not changed" in capsys.readouterr().err


def test_a_program_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same document as `zbench run` writes."""
    claims = written(tmp_path / "mine.toml", 'value = "1 GB/s"')
    assert main(["check", claims, RUN, "--format", "json"]) == 0
    (verdict,) = json.loads(capsys.readouterr().out)["verdicts"]
    assert (verdict["claim"], verdict["verdict"], verdict["evidence"]) == ("bus", "MET", "MEASURED")


RATIO = ('value = "0.2"', 'of = "candidate"')


@pytest.mark.parametrize(
    ("to", "evidence", "word"),
    [
        ([], "DATA SHEET", "NOT MET"),
        ([], "MEASURED", "NOT TESTABLE"),
        (['to = { run = "theirs" }'], "DATA SHEET", "NOT MET"),
        (['to = { run = "theirs" }'], "MEASURED", "NOT TESTABLE"),
        (['to = { card = "another" }'], "DATA SHEET", "NOT TESTABLE"),
    ],
)
def test_a_data_sheet_as_baseline(
    to: list[str], evidence: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given, or named by the claim relative to its file; it settles only what the claim lets it settle."""
    baseline = str(tmp_path / "theirs")
    assert main(["import", "nccl-tests", NCCL, "--out", baseline]) == 0
    claims = written(tmp_path / "mine.toml", *RATIO, f'evidence = "{evidence}"', *to)
    given = [] if "run" in str(to) else ["--baseline", baseline]
    capsys.readouterr()
    assert main(["check", claims, RUN, *given, "--format", "json"]) == int(word == "NOT MET")
    (verdict,) = json.loads(capsys.readouterr().out)["verdicts"]
    assert verdict["verdict"] == word
    if word == "NOT TESTABLE" and evidence == "MEASURED":
        assert verdict["measured"] == pytest.approx(0.14, abs=0.01), "the figure is still told"
        assert "the baseline is a data sheet figure, not measured under the same protocol" in verdict["why"]


def test_an_imported_run_is_checked(tmp_path: Path) -> None:
    """As what it is: a data sheet."""
    run = str(tmp_path / "theirs")
    assert main(["import", "nccl-tests", NCCL, "--out", run]) == 0
    for value, evidence, code in (("60 GB/s", "DATA SHEET", 0), ("90 GB/s", "DATA SHEET", 1)):
        claims = written(tmp_path / "mine.toml", f'value = "{value}"', f'evidence = "{evidence}"')
        assert main(["check", claims, run]) == code
    assert main(["check", written(tmp_path / "mine.toml", 'value = "60 GB/s"'), run, "--strict"]) == 3


def test_a_smoke_run_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 would read as a claim that holds."""
    run, records = store.load(Path(RUN))
    run.profile = "smoke"
    store.write_run(tmp_path, run)
    for record in records:
        store.append(tmp_path, record)
    assert main(["check", "zhenwu-10k", str(tmp_path)]) == 2
    assert "profile smoke carries no verdicts; measure with quick or full" in capsys.readouterr().err


def test_a_partial_run_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was finished is judged, and the loss stands above it."""
    run, records = store.load(Path(RUN))
    store.write_run(tmp_path, run)
    for record in records:
        store.append(tmp_path, record)
    path = tmp_path / store.RECORDS_FILE
    path.write_bytes(path.read_bytes()[:-9])
    assert main(["check", written(tmp_path / "mine.toml", 'value = "1 GB/s"'), str(tmp_path)]) in (0, 3)
    shown = " ".join(capsys.readouterr().out.split())
    assert "the last line of records.jsonl is cut off and left out: 39 finished records" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.toml", RUN], "no claims file 'nowhere.toml'"),
        (["zhenwu-10", RUN], "no claims file 'zhenwu-10' (did you mean 'zhenwu-10k'?)"),
        (["", RUN], "claims is empty"),
        (["zhenwu-10k", ""], "run is empty"),
        (["zhenwu-10k", "nowhere"], "nowhere: not a run (no run.json in it)"),
        (["zhenwu-10k", RUN, "--baseline", "nowhere"], "nowhere: not a run (no run.json in it)"),
        (["zhenwu-10k", RUN, "--format", "yaml"], "invalid choice: 'yaml'"),
        (["zhenwu-10k"], "the following arguments are required: RUN"),
        ([".", RUN], ".: not a regular file"),
        (["pipe", RUN], "pipe: not a regular file"),
        (["/dev/zero", RUN], "/dev/zero: not a regular file"),
        (["junk", RUN], "junk: larger than 256 KiB, so not a claims file"),
        (["binary", RUN], "binary: not text in UTF-8, so not a claims file"),
        (["empty", RUN], "empty: version: expected 1, found nothing"),
        (["twice", RUN], "twice: not TOML: Cannot overwrite a value (at line 4, column"),
        (["deep", RUN], "deep: not TOML: "),
        (["unit", RUN], "unit: claim[0].value: '1 GBs': unknown unit 'GBs' (did you mean 'GB/s'?)"),
        (["nan", RUN], "nan: claim[0].value: expected `str`, got `float`"),
        (["huge", RUN], "huge: claim[0].value: '1e400 GB/s' is too large to be meant"),
        (["lost", RUN], "/nowhere: not a run (no run.json in it)"),
    ],
)
def test_a_bad_day_is_one_line_and_exit_2(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No traceback, no waiting, nothing on standard output."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("junk").write_bytes(os.urandom(10_000_000))
    Path("binary").write_bytes(b"\xff\xfe\x00" * 99)
    Path("empty").touch()
    Path("twice").write_text("version = 1\n[x]\n" + "a = 1\n" * 2)
    Path("deep").write_text("a = " + "[" * 100_000)
    written(Path("unit"), 'value = "1 GBs"')
    written(Path("nan"), "value = nan")
    written(Path("huge"), 'value = "1e400 GB/s"')
    written(Path("lost"), *RATIO, 'to = { run = "/nowhere" }')
    assert main(["check", *arguments]) == 2
    shown = capsys.readouterr()
    assert (shown.out, len(shown.err.splitlines())) == ("", 1)
    assert told in shown.err


def test_a_record_that_was_made_worse_is_told(tmp_path: Path) -> None:
    """A wrong answer in a stored run is exit code 4, whatever else holds."""
    run, records = store.load(Path(RUN))
    store.write_run(tmp_path, run)
    for record in records:
        check = record.verification
        assert check is not None
        wrong = msgspec.structs.replace(check, passed=False, why="it is wrong")
        store.append(tmp_path, msgspec.structs.replace(record, verification=wrong, status="wrong"))
    assert main(["check", "zhenwu-10k", str(tmp_path)]) == 4


def test_a_card_of_the_catalogue_as_the_baseline(
    keep: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """n = 8192 in a millisecond is 1.1 PFLOP/s, 25 times an H20 in fp32 by its data sheet."""
    run = keep("now", {"8192": 1.0})
    assert main(["check", "zhenwu-10k", str(run), "--baseline-card", "h20", "--format", "json"]) == 0
    told = {v["claim"]: v for v in json.loads(capsys.readouterr().out)["verdicts"]}["single-card-throughput"]
    assert (told["verdict"], told["evidence"]) == ("MET", "DATA SHEET")
    assert "44.0 TFLOP/s, the dense fp32 peak of NVIDIA H20" in told["why"]
    assert main(["check", "zhenwu-10k", str(run), "--baseline-card", "b200"]) == 0
    assert main(["check", "zhenwu-10k", str(keep("slow", {"8192": 9.0})), "--baseline-card", "h20"]) == 1
    assert main(["report", str(run), "--baseline-card", "h20"]) == 0
    assert "over NVIDIA H20 (--baseline-card h20)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "door", [["check", "zhenwu-10k", RUN], ["report", RUN], ["run", "card", "--dry-run"]]
)
def test_a_card_that_the_catalogue_has_not(door: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage, told in one line with what is near and how to see all."""
    assert main([*door, "--baseline-card", "h2O"]) == 2
    told = capsys.readouterr().err
    assert "no card 'h2O' in the catalogue (did you mean 'h20'?); `zbench list datasheets` tells all" in told
    assert main([*door, "--baseline-card", ""]) == 2

"""The command line as a person meets it: real processes, real files, exit codes and one clear line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zbench.records import store
from zbench.schedules.table import ALGORITHMS

ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "ZBENCH_ISA"}
SMALL = ["--profile", "smoke", "--launches", "1"]


def zbench(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zbench.cli", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "--card", "cpuu"], "no card 'cpuu' (did you mean 'cpu'?)"),
        (["run", "--card", "cpu:generik"], "the only option is 'generic'"),
        (["run", "--fabric", "shn"], "no fabric 'shn' (did you mean 'shm'?)"),
        (["run", "--fabric", "shm:rng"], "did you mean 'ring'?"),
        (["run", "crad"], "no suite 'crad' (did you mean 'card'?)"),
        (["run", "--profile", "quik"], "no profile 'quik' (did you mean 'quick'?)"),
        (["run", "--ranks", "0"], "--ranks 0: a world has 1 to"),
        (["run", "--ranks", "two"], "invalid int value: 'two'"),
        (["run", "--launches", "0"], "--launches 0: 1 to"),
        (["run", "--case", "gem/*"], "no case of this run matches"),
        (["run", "--card", "cpu", "--card", "cpu"], "named twice"),
        (["run", "--claims", "zhenwu-10"], "did you mean 'zhenwu-10k'?"),
        (["run", "--baseline", "nowhere"], "not a run"),
        (["run", "--format", "yaml"], "invalid choice: 'yaml'"),
        (["run", "--ranks", "4000"], "the processes alone need"),
        (["run", "fabric", "--algorithm", "rng"], "no such algorithm (did you mean 'ring'?)"),
        (["run", "fabric", "--algorithm", "bruck"], "choose from --case 'allgather/*' --case 'alltoall/*'"),
        (["run", "fabric", "--fabric", "shm:bruck", "--case", "bcast/*"], "bruck cannot do bcast, it can do"),
        (["run", "fabric", "--case", "allreduce/fp32/7/*"], "give a multiple of 4, such as 8"),
        (["run", "--ranks", "3", "--case", "reduce/fp32/8/ranks=2"], "2 of 3 ranks would leave 1 out"),
        (["run", "--ranks", "2", "--case", f"bcast/byte/{1 << 40}"], "no case fits in memory"),
        (["run", "--plan", "nowhere.toml"], "--plan nowhere.toml: no such file"),
        (["run", "--time-limit", "10"], "write a number with s, min or h"),
        (["run", "--price-per-card-hour", "-1"], "not a price"),
        (["run", "--resume", "nowhere"], "not a run"),
        (["run", "--append", "nowhere"], "not a run"),
        (["run", "--resume", "a", "--append", "b"], "give one of them"),
        (
            ["run", "--resume", "a", "--card", "cpu"],
            "--resume takes its settings from the run: leave out cards",
        ),
        (
            ["run", "--append", "a", "--ranks", "4"],
            "--append takes its settings from the run: leave out ranks",
        ),
        (["run", "--dry-run", "--format", "csv"], "--dry-run prints text or json, not csv"),
        (["rum"], "invalid choice: 'rum'"),
        (["run", "--frobnicate"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(arguments: list[str], told: str, tmp_path: Path) -> None:
    """Nothing is measured, nothing is written, no traceback."""
    result = zbench(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert not list(tmp_path.iterdir())


def test_a_dry_run_measures_and_writes_nothing(tmp_path: Path) -> None:
    """Cases, launches, minutes, memory and price, on one screen or as one document."""
    result = zbench("run", "--dry-run", "--ranks", "2", "--price-per-card-hour", "2.5", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "5 launches of each, about " in result.stdout
    assert "memory: at most " in result.stdout
    assert "price: 0." in result.stdout
    assert not list(tmp_path.iterdir())
    told = json.loads(zbench("run", "--dry-run", "--ranks", "2", "--format", "json", cwd=tmp_path).stdout)
    assert (told["launches"], told["price"]) == (5, None)
    assert all(name.endswith("/*") for name in told["left_out"])  # at most what this card does not offer
    assert told["cases"] == sum(len(g["cases"]) for g in told["groups"] if g["role"] == "measure")
    assert told["seconds"] > 60


@pytest.mark.parametrize("columns", ["40", "60", "100"])
def test_a_dry_run_fits_the_screen(columns: str, tmp_path: Path) -> None:
    """From 40 columns on."""
    result = zbench("run", "--dry-run", "--time-limit", "60s", cwd=tmp_path, COLUMNS=columns)
    assert max(map(len, result.stdout.splitlines())) <= int(columns)
    assert "left out: the time limit" in " ".join(result.stdout.split())


def test_the_command_line_wins_over_the_plan(tmp_path: Path) -> None:
    """The plan is what is repeated, a word on the command line what is tried."""
    (tmp_path / "plan.toml").write_text("version = 1\nlaunches = 7\nsuites = ['card']\n")
    said = ["run", "--plan", "plan.toml", "--dry-run", "--format", "json"]
    assert json.loads(zbench(*said, cwd=tmp_path).stdout)["launches"] == 7
    told = json.loads(zbench(*said, "--launches", "3", cwd=tmp_path).stdout)
    assert (told["launches"], {group["suite"] for group in told["groups"]}) == (3, {"card"})


def test_a_broken_claims_file_names_the_key(tmp_path: Path) -> None:
    """File, claim and key stand in the message."""
    claims = tmp_path / "mine.toml"
    claims.write_text('version = 1\n[[claim]]\nid = "x"\noperatr = "<="\n')
    result = zbench("run", "--claims", str(claims), cwd=tmp_path)
    assert result.returncode == 2
    assert "mine.toml: claim[0]" in result.stderr
    assert "operatr" in result.stderr


def test_an_unknown_instruction_set_is_refused(tmp_path: Path) -> None:
    """One that exists and that this CPU lacks is tested where the CPU can be told what it has."""
    result = zbench("run", "card", cwd=tmp_path, ZBENCH_ISA="avx1024")
    assert result.returncode == 2
    assert "ZBENCH_ISA=avx1024: no such instruction set (did you mean 'avx512'?)" in result.stderr


def test_an_unwritable_out_is_refused(tmp_path: Path) -> None:
    """A file where the directory should be."""
    (tmp_path / "file").touch()
    result = zbench("run", "card", *SMALL, "--out", "file/run", cwd=tmp_path)
    assert result.returncode == 2
    assert "--out file/run: cannot be written" in result.stderr


def test_a_run_leaves_record_charts_and_page_and_prints_one_document(tmp_path: Path) -> None:
    """Standard output is the JSON document and nothing else; progress goes to stderr."""
    result = zbench(
        "run", *SMALL, "--case", "gemm/fp32/256*", "--case", "pingpong/byte/8/*", "--case", "step*",
        "--format", "json", "--out", "out", cwd=tmp_path,
    )  # fmt: skip
    document = json.loads(result.stdout)
    # On a busy machine a card's clock and ours may disagree: then a case has no figure, and it exits with 4.
    disturbed = any(case["value"] is None for case in document["cases"])
    assert result.returncode == (4 if disturbed else 0), result.stderr
    assert document["version"] == 1
    assert {case["subject"] for case in document["cases"]} == {"cpu", "shm", "cpu+shm"}
    assert all(case["verified"] for case in document["cases"])
    assert document["verdicts"] == []  # smoke carries none
    out = tmp_path / "out"
    run, records = store.load(out)
    assert run.state == "complete"
    assert {record.key for record in records} == {case["key"] for case in document["cases"]}
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    assert list((out / "charts").glob("*.svg"))
    assert "zbench: " in result.stderr


def test_peers_are_compared_in_the_same_blocks(tmp_path: Path) -> None:
    """A ratio is time(to) / time(of): the algorithm of the table against a ring."""
    result = zbench(
        "run", "fabric", *SMALL, "--fabric", "shm", "--fabric", "shm:ring", "--case", "allreduce/fp32/8/*",
        "--format", "json", "--out", "out", cwd=tmp_path,
    )  # fmt: skip
    (ratio,) = json.loads(result.stdout)["ratios"]
    assert (ratio["of"], ratio["to"]) == ("shm", "shm:ring")
    assert ratio["median"] > 0


def test_a_choice_of_algorithms_is_kept_and_explained(tmp_path: Path) -> None:
    """Every trial stands in run.json, frozen and hashed; page and document say which ran and why."""
    result = zbench(
        "run", "fabric", *SMALL, "--case", "allreduce*", "--case", "pingpong*", "--case", "sendrecv*",
        "--format", "json", "--out", "out", cwd=tmp_path,
    )  # fmt: skip
    (model,) = json.loads(result.stdout)["models"]
    assert (model["subject"], model["ranks"]) == ("shm", 2)
    run, records = store.load(tmp_path / "out")
    table = run.tables["shm ranks=2"]
    assert (table.forced, len(table.hash)) == ("", 16)
    assert set(table.cases) == {record.key for record in records}
    ran = {record.key: record.variant["algorithm"] for record in records}
    for choice in model["choices"]:
        (chosen,) = (one for one in choice["algorithms"] if one["chosen"])
        assert chosen["algorithm"] == ran[choice["key"]]
        trials = table.median_ns.get(choice["key"], {})
        assert {
            one["algorithm"]: one["trial_ns"] for one in choice["algorithms"] if one["trial_ns"]
        } == trials
        assert choice["why"] == "the only one" or len(trials) == len(ALGORITHMS["allreduce"])
    page = (tmp_path / "out/report.html").read_text()
    assert "allreduce fp32 on shm, 2 ranks" in page
    assert "Which algorithm is the fastest, at which size?" in page


def test_the_forced_instruction_set_is_in_the_record(tmp_path: Path) -> None:
    """What answered is told beside the answer."""
    zbench(
        "run", "card", *SMALL, "--case", "gemm/fp64/256*", "--out", "out", cwd=tmp_path, ZBENCH_ISA="portable"
    )
    _, records = store.load(tmp_path / "out")
    assert {record.variant["isa"] for record in records} == {"portable"}


def test_one_core_is_enough(tmp_path: Path) -> None:
    """Two ranks on one core take turns."""
    core = min(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(core), sys.executable, "-m", "zbench.cli", "run", "fabric", *SMALL]
    result = subprocess.run(
        [*command, "--case", "allreduce*", "--case", "barrier*", "--out", "out"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    _, records = store.load(tmp_path / "out")
    assert {record.status for record in records} == {"ok"}

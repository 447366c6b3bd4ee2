"""The command line as a person meets it: real processes, real files, exit codes and one clear line."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from zbench.records import store

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
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
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
    """A ratio is time(to) / time(of): the packed kernel against plain C."""
    result = zbench(
        "run", "card", *SMALL, "--card", "cpu", "--card", "cpu:generic", "--case", "gemm/fp32/256*threads=1",
        "--format", "json", "--out", "out", cwd=tmp_path,
    )  # fmt: skip
    (ratio,) = json.loads(result.stdout)["ratios"]
    assert (ratio["of"], ratio["to"]) == ("cpu", "cpu:generic")
    assert ratio["median"] > 0


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


def workers_of(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def some_worker_of(parent: int) -> int:
    """Between two launches there is none; wait for the next."""
    deadline = time.monotonic() + 60
    while not (found := workers_of(parent)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found[-1]


@pytest.fixture
def long_run(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """A run of many blocks, with its first record already on the disk."""
    process = subprocess.Popen(
        [sys.executable, "-m", "zbench.cli", "run", "fabric", "--profile", "smoke", "--launches", "200"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in tmp_path.glob("results/*/records.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


def test_a_killed_worker_is_named_and_the_finished_records_are_kept(
    long_run: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """Exit 4; what was finished is reported; no process is left."""
    victims = []
    while long_run.poll() is None:  # one that had just told its last record is not missed: take the next
        victims.append(some_worker_of(long_run.pid))
        os.kill(victims[-1], signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            long_run.wait(10)
    _, stderr = long_run.communicate(timeout=60)
    assert long_run.returncode == 4
    assert f"(pid {victims[-1]}) was killed by SIGKILL" in stderr
    (directory,) = (tmp_path / "results").iterdir()
    run, records = store.load(directory)
    assert run.state == "invalid"
    assert records
    assert not any(Path(f"/proc/{victim}").exists() for victim in victims)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_workers(
    sign: signal.Signals, long_run: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """Exit 130, the record says that it is partial."""
    workers = [some_worker_of(long_run.pid)]
    long_run.send_signal(sign)
    _, stderr = long_run.communicate(timeout=60)
    assert long_run.returncode == 130
    assert "interrupted" in stderr
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    (directory,) = (tmp_path / "results").iterdir()
    assert store.load(directory)[0].state == "partial"

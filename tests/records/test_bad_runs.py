"""Run directories on a bad day: each is one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zbench.cli import main
from zbench.errors import UsageError
from zbench.records import store

FIXTURE = Path(__file__).parent / "fixtures" / "v1"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A whole run of this version, of four records."""
    loaded, records = store.load(FIXTURE)
    store.write_run(tmp_path, loaded)
    for record in records[:4]:
        store.append(tmp_path, record)
    return tmp_path


def told(directory: Path) -> str:
    """The one line that a reader gets to see."""
    with pytest.raises(UsageError) as error:
        store.load(directory)
    line = str(error.value)
    assert "\n" not in line
    return line


def test_the_run_that_these_tests_spoil_is_good(run: Path) -> None:
    """Else they would prove nothing."""
    assert len(store.load(run)[1]) == 4


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "run.json: empty; restore the file, or measure again"),
        (b'{"version": 2, "zbe', "run.json: Input data was truncated; restore the file, or measure again"),
        (b"version = 2\n", "run.json: JSON is malformed: invalid character (byte 0); restore"),
        (b"[1, 2]\n", "run.json: Expected `object`, got `array`; restore"),
        (b'{"zbench": "0"}', "run.json: Object missing required field `version`; restore"),
        (b'{"version": 2}', "run.json: Object missing required field `zbench`; restore"),
        (b'{"version": 0}', "run.json: schema version 0 never was; restore"),
        (b'{"version": 3}', "run.json: schema version 3 is newer than this zbench knows (2); update zbench"),
        (b"\xff\xfe\x00\x01" * 9, "run.json: "),
        (b"[" * 100_000, "run.json: "),
    ],
)
def test_run_json_that_is_none(run: Path, content: bytes, what: str) -> None:
    """Truncated, empty, another language, a list, binary, bottomless."""
    (run / store.RUN_FILE).write_bytes(content)
    assert what in told(run)


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"profile": "quik"}, "run.json: profile: unknown profile 'quik' (did you mean 'quick'?); restore"),
        ({"launches": 0}, "run.json: launches: expected at least 1, found 0"),
        ({"ranks": -2}, "run.json: ranks: expected at least 1, found -2"),
        ({"colour": "blue"}, "run.json: Object contains unknown field `colour`"),
        ({"col\nour\x1b[2J": "blue"}, "run.json: Object contains unknown field `col our [2J`"),
        ({"u" * 9999: "blue"}, "uuu`; restore the file, or measure again"),
    ],
)
def test_run_json_that_was_edited(run: Path, changes: dict[str, Any], what: str) -> None:
    """What no session writes."""
    edit(run / store.RUN_FILE, **changes)
    assert what in told(run)


PAIRS = {"pairs": [[0, 1]], "median_ns": [9.0], "p99_ns": [None], "hosts": ["a", "a"], "cores": [0, 1]}


def damaged(run: Path, number: int, change: Callable[[dict[str, Any]], object]) -> Path:
    """Records with one line changed."""
    path = run / store.RECORDS_FILE
    lines = path.read_text().splitlines()
    document = json.loads(lines[number - 1])
    change(document)
    lines[number - 1] = json.dumps(document)
    path.write_text("\n".join(lines) + "\n")
    return run


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda r: r.update(key="gemm/fp32/1x1x1/threads=1"), "key: 'gemm/fp32/1x1x1/threads=1' is not the"),
        (lambda r: r["samples_ns"].__setitem__(0, -5), "samples_ns: a round took negative time"),
        (lambda r: r.update(samples_ns=[0] * 9), "samples_ns: most rounds took no time"),
        (lambda r: r["samples_ns"].pop(), "parts_ns.compute: 23 times for 22 samples"),
        (lambda r: r.update(slowest_rank=[1, 1]), "slowest_rank: counts 2 rounds of 23"),
        (lambda r: r["slowest_rank"].append(0), "slowest_rank: 3 counts for 2 ranks"),
        (lambda r: r.update(pairs=PAIRS | {"median_ns": []}), "pairs.median_ns: 0 times for 1 pairs"),
        (lambda r: r.update(pairs=PAIRS | {"p99_ns": [0.0]}), "pairs.p99_ns: a time is not above zero"),
        (lambda r: r.update(pairs=PAIRS | {"hosts": ["a"]}), "pairs.hosts: 1 for 2 ranks"),
        (lambda r: r.update(pairs=PAIRS | {"pairs": [[1, 2]]}), "pairs: one is no pair of 2 ranks"),
        (lambda r: r.update(parts_ns={"wait": [1]}), "parts_ns.wait: 1 times for "),
        (lambda r: r.update(fingerprint="0123"), "fingerprint: run.json holds no machine '0123'"),
        (lambda r: r.update(ranks=8), "ranks: 8, but its case has 2"),
        (lambda r: r.update(batch=0), "block, launch or batch: too small a number"),
        (lambda r: r.update(suite="card"), "suite: 'card', but "),
        (lambda r: r["verification"].update(checked=10**9), "verification: checked 1000000000 of "),
        (lambda r: r["probe"].update(before=-1.0), "probe: found -1.0 and "),
        (lambda r: r["case"].update(workload="gem"), "case: unknown workload 'gem' (did you mean 'gemm'?)"),
        (
            lambda r: r.update(case=r["case"] | {"dtype": "fp33"}, key=r["key"].replace("fp32", "fp33")),
            "case: unknown dtype 'fp33' (did you mean 'fp32'?)",
        ),
        (lambda r: r["case"].update(size=[]), "case: "),
        (lambda r: r["case"]["parameters"].update(ranks="two"), "case: "),
        (lambda r: r.update(sheet={"statistic": "mean", "time_ns": 1.0}), "sheet: stands beside samples"),
    ],
)
def test_figures_that_contradict_themselves(
    run: Path, change: Callable[[dict[str, Any]], object], what: str
) -> None:
    """File and line are named, and the command that drops the line."""
    _, records = store.load(run)
    number = 1 + next(i for i, r in enumerate(records) if r.suite == "scaling" and r.ranks == 2)
    path = damaged(run, number, change) / store.RECORDS_FILE
    line = told(run)
    assert line.startswith(f"{path}:{number}: {what}")
    assert line.endswith(f"restore the file, or drop this burst with: sed -i {number}d {path}")


@pytest.mark.parametrize("later", [0, 1])
def test_a_launch_that_counts_twice(run: Path, later: int) -> None:
    """A line that was copied would narrow the interval, whatever place in the order it claims."""
    path = run / store.RECORDS_FILE
    lines = path.read_text().splitlines()
    copied = json.loads(lines[1])
    copied["order"] += later
    path.write_text("\n".join([*lines, json.dumps(copied)]) + "\n")
    assert "records.jsonl:5: launch " in told(run)
    assert "before, in line 2: it would count twice" in told(run)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda line: line[: len(line) // 2], "Input data was truncated"),
        (lambda line: b"", "empty"),
        (lambda line: b"\x00\xff\x17 binary", "JSON is malformed"),
        (lambda line: line.replace(b'"block":0', b'"block":1e400'), ""),
        (lambda line: line.replace(b'"block":0', b'"block":NaN'), "JSON is malformed"),
        (lambda line: b"[]", "Expected `object`, got `array`"),
    ],
)
def test_a_damaged_line_in_the_middle(run: Path, spoil: Callable[[bytes], bytes], what: str) -> None:
    """The command that it offers mends the run."""
    path = run / store.RECORDS_FILE
    lines = path.read_bytes().split(b"\n")
    lines[1] = spoil(lines[1])
    path.write_bytes(b"\n".join(lines))
    line = told(run)
    assert line.startswith(f"{path}:2: {what}")
    command = line.partition("drop this burst with: ")[2]
    assert os.system(command) == 0
    assert len(store.load(run)[1]) == 3


def test_no_records(run: Path) -> None:
    """A complete run has some; one that was killed early may have none, and says so."""
    path = run / store.RECORDS_FILE
    path.write_bytes(b"")
    assert "records.jsonl: empty, but the run is complete; restore the file, or measure again" in told(run)
    edit(run / store.RUN_FILE, state="running")
    assert store.load(run)[0].why.endswith("still measuring: 0 finished records")
    path.unlink()
    assert "records.jsonl: is missing; the record is lost: restore it, or measure again" in told(run)


def test_records_that_are_no_file(run: Path) -> None:
    """A directory, and a pipe, which would be waited for."""
    path = run / store.RECORDS_FILE
    path.unlink()
    path.mkdir()
    assert "records.jsonl: not a regular file; the record is lost" in told(run)
    path.rmdir()
    os.mkfifo(path)
    assert "records.jsonl: not a regular file; the record is lost" in told(run)


@pytest.mark.parametrize("junk", [os.urandom(10_000_000), b"\n" * 10_000_000, b"x" * 10_000_000])
def test_ten_megabytes_of_junk_fail_fast(run: Path, junk: bytes) -> None:
    """At its first line, not after all of them."""
    (run / store.RECORDS_FILE).write_bytes(junk)
    began = time.monotonic()
    assert "records.jsonl:" in told(run)
    assert time.monotonic() - began < 10, "far more than it takes, far less than decoding it all"


def test_not_a_run(run: Path, tmp_path: Path) -> None:
    """Nothing there, something else there, a file of a run, and the directory above runs."""
    assert "nowhere: not a run (no run.json in it)" in told(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "empty: not a run (no run.json in it)" in told(tmp_path / "empty")
    assert f"is a file of a run; name its directory, {run}" in told(run / store.RECORDS_FILE)
    above = tmp_path / "above"
    above.mkdir()
    (run / store.RUN_FILE).rename(tmp_path / "moved.json")
    (above / "one").mkdir()
    (tmp_path / "moved.json").rename(above / "one" / store.RUN_FILE)
    assert f"it holds runs, name one of them, such as {above / 'one'}" in told(above)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Permissions bind only who is not root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


@pytest.mark.parametrize("name", [store.RUN_FILE, store.RECORDS_FILE])
def test_what_may_not_be_read(run: Path, name: str, request: pytest.FixtureRequest) -> None:
    """Named, with the reason."""
    for path in (run, *run.parents):
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    (run / name).chmod(0)
    request.getfixturevalue("nobody")
    assert f"{name}: cannot be read: Permission denied" in told(run)


def test_the_command_line_says_it_in_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, nothing on standard output, no traceback."""
    damaged(run, 2, lambda record: record.update(fingerprint="0123"))
    assert main(["check", "zhenwu-10k", str(run)]) == 2
    shown = capsys.readouterr()
    assert (shown.out, len(shown.err.splitlines())) == ("", 1)
    assert "records.jsonl:2: fingerprint: run.json holds no machine '0123'" in shown.err


@pytest.mark.parametrize("name", [store.RUN_FILE, store.RECORDS_FILE])
def test_a_file_beyond_all_bounds_is_not_read(run: Path, name: str) -> None:
    """It is sparse here; whoever sends it sends it compressed."""
    os.truncate(run / name, 1 << 40)
    assert f"{name}: larger than" in told(run)

"""A run on the disk: what is written is read, and what is broken is named."""

from pathlib import Path

import msgspec
import pytest

from zbench.case import Case
from zbench.errors import UsageError
from zbench.records import store
from zbench.records.schema import VERSION, Record, Run


def a_run() -> Run:
    return Run(
        zbench="0",
        created="2026-01-01T00:00:00+00:00",
        command=["zbench", "run"],
        profile="smoke",
        seed=1,
        suites=["card"],
        cards=["cpu"],
        fabrics=[],
        ranks=2,
        launches=2,
        state="complete",
    )


def a_record(launch: int = 0) -> Record:
    case = Case("gemm", "fp32", (8, 8, 8), {"threads": 1})
    return Record(
        suite="card",
        key=case.key,
        case=case,
        subject="cpu",
        block=0,
        launch=launch,
        order=0,
        samples_ns=[1, 2],
    )


def stored(directory: Path, records: int = 2) -> Path:
    store.write_run(directory, a_run())
    for launch in range(records):
        store.append(directory, a_record(launch))
    return directory


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """run.json and every record come back equal."""
    run, records = store.load(stored(tmp_path))
    assert run == a_run()
    assert records == [a_record(0), a_record(1)]


def test_a_product_of_unlike_operands_is_read(tmp_path: Path) -> None:
    """u8s8 names two dtypes, neither of which is the case's alone."""
    case = Case("gemm", "u8s8", (8, 8, 8), {"threads": 1})
    record = msgspec.structs.replace(a_record(), case=case, key=case.key)
    store.write_run(tmp_path, a_run())
    store.append(tmp_path, record)
    assert store.load(tmp_path)[1] == [record]


def test_a_half_written_last_line_is_left_out(tmp_path: Path) -> None:
    """A writer that was killed loses the record it was writing, and no other."""
    path = stored(tmp_path) / store.RECORDS_FILE
    path.write_bytes(path.read_bytes() + b'{"version":1,"suite":"ca')
    run, records = store.load(tmp_path)
    assert records == [a_record(0), a_record(1)]
    assert (run.state, run.why) == (
        "partial",
        "the last line of records.jsonl is cut off and left out: 2 finished records",
    )


def test_a_run_that_never_ended_says_so(tmp_path: Path) -> None:
    """Killed, or still at it: every reader gets to know, and what is finished is there."""
    run = a_run()
    run.state = "running"
    store.write_run(stored(tmp_path, records=1), run)
    run, records = store.load(tmp_path)
    assert (len(records), run.state) == (1, "running")
    assert run.why == "killed while measuring, or still measuring: 1 finished record"


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """File, line and field stand in the message."""
    path = stored(tmp_path) / store.RECORDS_FILE
    path.write_bytes(path.read_bytes().replace(b'"block":0', b'"block":"x"', 1))
    with pytest.raises(UsageError, match=r"records\.jsonl:1: .*int.*block"):
        store.load(tmp_path)


def test_an_unknown_field_is_refused(tmp_path: Path) -> None:
    """The schema is strict: a misspelt field is an error, not a default."""
    path = stored(tmp_path) / store.RECORDS_FILE
    path.write_bytes(path.read_bytes().replace(b'"batch"', b'"bacth"', 1))
    with pytest.raises(UsageError, match="bacth"):
        store.load(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An old zbench does not guess what a new one meant."""
    path = stored(tmp_path) / store.RUN_FILE
    path.write_text(path.read_text().replace(f'"version": {VERSION}', '"version": 99'))
    with pytest.raises(UsageError, match="version 99 is newer"):
        store.load(tmp_path)


def test_a_directory_without_run_json_is_not_a_run(tmp_path: Path) -> None:
    """Pointing at the wrong directory says so."""
    with pytest.raises(UsageError, match="not a run"):
        store.load(tmp_path)


def test_a_directory_with_contents_is_not_overwritten(tmp_path: Path) -> None:
    """`--out` names a new directory."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="not empty"):
        store.create(tmp_path)


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    """A file where a directory should be cannot be written into, whoever asks."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        store.create(tmp_path / "file" / "run")

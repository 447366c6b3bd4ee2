"""Runs of older schemas, kept as they were written: each is read, judged and reported like a new one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from zbench.assess import assess, publish
from zbench.errors import UsageError
from zbench.judge.claims import load_claims
from zbench.records import migrate, store
from zbench.records.schema import VERSION

FIXTURES = Path(__file__).parent / "fixtures"
OLD = sorted(FIXTURES.glob("v*"))
"""One directory for each older schema: a cut of a real run."""


@pytest.fixture(params=OLD, ids=lambda path: path.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(request.param, tmp_path / request.param.name))


def test_every_older_schema_has_a_fixture_and_a_migration() -> None:
    """Whoever raises VERSION keeps a run of the old one."""
    older = list(range(1, VERSION))
    assert [f"v{version}" for version in older] == [path.name for path in OLD]
    assert (older, older) == (list(migrate.RUN), list(migrate.RECORD))


def test_an_old_run_is_read_whole(old: Path) -> None:
    """Every line becomes a record of this version, and the samples are what they were."""
    lines = [json.loads(line) for line in (old / store.RECORDS_FILE).read_text().splitlines()]
    run, records = store.load(old)
    assert {VERSION} == {run.version, *(record.version for record in records)}
    assert [line["samples_ns"] for line in lines] == [record.samples_ns for record in records]
    assert {f"v{line['version']}" for line in lines} == {old.name}


def test_an_old_run_is_judged_and_reported(old: Path) -> None:
    """The claims that a new run is judged by; the page is written."""
    run, records = store.load(old)
    found = assess(old, run, records, load_claims("zhenwu-10k"))
    assert len(found.verdicts) == 7
    assert (
        "here shm pingpong/byte/67108864/ranks=2" not in found.verdicts[0].why
    )  # the claim is about 8 bytes
    assert "Is what was claimed true here?" in publish(found).read_text("utf-8")


def test_version_1_gets_its_sitting_and_its_globs() -> None:
    """A v1 run was one session, and its command line knows the cases."""
    document = {
        "version": 1,
        "zbench": "0.1.0",
        "created": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:03:00+00:00",
        "command": ["zbench", "run", "--case", "gemm/*", "--ranks", "2", "--case=step/*"],
        "launches": 5,
    }
    run = migrate.migrate(document, migrate.RUN)
    assert (run["version"], run["cases"]) == (VERSION, ["gemm/*", "step/*"])
    (sitting,) = run["sittings"]
    assert sitting == {
        "why": "run",
        "started": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:03:00+00:00",
        "zbench": "0.1.0",
        "command": document["command"],
        "launches": 5,
    }
    assert "sittings" not in document, "a migration changes no document in place"


def test_a_damaged_old_document_is_told_in_one_line(old: Path) -> None:
    """A migration that misses its keys is no traceback."""
    path = old / store.RUN_FILE
    document = json.loads(path.read_text())
    del document["command"]
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match=r"run\.json: no document of schema version 1: 'command'; restore"):
        store.load(old)

"""Runs read from folders: what is one, what is none, and what cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from zbench import archive
from zbench.errors import UsageError

FIXTURE = Path(__file__).parent / "records" / "fixtures" / "v1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs, a broken one, a directory that is none, a file."""
    for name in ("a", "b"):
        shutil.copytree(FIXTURE, tmp_path / "runs" / name)
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "run.json").write_text("not JSON")
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "runs" / "notes.txt").touch()
    return tmp_path / "runs"


def test_a_folder_holds_runs(folder: Path) -> None:
    """One level deep; the broken one is named and does not hide the others."""
    kept, unreadable = archive.read([folder])
    assert [run.name for run in kept] == ["a", "b"]
    assert len(unreadable) == 1
    assert "broken" in unreadable[0]
    assert kept[0].summaries


def test_a_run_is_a_folder_of_one(folder: Path) -> None:
    """And is read once, however often it is named."""
    kept, _ = archive.read([folder / "a", folder, folder / "b" / ".." / "a"])
    assert sorted(run.name for run in kept) == ["a", "b"]


def test_the_runs_beside_a_run(folder: Path) -> None:
    """Those of its folder, itself included; two in one folder are read once."""
    kept, unreadable = archive.beside(folder / "a", folder / "b")
    assert [run.name for run in kept] == ["a", "b"]
    assert len(unreadable) == 1


def test_what_is_no_folder_is_refused(folder: Path) -> None:
    """In one line."""
    with pytest.raises(UsageError, match="not a directory"):
        archive.read([folder / "notes.txt"])

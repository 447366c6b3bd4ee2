"""Directories that are not there or cannot be written."""

from pathlib import Path

import pytest

from tests.bad_days.conftest import FABRIC, Place, one_line
from zbench.records import store


@pytest.fixture
def read_only(place: Place) -> Path:
    directory = place.path / "checkout"
    directory.mkdir()
    directory.chmod(0o555)
    return directory


def test_a_read_only_directory_sends_the_record_home(
    place: Place, ordinary: tuple[str, ...], read_only: Path
) -> None:
    """To the state directory of the user; the screen says where."""
    result = place.run("run", *FABRIC, before=ordinary, cwd=read_only)
    assert result.returncode == 0, result.stderr
    (directory,) = (place.path / "home/.local/state/zbench/results").iterdir()
    assert store.load(directory)[0].state == "complete"
    assert directory.name in result.stdout
    assert list(read_only.iterdir()) == []


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": "/proc/nowhere/home"},
        {"HOME": None, "XDG_STATE_HOME": "/proc/nowhere"},
        {"XDG_STATE_HOME": "/proc/nowhere/state"},
    ],
    ids=["no home", "no HOME", "no state"],
)
def test_nowhere_to_write_is_one_line(
    environment: dict[str, str | None], place: Place, ordinary: tuple[str, ...], read_only: Path
) -> None:
    """It names --out, before anything is measured."""
    result = place.run("run", *FABRIC, before=ordinary, cwd=read_only, environment=environment)
    assert result.returncode == 2
    assert "name a directory with --out" in one_line(result.stderr)
    assert result.stdout == ""


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": None, "TMPDIR": "/proc/nowhere"},
        {"HOME": "/proc/nowhere"},
        {"MPLCONFIGDIR": "/proc/nowhere"},
    ],
    ids=["no HOME and no TMPDIR", "no home", "no matplotlib directory"],
)
def test_what_a_run_does_not_need_is_not_spoken_of(
    environment: dict[str, str | None], place: Place, ordinary: tuple[str, ...]
) -> None:
    """A home, a place for temporary files, a cache of fonts: no warning of some library's."""
    result = place.run("run", *FABRIC, "--out", "out", before=ordinary, environment=environment)
    assert result.returncode == 0, result.stderr
    assert [line for line in result.stderr.splitlines() if not line.startswith("zbench: ")] == []
    assert (place.out / "report.html").exists()
    assert list((place.path / "tmp").iterdir()) == []

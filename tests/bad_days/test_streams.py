"""Standard streams that are closed, full, or have nobody at the other end."""

import os
import subprocess

import pytest

from tests.bad_days.conftest import FABRIC, Place, one_line, readable

RUN = ("run", *FABRIC, "--out", "out")


def shell(place: Place, redirection: str, *before: str) -> subprocess.CompletedProcess[str]:
    return place.run(*RUN, before=(*before, "sh", "-c", f'exec "$@" {redirection}', "sh"))


@pytest.mark.parametrize(
    ("redirection", "told"),
    [(">&-", "Bad file descriptor"), ("> /dev/full", "No space left on device")],
    ids=["closed", "full"],
)
def test_standard_output_that_takes_nothing(redirection: str, told: str, place: Place) -> None:
    """Exit 4, which is no verdict; the record is complete."""
    result = shell(place, redirection)
    assert result.returncode == 4
    assert f"standard output cannot be written: {told}" in one_line(result.stderr)
    assert readable(place.out) == "complete"


@pytest.mark.parametrize("errors", [False, True], ids=["output", "output and errors"])
def test_a_reader_that_has_left(errors: bool, place: Place) -> None:
    """As in `zbench run | head`: 128 + SIGPIPE; progress that nobody reads stops nothing."""
    reading, writing = os.pipe()
    os.close(reading)
    process = place.start(
        *place.command(*RUN), stdout=writing, stderr=subprocess.STDOUT if errors else subprocess.PIPE
    )
    os.close(writing)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 141
    assert errors or "the reader of standard output left" in one_line(stderr)
    assert readable(place.out) == "complete"


@pytest.mark.parametrize("redirection", ["<&-", "2>&-", "2> /dev/full", "<&- 2>&-"])
def test_streams_that_a_run_does_not_need(redirection: str, place: Place) -> None:
    """The verdict is on standard output and in the exit code."""
    result = shell(place, redirection)
    assert result.returncode == 0, result.stderr
    assert "barrier/byte" in result.stdout
    assert readable(place.out) == "complete"


def test_nothing_open_at_all(place: Place) -> None:
    """No file that is opened later becomes somebody's standard output."""
    assert shell(place, "<&- >&- 2>&-").returncode == 4
    assert readable(place.out) == "complete"


def test_no_terminal(place: Place) -> None:
    """As under a batch system."""
    result = shell(place, "", "setsid", "--wait")
    assert result.returncode == 0, result.stderr
    assert readable(place.out) == "complete"

"""What standard output may carry: letters by the user's locale, colour on a terminal that wants it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CLEAN = {
    name: value
    for name, value in os.environ.items()
    if name[:3] != "LC_"
    and name not in ("LANG", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONCOERCECLOCALE", "NO_COLOR")
}


def said(function: str) -> list[str]:
    return [sys.executable, "-c", f"from zbench.verbs.output import {function}; print({function}())"]


@pytest.mark.parametrize(
    ("environment", "unicode"),
    [
        ({}, False),
        ({"LANG": "C"}, False),
        ({"LANG": ""}, False),
        ({"LC_ALL": "C"}, False),
        ({"LC_ALL": "POSIX"}, False),
        ({"LC_ALL": "C", "LANG": "C.UTF-8"}, False),
        ({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, False),
        ({"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"}, False),
        ({"LANG": "C.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8"}, True),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C.UTF-8"}, True),
        ({"LC_ALL": "C", "PYTHONUTF8": "1"}, True),
        ({"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}, True),
    ],
)
def test_the_locale_decides_which_letters_are_written(environment: dict[str, str], unicode: bool) -> None:
    """In the C locale Python writes UTF-8 of its own accord; the terminal was promised ASCII all the same."""
    done = subprocess.run(said("in_unicode"), env=CLEAN | environment, capture_output=True, check=True)
    assert done.stdout.strip() == str(unicode).encode()


@pytest.mark.parametrize(("no_color", "colored"), [(None, True), ("", True), ("1", False)])
def test_a_terminal_has_colour_unless_told_otherwise(no_color: str | None, colored: bool) -> None:
    """https://no-color.org: an empty NO_COLOR counts as none."""
    environment = CLEAN | ({} if no_color is None else {"NO_COLOR": no_color})
    try:
        reader, writer = os.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal can be made here ({error}): colour on a terminal was not tested")
    try:
        subprocess.run(said("in_color"), env=environment, stdout=writer, check=True)
        assert os.read(reader, 100).strip() == str(colored).encode()
    finally:
        os.close(reader)
        os.close(writer)


def test_a_pipe_has_no_colour() -> None:
    """Nobody wants escapes in a file."""
    done = subprocess.run(said("in_color"), env=CLEAN, capture_output=True, check=True)
    assert done.stdout.strip() == b"False"

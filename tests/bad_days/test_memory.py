"""Shared memory and address space that cannot be had."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bad_days.conftest import FABRIC, Place, one_line, readable

NO_DEV_SHM = (
    'mount -t tmpfs -o size=64k,mode=755 none /dev/shm && head -c 100k /dev/zero > /dev/shm/full; exec "$@"'
)

TOUCH = """
import os, sys
from zbench.native import shm
path = sys.argv[1] + "/segment"
os.memfd_create = lambda *ignored: os.open(path, os.O_RDWR | os.O_CREAT)
segment = shm.Segment(shm.create(1, 1 << 24), 0, False, 1.0)
if sys.argv[2] == "reserve":
    try:
        segment.reserve(0, 1 << 24)
    except OSError as error:
        print("told:", error.strerror)
        sys.exit(3)
segment.view(0, 1 << 24).fill(1)
"""
"""The segment on a file system that has less than it wants."""


def test_a_full_dev_shm_does_not_matter(place: Place, mounting: tuple[str, ...]) -> None:
    """Shared memory here has no name and no place: a container's 64 MiB are not its limit."""
    result = place.run("run", *FABRIC, "--out", "out", before=(*mounting, "sh", "-c", NO_DEV_SHM, "sh"))
    assert result.returncode == 0, result.stderr
    assert readable(place.out) == "complete"


@pytest.mark.parametrize(("way", "code"), [("touch", -signal.SIGBUS), ("reserve", 3)])
def test_pages_that_cannot_be_had_are_told_before_they_are_touched(
    way: str, code: int, tmp_path: Path, mounting: tuple[str, ...]
) -> None:
    """Touching them would be SIGBUS, which is why they are reserved."""
    small = 'mount -t tmpfs -o size=8m none "$1" && exec "$2" -c "$3" "$1" "$4"'
    command = [*mounting, "sh", "-c", small, "sh", str(tmp_path), sys.executable, TOUCH, way]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == code, result.stderr
    assert result.stdout == ("told: No space left on device\n" if way == "reserve" else "")


@pytest.mark.parametrize("limit_mib", [64, 300, 700, 2000])
def test_too_little_address_space_is_one_line(limit_mib: int, place: Place) -> None:
    """In this process while it loads its libraries, or in a worker that maps the segment."""
    before = ("prlimit", f"--as={limit_mib << 20}")
    result = place.run("run", *FABRIC, "--out", "out", before=before)
    assert result.returncode == 4
    assert "ulimit" in one_line(result.stderr)

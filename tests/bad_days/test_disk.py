"""A disk that takes no more, while records and while charts are written."""

import subprocess
import sys

from tests.bad_days.conftest import FABRIC, Place, one_line, readable
from zbench.records import store

ON_TMPFS = (
    'mkdir -p small && mount -t tmpfs -o size="$1" none small && shift && "$@"; '
    "code=$?; cp -r small kept; exit $code"
)
"""A shell command that has a tiny file system for a while."""


def on_tmpfs(
    place: Place, mounting: tuple[str, ...], size: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return place.run(*arguments, before=(*mounting, "sh", "-c", ON_TMPFS, "sh", size))


def test_a_full_disk_keeps_every_finished_record(place: Place, mounting: tuple[str, ...]) -> None:
    """Exit 4; the line names the directory and what to do; no half record, no part file."""
    result = on_tmpfs(place, mounting, "28k", "run", *FABRIC, "--launches", "50", "--out", "small/out")
    told = one_line(result.stderr)
    assert result.returncode == 4
    assert told.startswith("zbench: error: small/out: cannot be written any more: No space left on device")
    assert "`zbench run --resume small/out`" in told
    kept = place.path / "kept" / "out"
    lines = (kept / store.RECORDS_FILE).read_bytes()
    assert lines.endswith(b"}\n")
    assert store.load(kept)[1]
    assert list(kept.glob("*.part")) == []


def test_a_full_disk_before_anything_is_measured(place: Place, mounting: tuple[str, ...]) -> None:
    """Nothing was lost, and the line does not speak of what was finished."""
    result = on_tmpfs(place, mounting, "4k", "run", *FABRIC, "--out", "small/out")
    assert result.returncode in (2, 4)
    assert "cannot be written" in one_line(result.stderr)
    assert "--out" in one_line(result.stderr)


def test_a_full_disk_while_charts_are_drawn(place: Place, mounting: tuple[str, ...]) -> None:
    """The records are whole, and are drawn elsewhere."""
    result = on_tmpfs(place, mounting, "32k", "run", *FABRIC, "--out", "small/out")
    told = one_line(result.stderr)
    assert result.returncode == 4
    assert "charts and page cannot be written: No space left on device" in told
    assert "`zbench report small/out --out ELSEWHERE`" in told
    assert readable(place.path / "kept" / "out") == "complete"
    assert not (place.path / "kept" / "out" / "report.html").exists()
    assert place.run("report", "kept/out", "--out", "elsewhere").returncode == 0


APPEND = """
import sys
from pathlib import Path
import msgspec
from zbench.errors import NotKept
from zbench.records import store
directory = Path(sys.argv[1])
_, (record, *_) = store.load(directory)
for number in range(9, 99):
    try:
        store.append(directory, msgspec.structs.replace(record, block=number, launch=number))
    except NotKept as error:
        sys.exit(str(error))
"""


def test_a_record_that_is_half_written_is_taken_back(place: Place) -> None:
    """Where nothing can be mounted: by a limit on the size of files, in the middle of a line."""
    assert place.run("run", *FABRIC, "--out", "out").returncode == 0
    command = ("prlimit", "--fsize=20000", sys.executable, "-c", APPEND, "out")
    stderr = place.start(*command).communicate(timeout=60)[1]
    assert "out: cannot be written any more: File too large" in one_line(stderr)
    data = (place.out / store.RECORDS_FILE).read_bytes()
    assert data.endswith(b"}\n")
    assert 10000 < len(data) < 20000
    assert len(place.load()[1]) == data.count(b"\n")

"""Files and processes that a shell or a container does not grant."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_days.conftest import CARD, FABRIC, Place, one_line, readable


@pytest.mark.parametrize(("files", "ranks"), [(8, 2), (16, 8), (32, 32)])
def test_too_few_open_files(files: int, ranks: int, place: Place) -> None:
    """Which limit, what it is now, and how it is raised."""
    before = ("prlimit", f"--nofile={files}")
    result = place.run("run", *FABRIC, "--ranks", str(ranks), "--out", "out", before=before)
    told = one_line(result.stderr)
    assert result.returncode == 4
    assert f"raise the limit on open files, now {files}, with `ulimit -n`" in told
    assert readable(place.out) == "invalid"


def test_few_open_files_are_enough(place: Place) -> None:
    """For two ranks; nothing is kept open without need."""
    result = place.run("run", *FABRIC, "--ranks", "2", "--out", "out", before=("prlimit", "--nofile=16"))
    assert result.returncode == 0, result.stderr


@pytest.fixture
def rationed() -> Iterator[Path]:
    """A control group in which the number of processes and threads can be limited."""
    for mount in (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup")):
        group = mount / f"zbench-test-{secrets.token_hex(4)}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / "pids.max").exists():
                yield group
                return
        finally:
            group.rmdir()
    pytest.skip("no control group of processes can be made here: too few processes were not tested")


@pytest.mark.parametrize("most", [1, 2, 3])
def test_too_few_processes(most: int, rationed: Path, place: Place) -> None:
    """For this process's libraries, for a worker, for a worker's threads."""
    (rationed / "pids.max").write_text(str(most))
    enter = ("sh", "-c", f'echo $$ > {rationed}/cgroup.procs && exec "$@"', "sh")
    arguments = (*CARD[:-1], "gemm/fp32/256*threads=2")
    result = place.run("run", *arguments, "--out", "out", before=enter)
    assert result.returncode == 4, result.stderr
    assert "ulimit -u" in result.stderr.splitlines()[-1]
    assert readable(place.out) == "invalid"


@pytest.mark.skipif(os.geteuid() == 0, reason="RLIMIT_NPROC does not bind root: it was not tested")
def test_too_few_processes_of_a_user(place: Place) -> None:
    """`ulimit -u`."""
    result = place.run("run", *FABRIC, "--out", "out", before=("prlimit", "--nproc=1"))
    assert result.returncode == 4
    assert "ulimit -u" in one_line(result.stderr)

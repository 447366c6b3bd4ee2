"""`zbench doctor` on the machine of the tests, and its screen for a machine of their own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zbench.catalogue import Backend, Offer, backends
from zbench.measure.doctor import Finding
from zbench.measure.fingerprint import fingerprint
from zbench.report.checkup import render_checkup


def doctor(
    *arguments: str, limit: Callable[[], None] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zbench.cli", "doctor", *arguments],
        env=os.environ | environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=limit,
    )


def test_the_document_has_all_three_parts() -> None:
    """Fingerprint, findings, backends; the exit code follows from the findings."""
    result = doctor("--format", "json", MKL_DEBUG_CPU_TYPE="5")
    found = json.loads(result.stdout)
    levels = {finding["topic"]: finding["level"] for finding in found["findings"]}
    assert result.returncode == (4 if "invalid" in levels.values() else 0)
    assert found["fingerprint"]["cpus_usable"] == len(os.sched_getaffinity(0))
    assert levels["environment"] == "careful"
    assert {"card cpu", "card numpy", "fabric shm"} <= {each["name"] for each in found["backends"]}


def test_what_makes_measurements_invalid_exits_with_4() -> None:
    """Too few open files; the command that raises the limit really does."""
    low = 60
    result = doctor(
        limit=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (low, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )
    )
    assert result.returncode == 4
    assert "✗ open files: 60" in result.stdout
    (change,) = [line for line in result.stdout.splitlines() if "change  ulimit" in line]
    shell = f"ulimit -S -n {low}; {change.partition('change')[2]}; ulimit -S -n"
    told = subprocess.run(["bash", "-c", shell], check=True, capture_output=True, text=True).stdout
    assert int(told) > low


@pytest.mark.parametrize("columns", [40, 100])
def test_the_screen_fits_in_ascii(columns: int) -> None:
    """Only a single word of a command may be longer: it must be copied in one piece."""
    result = doctor(COLUMNS=str(columns), LC_ALL="C", PYTHONIOENCODING="ascii")
    assert result.stdout.isascii()
    long = [line.removesuffix("\\").split() for line in result.stdout.splitlines() if len(line) > columns]
    assert all(len(words) == 1 for words in long), long


FINDINGS = [
    Finding(topic="governor", level="careful", found="powersave", where="/sys/g", why="slow at first",
            change=("echo performance | sudo tee /sys/a/long/path/that/is/copied /sys/b",),
            undo=("echo powersave | sudo tee /sys/a/long/path/that/is/copied /sys/b",)),
    Finding(topic="siblings", level="careful", found="2", where="/sys/s", why="shared",
            change=("taskset -c 0 zbench run",)),
    Finding(topic="turbo", level="unknown", found="not here", where="/sys/t"),
    Finding(topic="clock", level="fine", found="tsc", where="/sys/c"),
]  # fmt: skip


def test_commands_can_be_pasted_from_a_narrow_screen() -> None:
    """A command that is folded gets backslashes, so that a shell reads it as one line again."""
    screen = render_checkup(fingerprint({}), FINDINGS, [], 40, True)
    block = screen.partition("undo    ")[2].partition("\n!")[0]
    told = subprocess.run(
        ["bash", "-c", f'sudo() {{ echo "$@" >&2; cat > /dev/null; }}; {block}'],
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0
    assert told.stderr.split() == ["tee", "/sys/a/long/path/that/is/copied", "/sys/b"]


def test_a_change_without_undo_says_why() -> None:
    """`taskset` lasts for its command; a finding that is fine is one line without its file."""
    screen = render_checkup(fingerprint({}), FINDINGS, [], 100, False)
    assert "undo    nothing: it lasts for that command" in screen
    assert "+ clock: tsc\n" in screen
    assert "/sys/c" not in screen
    assert screen.isascii()
    assert "2 careful, 1 unknown, 1 fine" in screen


def test_devices_that_nothing_drives_are_named(tmp_path: Path) -> None:
    """With where it stands how a card is added; not where an installed card computes elsewhere."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    host = Offer(kind="card", name="cpu", target="a:b", package="zbench", version="1", memory=("host",))
    device = Offer(kind="card", name="gpu", target="a:c", package="vendor", version="1", memory=("cuda",))
    named = {each.name: each for each in backends([host], tmp_path)}
    assert not named["/dev/nvidia0"].present
    assert "adding-a-card" in named["/dev/nvidia0"].get
    assert "/dev/nvidia0" not in {each.name for each in backends([host, device], tmp_path)}


def test_what_is_missing_comes_with_how_to_get_it() -> None:
    """A plug-in that does not load, told on the screen."""
    broken = Offer(kind="card", name="gpu", target="a:c", package="vendor", version="1", why="no driver")
    (found, *_) = backends([broken])
    assert found == Backend(
        name="card gpu",
        present=False,
        about="does not load: no driver",
        get="install what it needs, or mend vendor",
    )
    screen = render_checkup(fingerprint({}), FINDINGS, [found], 100, True)
    assert "- card gpu: does not load: no driver\n    get  install what it needs, or mend vendor\n" in screen

"""The log of all attempts: its lines hold each other, and one that was broken off stays."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.certified import PASSED, attempt, plan
from zbench.cli import main
from zbench.conformance import chain
from zbench.conformance.attempts import attempts
from zbench.conformance.canonical import canonical, parse
from zbench.conformance.chain import Rejected, appended, digest, read
from zbench.errors import UsageError, ZbenchError

TINY = ["--card", "cpu", "--level", "L1", "--test", "GE-21", "--dtype", "fp32"]
Lines = list[bytes]


def lines_of(directory: Path) -> Lines:
    return (directory / chain.FILE).read_bytes().splitlines()


def relinked(lines: Lines) -> Lines:
    """With every digest made again, as whoever edits the log would."""
    made: Lines = []
    for line in lines:
        entry = parse(line, chain.LINE_MOST)
        entry["prev_sha256"] = digest(made[-1]) if made else chain.FIRST
        made.append(canonical(entry))
    return made


def test_every_line_carries_the_digest_of_the_one_before(tmp_path: Path) -> None:
    """And a number, over all attempts."""
    attempt(tmp_path, (PASSED,))
    attempt(tmp_path, (PASSED,))
    lines = lines_of(tmp_path)
    entries = read(b"\n".join(lines) + b"\n")
    assert [entry.seq for entry in entries] == list(range(1, 11))
    assert [entry.prev_sha256 for entry in entries[1:]] == [digest(line) for line in lines[:-1]]
    assert [entry.kind for entry in entries[:5]] == ["plan", "launch", "outcome", "libraries", "end"]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda lines: lines[1:], ":1: seq: expected 1, found 2"),
        (lambda lines: [*lines[:2], *lines[3:]], ":3: seq: expected 3, found 4: a line is missing"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], ":2: seq: expected 2, found 3"),
        (lambda lines: [*lines, lines[-1]], ":11: seq: expected 11, found 10"),
        (lambda lines: lines[5:], ":1: seq: expected 1, found 6"),
        (lambda lines: relinked([*lines[:5], *lines[6:]]), ":6: seq: expected 6, found 7"),
        (
            lambda lines: [lines[0].replace(b'"seed":"7"', b'"seed":"8"'), *lines[1:]],
            ":2: prev_sha256: line 1",
        ),
        (lambda lines: [lines[0].replace(b'"seq":1', b'"seq": 1'), *lines[1:]], ":1: not in canonical form"),
        (
            lambda lines: [lines[0].replace(b'"kind":"plan"', b'"kind":"plot"'), *lines[1:]],
            ":1: Invalid enum",
        ),
        (
            lambda lines: relinked([_at(lines[0], "1000"), _at(lines[1], "999"), *lines[2:]]),
            ":2: monotonic_ns: earlier",
        ),
        (lambda lines: relinked([_of_month_13(lines[0]), *lines[1:]]), ":1: utc: no time"),
    ],
)
def test_a_line_that_is_missing_moved_or_edited_is_named(
    edit: Callable[[Lines], Lines], told: str, tmp_path: Path
) -> None:
    """SE-3: first lines, whole attempts, single bytes; and times that run backwards."""
    attempt(tmp_path, (PASSED,))
    attempt(tmp_path, (PASSED,))
    with pytest.raises(Rejected) as rejected:
        read(b"\n".join(edit(lines_of(tmp_path))) + b"\n")
    assert str(rejected.value).startswith(chain.FILE + told)


def _of_month_13(line: bytes) -> bytes:
    return canonical(parse(line, chain.LINE_MOST) | {"utc": "2026-13-01T00:00:00.000Z"})


def _at(line: bytes, monotonic_ns: str) -> bytes:
    return canonical(parse(line, chain.LINE_MOST) | {"monotonic_ns": monotonic_ns})


@pytest.mark.parametrize("kind", ["outcome", "end", "launch", "libraries"])
def test_nothing_stands_outside_an_attempt(kind: str, tmp_path: Path) -> None:
    """Before the first plan, or behind an end."""
    with appended(tmp_path) as (log, _):
        log.add(kind, {})
    with pytest.raises(Rejected, match=r"attempts.jsonl:1: kind: .* outside an attempt"):
        attempts(read((tmp_path / chain.FILE).read_bytes()))


def test_a_line_that_a_killed_writer_left_is_cut_off_and_told(tmp_path: Path) -> None:
    """Until then the log is rejected."""
    with appended(tmp_path) as (log, _):
        log.add("plan", plan(PASSED))
    with open(tmp_path / chain.FILE, "ab") as file:
        file.write(b'{"body":')
    with pytest.raises(Rejected, match="last line is cut off"):
        read((tmp_path / chain.FILE).read_bytes())
    attempt(tmp_path, (PASSED,))
    found = attempts(read((tmp_path / chain.FILE).read_bytes()))
    assert [each.state for each in found] == ["cut off", "complete"]
    assert found[1].plan.cut_bytes == len(b'{"body":')


def test_a_log_that_does_not_hold_gets_no_further_line(tmp_path: Path) -> None:
    """Nobody's mistake is built upon."""
    attempt(tmp_path, (PASSED,))
    before = (tmp_path / chain.FILE).read_bytes().replace(b'"seed":"7"', b'"seed":"8"')
    (tmp_path / chain.FILE).write_bytes(before)
    with pytest.raises(UsageError, match=r"attempts.jsonl:2: prev_sha256: .* name a new directory"):
        attempt(tmp_path, (PASSED,))
    assert (tmp_path / chain.FILE).read_bytes() == before


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    """In one line; and what stands there is whole."""
    with appended(tmp_path) as (log, _):
        log.add("plan", plan(PASSED))
        before = (tmp_path / chain.FILE).read_bytes()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
        try:
            with pytest.raises(ZbenchError, match="cannot be written: File too large"):
                log.add("outcome", PASSED)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / chain.FILE).read_bytes() == before


def test_a_killed_run_stands_in_the_certificate_of_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL after the plan was written: what was to be asked, and that it had no end."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "zbench.cli", "conform", *TINY, "--out", str(out)]
    running = subprocess.Popen(command, cwd="/", start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (out / chain.FILE).exists() or not (out / chain.FILE).stat().st_size:
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert main(["conform", *TINY, "--out", str(out)]) == 0
    assert f"zbench verify {out}/certificate.json" in capsys.readouterr().out.replace("\\\n", "").replace(
        "  ", ""
    )
    assert main(["verify", str(out / "certificate.json")]) == 0
    assert "2 in this log, 1 of them complete" in capsys.readouterr().out

"""`zbench conform` as a person and as CI meet it: exit codes, documents, and commands that show it again."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from zbench.conformance import launches
from zbench.conformance.item import Failure, Outcome
from zbench.conformance.launches import Ask, conform
from zbench.report.conformance import outcomes_json, outcomes_junit
from zbench.subject import parse

PLUGINS = Path(__file__).parent / "plugins"


def zbench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zbench.cli", *words]
    environment = os.environ | {"PYTHONPATH": str(PLUGINS)}
    # From a folder without a `zbench`: the installed one is tested.
    return subprocess.run(command, cwd=PLUGINS, env=environment, capture_output=True, text=True, timeout=120)


def conformed(*words: str) -> tuple[int, list[dict[str, Any]]]:
    """(exit code, outcomes) of `zbench conform` with these words, told as JSON."""
    found = zbench("conform", *words, "--format", "json")
    assert found.stdout, found.stderr
    return found.returncode, json.loads(found.stdout)["outcomes"]


LIMIT_S = 8.0
"""Of a test that hangs: also as long as its process may take to start."""
ONE = ("--test", "GE-21", "--dtype", "fp32", "--attempt", "1x1x1 *")


def test_a_right_card_passes() -> None:
    """With 0, and a record of the stable form for each outcome."""
    code, (found,) = conformed("--card", "numpy", *ONE)
    assert (code, found["status"], found["scope"], found["failures"]) == (0, "PASS", "fp32", [])
    assert found["title"]


def test_a_failure_is_shown_again_by_its_command() -> None:
    """1, and the same attempt fails for the same reason by the words that are printed."""
    code, (found,) = conformed("--card", "wrong.card:Flat", "--test", "GE-21", "--dtype", "fp32")
    assert (code, found["status"]) == (1, "FAIL")
    program, verb, *words = shlex.split(found["repro"])
    assert (program, verb) == ("zbench", "conform")
    code, (again,) = conformed(*words)
    assert (code, again["status"], again["tried"]) == (1, "FAIL", 1)
    assert again["failures"][0] == found["failures"][0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--test", "GE-1"], "--test GE-1: no such test (did you mean 'GE-"),
        (["--dtype", "fp33"], "--dtype fp33: no such dtype (did you mean 'fp32'?)"),
        (["--card", "numpy", "--dtype", "fp8e4m3"], "--dtype fp8e4m3: card numpy has products of fp32, fp64"),
        (["--ranks", "0"], "--ranks 0: a world has one rank or more"),
        (["--seed", "-1"], "--seed -1"),
        (["--level", "L6"], "invalid choice: 'L6'"),
    ],
)
def test_wrong_words_are_told_in_a_line(words: list[str], told: str) -> None:
    """2, and nothing on standard output."""
    found = zbench("conform", *words)
    assert (found.returncode, found.stdout) == (2, "")
    assert told in found.stderr


def test_what_was_not_tried_is_no_success_where_that_counts() -> None:
    """3 with --strict, 0 without; 4 where nothing else was tried."""
    words = ("--fabric", "shm", "--ranks", "2", "--test", "CO-23", "--test", "CO-28")
    assert [conformed(*words, *more)[0] for more in ((), ("--strict",))] == [0, 3]
    assert conformed(*words[:-2])[0] == 4


def test_a_test_that_cannot_begin_says_nothing_of_the_subject() -> None:
    """4, with the reason."""
    code, (found,) = conformed("--fabric", "shaky.fabrics:Absent", "--ranks", "2", "--test", "CO-28")
    assert (code, found["status"]) == (4, "HARNESS_ERROR")
    assert "no such device" in found["why"]


def test_a_process_that_ends_takes_one_test_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is told which, and the rest is asked of another process."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.setenv("WENT_WRONG", str(tmp_path / "went-wrong"))
    monkeypatch.syspath_prepend(PLUGINS)
    ask = Ask(parse("card", "wrong.card:Aborts"), "L0", 0, ("GE-21", "GE-22"), ("fp32",))
    assert {each.id: each.status for each in conform(ask)} == {"GE-21": "CRASH", "GE-22": "PASS"}


def test_a_world_that_hangs_takes_one_test_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """More ranks than CPUs may be why: a library that polls without yielding takes a time slice for each
    message. The rest is asked of another world."""
    items = [item for item in launches.COLLECTIVES if item.id in ("CO-22", "CO-23")]
    hasty = tuple(dataclasses.replace(item, limit_s=LIMIT_S) for item in items)
    monkeypatch.setattr(launches, "COLLECTIVES", hasty)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(PLUGINS)
    ask = Ask(parse("fabric", "shaky.fabrics:Hangs"), "L0", 0, ("CO-22", "CO-23"), ranks=(2,))
    found = {each.id: each for each in conform(ask)}
    assert {id: each.status for id, each in found.items()} == {"CO-22": "TIMEOUT", "CO-23": "NOT_SUPPORTED"}
    assert "2 ranks share the 1 usable CPUs of this host, try fewer" in found["CO-22"].why


OUTCOMES = [
    Outcome("GE-21", "cpu", "card", "fp32", "PASS", "L1", tried=3, facts={"block": "8"}),
    Outcome("GE-25", "cpu", "card", "int8", "NOT_SUPPORTED", "L1", why="no accumulator of floats"),
    Outcome(
        "CO-01", "shm", "fabric", "P=2", "FAIL", "L1", 9, 1, (Failure("x", "<1>"),), "x: <1>", "zbench y"
    ),
    Outcome("CO-20", "shm", "fabric", "P=2", "HARNESS_ERROR", "L1", why="not begun"),
]


def test_junit_has_a_testsuite_for_each_subject() -> None:
    """What is wrong is a failure with its command, what was not tried is skipped, a test's own fault an
    error."""
    root = ElementTree.fromstring(outcomes_junit(OUTCOMES, "L1", 0, []).encode())
    card, fabric = root
    told = ("tests", "failures", "errors", "skipped")
    assert [card.get(name) for name in told] == ["2", "0", "0", "1"]
    assert [fabric.get(name) for name in told] == ["2", "1", "1", "0"]
    failure = fabric.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "FAIL: x: <1>; again: zbench y"


def test_json_has_every_field_of_every_outcome() -> None:
    """Also those that are empty, so that a program may rely on them."""
    found = json.loads(outcomes_json(OUTCOMES, "L1", 7, ["zbench", "conform"]))
    assert found["counts"] == {"PASS": 1, "NOT_SUPPORTED": 1, "FAIL": 1, "HARNESS_ERROR": 1}
    assert (found["version"], found["seed"], found["level"]) == (1, 7, "L1")
    assert all(set(each) == {"title", *Outcome.__struct_fields__} for each in found["outcomes"])
    assert found["outcomes"][2]["failures"] == [{"attempt": "x", "why": "<1>"}]

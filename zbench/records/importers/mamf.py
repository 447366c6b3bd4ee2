"""mamf-finder.py of stas00/ml-engineering, the text that it prints (benchmark versions 1 to 4).

A header (`** Dtype: torch.bfloat16`), a line a shape, rewritten in place (\\r), and a summary. TFLOPS are
10^12 FLOP/s with 2 m n k counted, shapes MxNxK, as in zbench. Version 1 tells the fastest iteration, 2 mean,
median and max, 3 and 4 rows under `# MxNxK mean median max` and two headlines: MAMF, the best burst at boost
clock, and MSMF, what is sustained.
"""

from __future__ import annotations

import re
from collections import Counter

from zbench.case import Case
from zbench.errors import UsageError
from zbench.records.importers.base import Answer, Asked, Told, dtype_of
from zbench.records.schema import Sheet
from zbench.workloads import workload

TOOL = "mamf-finder"
SHAPE = r"(\d{1,12})x(\d{1,12})x(\d{1,12})"
FIGURE = r"(\d+(?:\.\d+)?)"
FASTEST = re.compile(rf"\s*\d+ \|\s*{FIGURE} TFLOPS @ {SHAPE}\s*\|.*")
THREE = re.compile(rf"\s*\d+ \|\s*{FIGURE}\(mean\)\s+{FIGURE}\(median\)\s+{FIGURE}\(max\) @ {SHAPE}\s*\|.*")
SCOUT = re.compile(rf"\s*\d+\s+{SHAPE}\s+{FIGURE}\s+{FIGURE}\s+{FIGURE}\s+{FIGURE}(?:\s.*)?")
BEST = re.compile(rf"(mean|median|max):\s+{FIGURE} TFLOPS @ {SHAPE}.*")
BEST_1 = re.compile(rf"The best outcome was {FIGURE} ?TFLOPS @ {SHAPE}.*")
HEADLINE = re.compile(rf"(MAMF|MSMF) \(.*?\):\s+{FIGURE} TFLOPS @ {SHAPE}.*")
MEANS = re.compile(r"(?:arithmetic mean|geometric mean|geomean):.*")
COLUMNS = re.compile(r"\s*#?\s+MxNxK\s+(.*)")
SCOUT_COLUMNS = "mean median max best"
REGIMES = {"MAMF": ("boost burst", "min"), "MSMF": ("sustained", "mean")}
"""Headline -> how the card ran, and the statistic: the five fastest iterations, or a window of seconds."""
OTHER_UNIT = re.compile(r"\d\s*[GP]FLOPS")
HEADING = ("**", "- ", "python", "/")
"""How lines of the header begin, whatever they quote."""


def read(text: str, file: str, asked: Asked) -> Told:
    """Raises UsageError."""
    figures: dict[tuple[tuple[int, ...], str], dict[str, float]] = {}
    left_out: Counter[str] = Counter()
    dtype = device = torch = columns = ""
    for number, line in _lines(text):
        if found := re.fullmatch(r"\*\* Dtype: (\S+)\s*", line):
            dtype = found[1]
        elif found := re.search(r"DeviceProperties\(.*?name='(.*?)'", line):
            device = found[1]
        elif found := re.match(r"(?:- )?torch=(\S+)", line):
            torch = found[1]
        elif found := COLUMNS.fullmatch(line):
            columns = " ".join(found[1].split()[:4])
        elif (told := _figures(line, columns)) is not None:
            shape, regime, statistics = told
            place = figures.setdefault((shape, regime), {})
            for statistic, tflops in statistics.items():
                place.setdefault(statistic, tflops)
        elif MEANS.fullmatch(line.strip()):
            left_out["a mean over shapes, which is no case"] += 1
        elif OTHER_UNIT.search(line):
            raise UsageError(f"{file}:{number}: the unit is not understood; mamf-finder writes TFLOPS")
        elif re.search(SHAPE, line) and not line.startswith(HEADING):
            left_out["lines of the search itself (screens and confirmations)"] += 1
    if not figures:
        raise UsageError(
            f"{file}:1: no result of mamf-finder, such as 'mean: 35.1 TFLOPS @ 4096x4096x4096 (MxNxK)'"
        )
    of = dtype_of(dtype, file, asked)
    variant = ({"device": device} if device else {}) | ({"torch": torch} if torch else {})
    answers = [
        answer
        for (shape, regime), statistics in figures.items()
        if (answer := _answer(shape, of, variant | ({"ran": regime} if regime else {}), statistics))
    ]
    if len(answers) < len(figures):
        left_out["figures of 0, below what the tool prints"] += len(figures) - len(answers)
    machine = [{"host": None, "device": device, "told by": TOOL}] if device else []
    return Told(TOOL, "torch", answers, left_out, machine)


def _lines(text: str) -> list[tuple[int, str]]:
    """Lines with their numbers; what was overwritten in place is kept, and what colours it is not."""
    return [
        (number, re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", part))
        for number, line in enumerate(text.split("\n"), 1)
        for part in line.split("\r")
        if part.strip()
    ]


def _figures(line: str, columns: str) -> tuple[tuple[int, ...], str, dict[str, float]] | None:
    """(shape, how the card ran, statistic -> TFLOPS) of a line that tells a result."""
    if found := THREE.fullmatch(line):
        mean, median, fastest, *shape = found.groups()
        return _shape(shape), "", {"mean": float(mean), "median": float(median), "min": float(fastest)}
    if found := FASTEST.fullmatch(line) or BEST_1.fullmatch(line):
        fastest, *shape = found.groups()
        return _shape(shape), "", {"min": float(fastest)}
    if columns == SCOUT_COLUMNS and (found := SCOUT.fullmatch(line)):
        *shape, mean, median, fastest, _ = found.groups()
        return _shape(shape), "", {"mean": float(mean), "median": float(median), "min": float(fastest)}
    if found := BEST.fullmatch(line):
        name, tflops, *shape = found.groups()
        return _shape(shape), "", {"min" if name == "max" else name: float(tflops)}
    if found := HEADLINE.fullmatch(line):
        name, tflops, *shape = found.groups()
        regime, statistic = REGIMES[name]
        return _shape(shape), regime, {statistic: float(tflops)}
    return None


def _shape(parts: list[str]) -> tuple[int, ...]:
    return tuple(map(int, parts))


def _answer(
    shape: tuple[int, ...], dtype: str, variant: dict[str, str], statistics: dict[str, float]
) -> Answer | None:
    """The highest rate is the least time, so `max` of a rate is `min` of a time."""
    case = Case("gemm", dtype, shape)
    flops = workload("gemm").flops(case)
    times = {name: flops / tflops / 1e3 for name, tflops in statistics.items() if tflops > 0}
    if not times or not flops:
        return None
    if "median" in times:
        return Answer(case, variant, Sheet("median", times.pop("median"), times))
    if "mean" in times:
        return Answer(case, variant, Sheet("mean", times.pop("mean"), times))
    return Answer(case, variant, Sheet("min", times["min"]))

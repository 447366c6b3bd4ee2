"""OSU Micro-Benchmarks: the text that they print (versions 3 to 7), one table or several.

`# OSU MPI[-CUDA] NAME Test vX`, `# Datatype:` and `# [ pairs: N ]` lines, a line of columns, rows. Latencies
are us, of a point-to-point test half the round trip; MB/s are 10^6 bytes a second. `-f` adds min, max (over
ranks) and iterations, `-z` percentiles (of the mean over ranks of each iteration), `-c` a validation.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field

from zbench.case import Case
from zbench.errors import UsageError
from zbench.records.importers.base import Answer, Asked, Told, dtype_of, ranks_of
from zbench.records.schema import Sheet, Verification
from zbench.workloads import workload

TOOL = "osu"
TESTS = {
    "Latency": ("pingpong", 2, "mpi_char"),
    "Bandwidth": ("unidirectional", 2, "mpi_char"),
    "Bi-Directional Bandwidth": ("bidirectional", 2, "mpi_char"),
    "Multiple Bandwidth / Message Rate": ("message_rate", 2, "mpi_char"),
    "Allreduce Latency": ("allreduce", 0, "mpi_float"),
    "Broadcast Latency": ("bcast", 0, "mpi_char"),
    "Barrier Latency": ("barrier", 0, "mpi_char"),
}
"""Title -> workload, ranks (0: not told), the datatype before `# Datatype:` lines (version 7)."""
HEADER = re.compile(r"#?\s*OSU MPI(?:-(\w+))?(?: MANAGED)? (.+?) Test(?: v([\w.]+))?\s*")
PAIRS = re.compile(r"#\s*\[ pairs: (\d+) \].*")
BUFFERS = re.compile(r"#\s*Send Buffer on (\w+) .*Receive Buffer on (\w+).*")
FIRST = {"latency(us)", "avglatency(us)", "bandwidth(mb/s)", "bi-bandwidth(mb/s)", "messages/s", "mb/s"}
"""Columns that hold the figure, in lower case and without blanks."""
BESIDE = {"minlatency(us)": "min", "maxlatency(us)": "max"}
SIZE = re.compile(r"\d{1,18}", re.ASCII)
PERCENTILE = re.compile(r"p(\d+)taillat\(us\)")
NOT_KEPT = re.compile(r"iterations|transmitsize|p\d+tailbw\(mb/s\)|mb/s")


@dataclass
class Table:
    """One test, while its lines are read."""

    title: str
    version: str
    memory: str
    dtype: str = ""
    pairs: int = 1
    columns: list[str] = field(default_factory=list)

    @property
    def test(self) -> tuple[str, int, str] | None:
        return TESTS.get(self.title)


def read(text: str, file: str, asked: Asked) -> Told:
    """Raises UsageError."""
    answers: list[Answer] = []
    left_out: Counter[str] = Counter()
    table: Table | None = None
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{file}:{number}"
        if header := HEADER.fullmatch(line):
            table = Table(header[2], header[3] or "", "device" if header[1] else "host")
        elif not line.strip("# \t"):
            continue
        elif table is None or not _is_figure(line):
            if table is None and _is_row(line):
                raise UsageError(
                    f"{where}: figures before any '# OSU MPI ... Test' header; keep it in the file"
                )
            if table is None or not _heading(table, line, where):
                left_out["lines that belong to no table"] += 1
        elif table.test is None:
            left_out[f"OSU {table.title} Test, of which zbench has no case"] += 1
        elif not table.columns:
            raise UsageError(f"{where}: figures before the line that names their columns")
        else:
            answer = _answer(table, line.split(), where, asked, left_out)
            answers += [answer] if answer else []
    if table is None:
        raise UsageError(f"{file}:1: no header of an OSU benchmark, such as '# OSU MPI Latency Test v7.4'")
    return Told(TOOL, "mpi", answers, left_out)


def _is_figure(line: str) -> bool:
    """Whether a line begins as a row does; log lines of MPI and of the batch system stand between rows."""
    try:
        float(line.split()[0])
    except ValueError:
        return False
    return True


def _is_row(line: str) -> bool:
    return bool(re.fullmatch(r"\s*\d+(\s+[\d.]+)+\s*", line))


def _heading(table: Table, line: str, where: str) -> bool:
    """Take what a line between title and rows says; whether it says anything. Raises UsageError."""
    words = line.strip("# \t")
    if found := PAIRS.fullmatch(line):
        table.pairs = int(found[1])
    elif found := BUFFERS.fullmatch(line):
        table.memory = found[1].lower() if found[1] == found[2] else "host and device"
    elif words.startswith("Datatype:"):
        table.dtype = words.removeprefix("Datatype:").strip(" .")
    elif words.startswith(("Size", "Avg Latency", "Bandwidth", "Overall", "MB/s")):
        columns = [re.sub(r"\s", "", name).lower() for name in re.split(r"\s{2,}", words)]
        if table.test is not None:
            _understood(columns, where)
        table.columns = columns
    else:
        return line.lstrip().startswith("#")  # a comment
    return True


def _understood(columns: list[str], where: str) -> None:
    """Raises UsageError for a column, or a unit, that is not known."""
    for name in columns:
        known = name in {"size", "validation", *FIRST, *BESIDE}
        if not (known or PERCENTILE.fullmatch(name) or NOT_KEPT.fullmatch(name)):
            raise UsageError(
                f"{where}: column {name!r} is not understood; latencies in us, bandwidth in MB/s are"
            )


def _answer(
    table: Table, cells: list[str], where: str, asked: Asked, left_out: Counter[str]
) -> Answer | None:
    """One row, or None and the reason counted."""
    assert table.test is not None
    name, ranks, dtype = table.test
    if len(cells) != len(table.columns):
        left_out[
            f"line {where.rpartition(':')[2]}, of {len(cells)} figures for {len(table.columns)} columns"
        ] += 1
        return None
    if table.pairs > 1:
        left_out[f"figures of {table.pairs} pairs together, where zbench measures one"] += 1
        return None
    row = dict(zip(table.columns, cells, strict=True))
    if not SIZE.fullmatch(row.get("size", "0")):
        raise UsageError(f"{where}: {row['size']!r} is no number of bytes")
    size = int(row.get("size", "0"))
    case = Case(
        name,
        "byte" if name == "bcast" else dtype_of(table.dtype or dtype, where, asked),
        (size,),
        {"ranks": ranks or ranks_of(0, where, asked)},
    )
    times = _times(row, case, where)
    for column in row:
        if NOT_KEPT.fullmatch(column) and not (column == "mb/s" and "messages/s" not in row):
            left_out[f"column {column}"] += 1
    statistic = "median" if "median" in times else "mean"
    if statistic not in times:
        left_out["rows without a mean or a median"] += 1
        return None
    if not all(math.isfinite(ns) for ns in times.values()):
        left_out["figures that are no number"] += 1
        return None
    if min(times.values()) <= 0:
        left_out["figures of 0, below what the tool prints"] += 1
        return None
    return Answer(
        case,
        {"memory": table.memory} | ({"osu": table.version} if table.version else {}),
        sheet=Sheet("median" if statistic == "median" else "mean", times.pop(statistic), times),
        verification=_verification(row.get("validation", "")),
    )


def _times(row: dict[str, str], case: Case, where: str) -> dict[str, float]:
    """Statistic -> ns of one execution."""
    operations = workload(case.workload).operations(case)
    times: dict[str, float] = {}
    for column, cell in row.items():
        if column in ("size", "validation"):
            continue
        try:
            value = float(cell)
        except ValueError:
            raise UsageError(f"{where}: {cell!r} is no figure") from None
        if "latency(us)" in column or PERCENTILE.fullmatch(column):
            percentile = PERCENTILE.fullmatch(column)
            named = {"50": "median"}.get(percentile[1], f"p{percentile[1]}") if percentile else "mean"
            times[BESIDE.get(column, named)] = value * 1e3 * operations
        elif column == "messages/s":
            times["mean"] = operations * 1e9 / value if value else 0.0
        elif column in FIRST and "mean" not in times:  # MB/s of one message after the other
            times["mean"] = case.size[0] * operations * 1e3 / value if value else 0.0
    return times


def _verification(told: str) -> Verification | None:
    if told.lower() not in ("pass", "fail"):
        return None
    passed = told.lower() == "pass"
    why = "checked by the tool" if passed else "the tool's validation failed"
    return Verification(TOOL, checked=0, of=0, passed=passed, smallest_error=0.0, why=why)

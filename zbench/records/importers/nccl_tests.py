"""nccl-tests: the JSON of `-J FILE` (NVIDIA/nccl-tests, src/util.cu), with per-iteration times if any.

Times are us of one operation, the mean over ranks of operations that were queued back to back; sizes are
bytes of one rank's vector, as in zbench. With per-iteration timing `times_us` holds the maximum over
processes of each iteration. `nwrong` counts wrong elements of one more operation, after the timed ones.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import PurePath
from typing import Any

import msgspec

from zbench.case import Case
from zbench.errors import UsageError
from zbench.records.importers.base import Answer, Asked, Told, dtype_of, ranks_of
from zbench.records.schema import Sheet, Verification

TOOL = "nccl-tests"
OPERATIONS = {"all_reduce": "allreduce", "broadcast": "bcast"}
"""Program, without `_perf` -> workload."""
Number = float | str | None
"""`"nan"` is written as a string."""


class Place(msgspec.Struct):
    time: Number = None
    """Absent where the CPU's time was asked for (-C)."""
    nwrong: Number = None


class PerIteration(msgspec.Struct):
    times_us: list[Number] = []


class Row(msgspec.Struct):
    size: int
    type: str
    redop: str = ""
    out_of_place: Place | None = None
    in_place: Place | None = None
    out_of_place_per_iter: PerIteration | None = None


class Device(msgspec.Struct):
    rank: int
    hostname: str = ""
    device_info: str = ""


class Config(msgspec.Struct):
    nthreads: int = 1
    ngpus: int = 1
    iterations: int = 1
    aggregated_iterations: int = 1
    blocking_collectives: str | bool = "false"
    devices: list[Device] = []


class File(msgspec.Struct):
    config: Config
    results: list[Row]
    args: list[str] = []
    nccl_version: int = 0


def read(text: str, file: str, asked: Asked) -> Told:
    """Raises UsageError."""
    found = _decoded(text, file)
    program = PurePath(found.args[0]).name if found.args else ""
    operation = program.partition("_perf")[0]
    left_out: Counter[str] = Counter()
    if operation not in OPERATIONS:
        can = ", ".join(f"{name}_perf" for name in OPERATIONS)
        what = f"{program} is no case of zbench" if program else "does not tell its program (args)"
        raise UsageError(f"{file}: {what}; these are: {can}")
    ranks = ranks_of(_ranks(found.config), file, asked)
    answers = []
    for index, row in enumerate(found.results):
        if row.in_place is not None:
            left_out["in place, where zbench measures out of place"] += 1
        answer = _answer(row, OPERATIONS[operation], ranks, found, f"{file}: results[{index}]", asked)
        if isinstance(answer, str):
            left_out[answer] += 1
        else:
            answers.append(answer)
    return Told(TOOL, "nccl", answers, left_out, _machines(found.config))


def _decoded(text: str, file: str) -> File:
    if not text.lstrip().startswith("{"):
        raise UsageError(f"{file}:1: not JSON; run the test with -J FILE, which writes it")
    try:
        return msgspec.json.decode(text, type=File)
    except (msgspec.DecodeError, RecursionError) as error:
        cut = "; a test that was killed leaves it unfinished" if "truncated" in str(error) else ""
        raise UsageError(f"{file}: not the JSON of nccl-tests: {error}{cut}") from None


def _ranks(config: Config) -> int:
    """Each process lists its first device only; 0: none is listed."""
    each = max(1, config.nthreads) * max(1, config.ngpus)
    return max((device.rank // each * each + each for device in config.devices), default=0)


def _answer(row: Row, workload: str, ranks: int, found: File, where: str, asked: Asked) -> Answer | str:
    """The out-of-place result, or why there is none."""
    if workload == "allreduce" and row.redop != "sum":
        return f"redop {row.redop}, where zbench sums"
    if row.out_of_place is None:
        return "no result out of place"
    time_us = _number(row.out_of_place.time)
    if not time_us:
        return "no time of the GPU (cputime, or nan)"
    # A broadcast moves bytes, whatever they mean.
    dtype = "byte" if workload == "bcast" else dtype_of(row.type, where, asked)
    samples = _samples(row, found.config)
    return Answer(
        Case(workload, dtype, (row.size,), {"ranks": ranks}),
        _variant(found),
        sheet=None if samples else Sheet("mean", time_us * 1e3),
        samples_ns=samples,
        verification=_verification(row.out_of_place, found.config.iterations),
    )


def _number(value: Number) -> float:
    """0 for everything that is no positive number."""
    return value if isinstance(value, float | int) and math.isfinite(value) and value > 0 else 0.0


def _samples(row: Row, config: Config) -> list[int]:
    """Nothing where several operations were timed as one: which, the file does not tell."""
    if row.out_of_place_per_iter is None or config.aggregated_iterations > 1:
        return []
    times = [_number(time) for time in row.out_of_place_per_iter.times_us]
    return [round(time * 1e3) for time in times] if all(times) else []


def _verification(place: Place, iterations: int) -> Verification | None:
    """None where the test ran without its check (-c 0)."""
    if not isinstance(place.nwrong, float | int):
        return None
    wrong = int(place.nwrong)
    told = f"{wrong} elements are wrong" if wrong else "one operation after the timed ones was checked"
    return Verification(TOOL, checked=0, of=iterations, passed=not wrong, smallest_error=0.0, why=told)


def _variant(found: File) -> dict[str, str]:
    variant = {"memory": "device"}
    if version := found.nccl_version:
        variant["nccl"] = f"{version // 10000}.{version // 100 % 100}.{version % 100}"
    if str(found.config.blocking_collectives).lower() != "true":
        variant["issued"] = "back to back"
    return variant


def _machines(config: Config) -> list[dict[str, Any]]:
    hosts: dict[str, list[str]] = {}
    for device in config.devices:
        hosts.setdefault(device.hostname, []).append(device.device_info)
    return [
        {"host": host, "device": ", ".join(dict.fromkeys(names)), "told by": TOOL}
        for host, names in hosts.items()
    ]

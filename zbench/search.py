"""Before the first launch: the shape at which each card multiplies fastest, found by pilots and then frozen.

What was found is measured with everything else, afresh and as an ordinary case: the pilot that won was lucky
too, so its figure is kept as a record of the search and never shown as a result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from zbench.case import Case
from zbench.measure.launch import crew, serve
from zbench.measure.memory import needed_bytes, room_bytes
from zbench.measure.plan import Group, Launch
from zbench.records import store
from zbench.session import Report, Session, order_of
from zbench.workloads import workload
from zbench.workloads.card_cases import DEVICE_SCALE
from zbench.workloads.mamf import STEPS, Shape, best, proposals


def search(current: Session, report: Report) -> None:
    """Search for every card that has not been searched yet, then ask every card what was found for any.

    Raises InvalidRun where a worker breaks off.
    """
    for group in current.groups:
        if group.suite == "card" and group.role == "measure" and group.subject not in current.run.searches:
            tried = _search(current, group, report)
            chosen = {dtype: _case(group, dtype, best(rates)).key for dtype, rates in tried.items() if rates}
            current.run.searches[group.subject] = {
                "chosen": chosen,
                "pilot_rates": {
                    _case(group, dtype, shape).key: rate
                    for dtype, rates in tried.items()
                    for shape, rate in rates.items()
                },
                "hash": hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16],
            }
            store.write_run(current.directory, current.run)
    found = {key for each in current.run.searches.values() for key in each["chosen"].values()}
    current.groups = [_asking(group, found) for group in current.groups]


def _search(current: Session, group: Group, report: Report) -> dict[str, dict[Shape, float]]:
    """dtype -> shape -> the rate that its pilot told."""
    tried: dict[str, dict[Shape, float]] = {dtype: {} for dtype in _dtypes(group)}
    scale = 1 if _threads(group) else DEVICE_SCALE
    for turn in range(1 + len(STEPS)):
        cases = {
            case.key: case
            for dtype, rates in tried.items()
            for shape in proposals(rates, turn, scale)
            if needed_bytes(case := _case(group, dtype, shape)) <= room_bytes()
        }
        if not cases:
            continue
        asked = replace(group, cases=tuple(cases.values()))
        order = order_of(current, Launch(asked, 0, -1, 0)) | {"type": "pilot"}
        with crew(asked) as workers:
            for message in serve(workers, order):
                if message["type"] == "burst":
                    report(current.done, current.planned, f"searching: {group.subject} {message['key']}")
                elif message["type"] == "table":
                    for key, median_ns in message["table"].items():
                        case = cases[key]
                        m, n, k = case.size
                        tried[case.dtype][m, n, k] = workload("gemm").value(case, median_ns)
    return tried


def _asking(group: Group, keys: set[str]) -> Group:
    """The group with the cases of these keys that it does not ask yet."""
    if group.suite != "card" or group.role == "anchor":
        return group
    asked = {case.key for case in group.cases}
    dtypes = set(_dtypes(group))
    more = [case for case in map(_of_key, sorted(keys - asked)) if case.dtype in dtypes]
    return replace(group, cases=(*group.cases, *more))


def _of_key(key: str) -> Case:
    """The case that a key of `_case` names."""
    name, dtype, size, *parameters = key.split("/")
    pairs = (parameter.partition("=") for parameter in parameters)
    return Case(
        name, dtype, tuple(int(n) for n in size.split("x")), {key: int(count) for key, _, count in pairs}
    )


def _case(group: Group, dtype: str, shape: Shape) -> Case:
    return Case("gemm", dtype, shape, _threads(group))


def _threads(group: Group) -> dict[str, int | str]:
    """The whole card, as its cases name it."""
    most = max((int(case.parameters.get("threads", 0)) for case in group.cases), default=0)
    return {"threads": most} if most else {}


def _dtypes(group: Group) -> Sequence[str]:
    """In which it is asked to multiply."""
    return list(dict.fromkeys(case.dtype for case in group.cases if case.workload == "gemm"))

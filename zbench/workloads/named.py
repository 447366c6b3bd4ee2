"""A case that somebody names in full: `allreduce/int32/4096/redop=max`, `gemm/bf16/1000x1000x1000`. Pure.

What no fabric and no card could do is told here, before anything is started.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES, RESULTS
from zbench.errors import UsageError, suggest
from zbench.fabrics.planned import BITWISE, INTEGERS, NOT_IN_PLACE, POINT_TO_POINT, REDOPS, SUMMED
from zbench.schedules.operation import OPERATIONS
from zbench.workloads.card_cases import plain

_SIDES = re.compile(r"([1-9]\d{0,8})x([1-9]\d{0,8})x([1-9]\d{0,8})", re.ASCII)
_BYTES = re.compile(r"\d{1,18}", re.ASCII)
BATCH_MOST = 10**6
"""More is a typing error."""
Known = Mapping[str, Callable[[str], int | str]]
"""Parameter -> what reads its value."""
_CHOICES = {
    "inplace": ("no", "yes"),
    "skew": ("even", "zipf"),
    "transa": ("n", "t"),
    "transb": ("n", "t"),
    "weights": ("plain", "prepacked"),
    "cache": ("warm", "cold"),
    "data": ("random", "zeros"),
    "redop": REDOPS,
}
_OF_PRODUCTS: Known = {
    "out": str,
    "batch": int,
    **dict.fromkeys(("transa", "transb", "weights", "cache", "data"), str),
}


def named(text: str, ranks: int) -> Case | None:
    """The case of `OPERATION/DTYPE/BYTES[/NAME=VALUE ...][/*]` in a world of `ranks`; None: a pattern, or
    something else. Raises UsageError, of one line, for a case that cannot be."""
    fields = _fields(text)
    if not fields or fields[0] not in OPERATIONS:
        return None
    op, dtype, size = fields[:3]
    takes = SUMMED if OPERATIONS[op].sums else ("byte",)
    if dtype not in takes:
        raise UsageError(f"--case {text}: {op} takes {', '.join(takes)}, not {dtype!r}")
    if not _BYTES.fullmatch(size):
        raise UsageError(f"--case {text}: the size is a number of bytes, not {size!r}")
    world: dict[str, int | str] = {"ranks": ranks}
    operation = OPERATIONS[op]
    known: dict[str, Callable[[str], int | str]] = {"ranks": int}
    known |= {"root": int} if operation.rooted else {}
    known |= {"redop": str} if operation.sums else {}
    known |= {"inplace": str} if op not in NOT_IN_PLACE else {}
    known |= {"skew": str} if op == "alltoallv" else {}
    case = Case(op, dtype, (int(size),), world | _parameters(text, op, fields[3:], known))
    if why := flaw(case, ranks):
        raise UsageError(f"--case {text}: {why}")
    return case


def named_product(text: str, where: Mapping[str, int | str]) -> Case | None:
    """The case of `gemm/DTYPE/MxNxK[/NAME=VALUE ...][/*]`; None: a pattern, or something else. `where`: how
    many threads a host's card has, which are taken unless fewer are named. Raises UsageError."""
    fields = _fields(text)
    if not fields or fields[0] != "gemm":
        return None
    _, dtype, size = fields[:3]
    if dtype not in RESULTS:
        raise UsageError(f"--case {text}: gemm takes {', '.join(RESULTS)}, not {dtype!r}")
    sides = _SIDES.fullmatch(size)
    if not sides:
        raise UsageError(f"--case {text}: the size of a product is m x n x k, as 64x64x64, not {size!r}")
    m, n, k = map(int, sides.groups())
    known = dict(_OF_PRODUCTS)
    known |= dict.fromkeys(where, int)
    case = Case("gemm", dtype, (m, n, k), {**where, **_parameters(text, "gemm", fields[3:], known)})
    if (out := str(case.get("out"))) not in RESULTS[dtype]:
        raise UsageError(
            f"--case {text}: out={out}: C of a product of {dtype} is {' or '.join(RESULTS[dtype])}"
        )
    for name, most in (("batch", BATCH_MOST), *where.items()):
        if not 1 <= int(case.parameters.get(name, 1)) <= int(most):
            raise UsageError(f"--case {text}: {name} is 1 to {most} here")
    return plain(case)


def _fields(text: str) -> list[str]:
    """What stands between slashes; none of a pattern."""
    fields = text.removesuffix("/*").split("/")
    return fields if len(fields) >= 3 and not set("*?[") & set("".join(fields)) else []


def flaw(case: Case, ranks: int) -> str:
    """Why no fabric of `ranks` could do it; else empty."""
    op, size_bytes, item_bytes = case.workload, case.size[0], NUMPY_DTYPES[case.dtype].itemsize
    unit = item_bytes * (ranks if op == "alltoall" else 1)
    if case.ranks < ranks:
        return (
            f"{case.ranks} of {ranks} ranks would leave {ranks - case.ranks} out; give --ranks {case.ranks}"
        )
    if case.ranks > ranks:
        return f"{case.ranks} ranks in a world of {ranks}; give --ranks {case.ranks}"
    if op in POINT_TO_POINT and ranks < 2:
        return "it needs two ranks; give --ranks 2"
    if size_bytes % unit:
        of = (
            f"elements of {case.dtype} for {ranks} ranks" if op == "alltoall" else f"elements of {case.dtype}"
        )
        near = max(1, round(size_bytes / unit)) * unit
        return f"{size_bytes} bytes are no whole {of}; give a multiple of {unit}, such as {near}"
    if op == "barrier" and size_bytes:
        return "a barrier moves no bytes; give 0"
    if op in POINT_TO_POINT and not size_bytes:
        return "a message has 1 byte or more"
    if not 0 <= case.root < ranks:
        return f"root={case.root}: the ranks of this world are 0 to {ranks - 1}"
    if case.redop in BITWISE and case.dtype not in INTEGERS:
        return f"redop={case.redop}: of integers only ({', '.join(INTEGERS)}), not of {case.dtype}"
    return ""


def _parameters(text: str, op: str, fields: list[str], known: Known) -> dict[str, int | str]:
    found: dict[str, int | str] = {}
    for field in fields:
        name, sign, value = field.partition("=")
        if not sign or name not in known:
            raise UsageError(f"--case {text}: {op} has no parameter {name!r}{suggest(name, known)}")
        if name in found:
            raise UsageError(f"--case {text}: {name} is given twice")
        choices = _CHOICES.get(name, ())
        if choices and value not in choices:
            raise UsageError(f"--case {text}: no {name} {value!r}{suggest(value, choices)}")
        try:
            found[name] = known[name](value)
        except ValueError:
            raise UsageError(f"--case {text}: {name} is a whole number, not {value!r}") from None
    return found

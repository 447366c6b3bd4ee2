"""A case between ranks that somebody names in full: `allreduce/int32/4096/redop=max`. Pure.

What no fabric could do is told here, before any rank is started.
"""

from __future__ import annotations

from collections.abc import Callable

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import UsageError, suggest
from zbench.fabrics.planned import BITWISE, INTEGERS, NOT_IN_PLACE, POINT_TO_POINT, REDOPS, SUMMED
from zbench.schedules.operation import OPERATIONS

_CHOICES = {"inplace": ("no", "yes"), "skew": ("even", "zipf")}


def named(text: str, ranks: int) -> Case | None:
    """The case of `OPERATION/DTYPE/BYTES[/NAME=VALUE ...][/*]` in a world of `ranks`; None: a pattern, or
    something else. Raises UsageError, of one line, for a case that cannot be."""
    fields = text.removesuffix("/*").split("/")
    if fields[0] not in OPERATIONS or len(fields) < 3 or set("*?[") & set("".join(fields)):
        return None
    op, dtype, size = fields[:3]
    takes = SUMMED if OPERATIONS[op].sums else ("byte",)
    if dtype not in takes:
        raise UsageError(f"--case {text}: {op} takes {', '.join(takes)}, not {dtype!r}")
    if not (size.isascii() and size.isdigit()):
        raise UsageError(f"--case {text}: the size is a number of bytes, not {size!r}")
    world: dict[str, int | str] = {"ranks": ranks}
    case = Case(op, dtype, (int(size),), world | _parameters(text, op, fields[3:]))
    if why := flaw(case, ranks):
        raise UsageError(f"--case {text}: {why}")
    return case


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


def _parameters(text: str, op: str, fields: list[str]) -> dict[str, int | str]:
    operation = OPERATIONS[op]
    known: dict[str, Callable[[str], int | str]] = {"ranks": int}
    known |= {"root": int} if operation.rooted else {}
    known |= {"redop": str} if operation.sums else {}
    known |= {"inplace": str} if op not in NOT_IN_PLACE else {}
    known |= {"skew": str} if op == "alltoallv" else {}
    found: dict[str, int | str] = {}
    for field in fields:
        name, sign, value = field.partition("=")
        if not sign or name not in known:
            raise UsageError(f"--case {text}: {op} has no parameter {name!r}{suggest(name, known)}")
        if name in found:
            raise UsageError(f"--case {text}: {name} is given twice")
        choices = REDOPS if name == "redop" else _CHOICES.get(name, ())
        if choices and value not in choices:
            raise UsageError(f"--case {text}: no {name} {value!r}{suggest(value, choices)}")
        try:
            found[name] = known[name](value)
        except ValueError:
            raise UsageError(f"--case {text}: {name} is a whole number, not {value!r}") from None
    return found

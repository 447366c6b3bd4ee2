"""What cards around an installed library share: where its wheel put it, and calls that are bound beforehand.

The clock of these cards is Python's, and so is the loop around the calls; what that costs a call is measured
(`call_overhead_ns`) and told, for it is the peer that it makes slower.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from cffi import FFI
from numpy.typing import NDArray

from zbench.cards.base import Slot
from zbench.cards.host import HostCard
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported, UsageError

Call = Callable[[], object]
"""A function with all its arguments: one execution."""

OVERHEAD_CALLS = 1000
OVERHEAD_TRIALS = 5
"""The fastest of so many loops over so many calls that do nothing, about 1 ms each."""
OVERHEAD_DIGIT_NS = 100
"""What is told is rounded to this: it is there to be weighed against an execution, not to be compared."""


@dataclass
class Plan:
    """One case over some slots, as calls."""

    slots: list[Call]
    packs: list[Call] = field(default_factory=list)
    """What brings each slot's weights into the library's own form, when inputs have changed."""
    routine: str = ""
    keeps: list[Any] = field(default_factory=list)
    """Memory that the calls point into."""


class LibraryCard(HostCard):
    """A card whose plans are `Plan`s."""

    def require(self, case: Case) -> None:
        super().require(case)
        if 0 in case.size:  # libraries disagree about strides of nothing, and there is no rate to measure
            raise Unsupported(f"no {case.workload} of no elements")

    def enqueue(self, plan: Plan, slot: int) -> None:
        plan.slots[slot]()

    def refresh(self, plan: Plan) -> None:
        for pack in plan.packs:
            pack()

    def run_rounds(self, plan: Plan, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        """As the default's, with nothing between two calls but the loop itself."""
        turns = cycle(plan.slots)
        stamps = [perf_counter_ns()]
        for _ in range(rounds):
            for call in islice(turns, batch):
                call()
            stamps.append(perf_counter_ns())
        ns = np.array(stamps, np.int64)
        return ns[1:] - ns[:-1]

    def call_overhead_ns(self, nothing: Call) -> str:
        """ns that an execution takes longer than the library's own work, about: a `nothing` that does none
        goes the same way."""
        plan = Plan([nothing])
        fastest = min(
            int(self.run_rounds(plan, 1, OVERHEAD_CALLS)[0]) / OVERHEAD_CALLS for _ in range(OVERHEAD_TRIALS)
        )
        return str(max(1, round(fastest / OVERHEAD_DIGIT_NS)) * OVERHEAD_DIGIT_NS)

    def release(self, plan: Plan) -> None:
        plan.slots.clear()
        plan.packs.clear()
        plan.keeps.clear()


def require_operands(case: Case, slots: Sequence[Slot]) -> None:
    """Raises ValueError, TypeError: A, B or C is not what the case says, or C overlaps what it is made of, or
    may not be written. C interfaces take such for granted, and numpy converts and broadcasts."""
    m, n, k = case.size
    many = (int(case.get("batch")),) if case.get("batch") != 1 else ()
    type_a, type_b = ("uint8", "int8") if case.dtype == "u8s8" else (case.dtype, case.dtype)
    needed = {
        "a": ((k, m) if case.get("transa") == "t" else (m, k), type_a),
        "b": ((n, k) if case.get("transb") == "t" else (k, n), type_b),
        "c": ((m, n), str(case.get("out"))),
    }
    for slot in slots:
        for name, (shape, dtype) in needed.items():
            if slot[name].dtype != NUMPY_DTYPES[dtype]:
                raise TypeError(f"{name} is {slot[name].dtype}, the case needs {dtype}")
            if slot[name].shape != (*many, *shape):
                raise ValueError(f"{name} is {slot[name].shape}, the case needs {(*many, *shape)}")
            if name != "c" and np.shares_memory(slot["c"], slot[name]):
                raise ValueError(f"c overlaps {name}")
        if not slot["c"].flags.writeable:
            raise ValueError("c must be writeable")


def bound(function: Callable[..., object], *arguments: object) -> Call:
    """A call with its arguments made once, so that a timed one makes none."""
    return partial(function, *arguments)


def pointer(ffi: FFI, array: NDArray[Any]) -> Any:
    return ffi.cast("void *", array.ctypes.data)


def installed(package: str, at_least: tuple[int, ...], extra: str) -> Distribution:
    """The distribution. Raises UsageError, which says how to get it, where it is missing or too old."""
    wanted, get = ".".join(map(str, at_least)), f"get it with: pip install 'zbench[{extra}]'"
    try:
        found = distribution(package)
    except PackageNotFoundError as error:
        raise UsageError(
            f"card {extra} needs the package {package} >= {wanted}, which is missing; {get}"
        ) from error
    if tuple(map(int, re.findall(r"\d+", found.version)))[: len(at_least)] < at_least:
        raise UsageError(
            f"card {extra} needs the package {package} >= {wanted}, here is {found.version}; {get}"
        )
    return found


def shared_library(package: Distribution, name: str, extra: str) -> Path:
    """The file of the library `name` (as `libmkl_rt`) among those that the package installed.

    Raises UsageError where it has none: an incomplete installation, or one that kept no list of files.
    """
    for file in package.files or ():
        path = Path(str(file.locate()))
        if re.fullmatch(re.escape(name) + r"\.so(\.\d+)*", file.name) and path.exists():
            return path
    raise UsageError(
        f"card {extra}: the installed {package.metadata['Name']} {package.version} holds no {name}; "
        f"get the wheel with: pip install --force-reinstall 'zbench[{extra}]'"
    )


def opened(ffi: FFI, path: Path, extra: str) -> Any:
    """The library, its names kept to itself. Raises UsageError where the system cannot load it."""
    try:
        return ffi.dlopen(str(path), ffi.RTLD_NOW | ffi.RTLD_LOCAL)
    except OSError as error:
        raise UsageError(f"card {extra}: {error}") from error

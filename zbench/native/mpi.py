"""An MPI library, found at run time: opened and started through its C interface, timed by csrc/coll/mpi.c.

The interface comes in two binary forms, told apart by a symbol: Open MPI's, whose handles are addresses of
its own objects, and MPICH's (also Intel MPI's, MVAPICH's, Cray's: https://www.mpich.org/abi/), whose are
numbers.
"""

from __future__ import annotations

import atexit
import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.native._zbench import ffi, lib
from zbench.native.arguments import count
from zbench.native.status import check

OPEN_MPI_MARK = "ompi_mpi_comm_world"
"""A symbol that every Open MPI has and no other MPI."""

MPICH_HANDLES = {
    "comm_world": 0x44000000,
    "comm_self": 0x44000001,
    "errors_return": 0x54000001,
    "op_max": 0x58000001,
    "op_min": 0x58000002,
    "op_sum": 0x58000003,
    "op_prod": 0x58000004,
    "op_band": 0x58000006,
    "op_bor": 0x58000008,
    "op_bxor": 0x5800000A,
    "byte": 0x4C00010D,
    "float": 0x4C00040A,
    "double": 0x4C00080B,
    "int8_t": 0x4C000137,
    "uint8_t": 0x4C00013B,
    "int32_t": 0x4C000439,
    "uint32_t": 0x4C00043D,
    "int64_t": 0x4C00083A,
    "uint64_t": 0x4C00083E,
    "c_float16": 0x4C000246,
    "bfloat16": 0x4C00024C,
}
"""Open MPI's name of an object, behind `ompi_mpi_` -> the number of the same in MPICH's mpi.h."""
TYPES = {
    "byte": "byte",
    "fp64": "double",
    "fp32": "float",
    "fp16": "c_float16",
    "bf16": "bfloat16",
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "int64": "int64_t",
    "uint64": "uint64_t",
}
"""dtype -> its name there; the narrow floats are extensions (MPICH's MPIX_C_FLOAT16, MPIX_BFLOAT16)."""
NOT_TO_BE_ASKED_OF_MPICH = frozenset((("bf16", "prod"), ("bf16", "min"), ("bf16", "max")))
"""It ends the process that asks (5.0.2: `Assertion failed in file op_fns.c`), where others get an error."""
OPERATORS = ("sum", "prod", "min", "max", "band", "bor", "bxor")

OPERATIONS: dict[str, int] = {
    "barrier": lib.ZB_MPI_BARRIER,
    "bcast": lib.ZB_MPI_BCAST,
    "reduce": lib.ZB_MPI_REDUCE,
    "allreduce": lib.ZB_MPI_ALLREDUCE,
    "reduce_scatter": lib.ZB_MPI_REDUCE_SCATTER,
    "allgather": lib.ZB_MPI_ALLGATHER,
    "gather": lib.ZB_MPI_GATHER,
    "scatter": lib.ZB_MPI_SCATTER,
    "alltoall": lib.ZB_MPI_ALLTOALL,
    "alltoallv": lib.ZB_MPI_ALLTOALLV,
    "scan": lib.ZB_MPI_SCAN,
    "exscan": lib.ZB_MPI_EXSCAN,
    "sendrecv": lib.ZB_MPI_SENDRECV,
    "pingpong": lib.ZB_MPI_PINGPONG,
    "unidirectional": lib.ZB_MPI_UNIDIRECTIONAL,
    "bidirectional": lib.ZB_MPI_BIDIRECTIONAL,
    "message_rate": lib.ZB_MPI_UNIDIRECTIONAL,
}
MAX_COUNT = 2**31 - 1
"""Elements of one call: an int of C in every MPI before 4."""
FUNCTIONS = (
    *("barrier", "bcast", "reduce", "allreduce", "reduce_scatter", "reduce_scatter_block", "allgather"),
    *("allgatherv", "gather", "gatherv", "scatter", "scatterv", "alltoall", "alltoallv", "scan", "exscan"),
    *("sendrecv", "sendrecv_replace", "send", "recv", "isend", "irecv", "waitall"),
)
"""Fields of zb_mpi_library -> `MPI_Barrier` and so on."""

MPICH_IN_PLACE, MPICH_IGNORE = 2**64 - 1, 1
OPEN_MPI_IN_PLACE, OPEN_MPI_IGNORE = 1, 0
"""MPI_IN_PLACE, and MPI_STATUS_IGNORE as MPI_STATUSES_IGNORE, of their mpi.h."""
HANDLE_MASK = 2**64 - 1
"""MPICH's handles of what is made at run time are negative ints."""
THREAD_SINGLE = 0
THREAD_LEVELS = ("single", "funneled", "serialized", "multiple")
"""MPI_THREAD_*: in this order in every mpi.h."""
TEXT_BYTES = 8192
"""MPI_MAX_LIBRARY_VERSION_STRING of the longest; an error's text is shorter."""


class MpiError(Exception):
    """What the library said when a call of it failed."""


@dataclass(frozen=True)
class Call:
    """One operation on vectors that are cut in a part for each rank: `counts` elements each."""

    operation: str
    dtype: str
    operator: str
    root: int
    in_place: bool
    window: int
    elements: int
    """Of the vector; of a pair, of one message."""
    item_bytes: int
    counts: tuple[int, ...]
    input_bytes: int
    """What this rank sends."""
    input_place: int
    """In place: where in `out` that goes, bytes."""
    received: tuple[int, ...] = ()
    """Of an alltoallv: elements that this rank gets of each."""


class Library:
    """The library at `path`, started (MPI_Init); it ends with the process. Raises OSError, MpiError."""

    def __init__(self, path: Path, yields: bool) -> None:
        self._library = ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)  # its parts look for its names
        self.is_open_mpi = hasattr(self._library, OPEN_MPI_MARK)
        provided = ctypes.c_int()
        self._call("Init_thread", None, None, THREAD_SINGLE, ctypes.byref(provided))
        self.thread_level = THREAD_LEVELS[provided.value]
        for world in ("comm_world", "comm_self"):  # else the library ends the process
            self._call("Comm_set_errhandler", self._argument(world), self._argument("errors_return"))
        self.rank, self.ranks = self._number("Comm_rank"), self._number("Comm_size")
        self._table = self._functions(yields)
        self._groups: dict[tuple[int, ...], int] = {}

    def finalize_at_exit(self) -> None:
        """MPI_Finalize waits for all ranks: not before this one has said all that it has to say."""
        atexit.register(self._library.MPI_Finalize)

    def _functions(self, yields: bool) -> Any:
        table = ffi.new("zb_mpi_library *")
        table.pointers, table.yields = self.is_open_mpi, yields
        table.rank, table.ranks = self.rank, self.ranks
        table.world, table.byte = self._handle("comm_world"), self._handle("byte")
        table.in_place = OPEN_MPI_IN_PLACE if self.is_open_mpi else MPICH_IN_PLACE
        table.ignore = OPEN_MPI_IGNORE if self.is_open_mpi else MPICH_IGNORE
        for name in FUNCTIONS:
            function = getattr(self._library, f"MPI_{name.capitalize()}")
            setattr(table, name, ctypes.cast(function, ctypes.c_void_p).value)
        return table

    def _handle(self, name: str) -> int:
        """Raises ValueError where this MPI has no such object."""
        if not self.is_open_mpi:
            return MPICH_HANDLES[name]
        return ctypes.addressof(ctypes.c_char.in_dll(self._library, f"ompi_mpi_{name}"))

    def _argument(self, name: str) -> Any:
        return (ctypes.c_void_p if self.is_open_mpi else ctypes.c_int)(self._handle(name))

    def _number(self, function: str) -> int:
        found = ctypes.c_int()
        self._call(function, self._argument("comm_world"), ctypes.byref(found))
        return found.value

    def _call(self, function: str, *arguments: Any) -> None:
        code = getattr(self._library, f"MPI_{function}")(*arguments)
        if code != 0:
            raise MpiError(f"MPI_{function}: {self._text(code)}")

    def _text(self, code: int) -> str:
        return self._told("Error_string", code) or f"error {code}"

    def _told(self, function: str, *arguments: Any) -> str:
        text, length = ctypes.create_string_buffer(TEXT_BYTES), ctypes.c_int()
        getattr(self._library, f"MPI_{function}")(*arguments, text, ctypes.byref(length))
        return text.value.decode(errors="replace").strip()

    def version(self) -> str:
        """`Open MPI v5.0.11`, `MPICH 5.0.2`: the library's first words."""
        first = self._told("Get_library_version").split("\n")[0].split(",")[0]
        return " ".join(first.replace("Version:", "").split())

    def group(self, members: tuple[int, ...]) -> int:
        """A communicator of these ranks, numbered in this order; all of them call, and no other. Made once,
        and kept: to give it back would be a call of all of them again. Raises MpiError."""
        if members not in self._groups:
            kind = ctypes.c_void_p if self.is_open_mpi else ctypes.c_int
            world, chosen, found = kind(), kind(), kind()
            ranks = (ctypes.c_int * len(members))(*members)
            self._call("Comm_group", self._argument("comm_world"), ctypes.byref(world))
            self._call("Group_incl", world, len(members), ranks, ctypes.byref(chosen))
            arguments = self._argument("comm_world"), chosen, 0, ctypes.byref(found)
            self._call("Comm_create_group", *arguments)
            self._call("Comm_set_errhandler", found, self._argument("errors_return"))
            for group in (chosen, world):
                self._call("Group_free", ctypes.byref(group))
            self._groups[members] = (found.value or 0) & HANDLE_MASK
        return self._groups[members]

    def barrier(self) -> None:
        self._call("Barrier", self._argument("comm_world"))

    def reduces(self, dtype: str, operator: str) -> bool:
        """Whether it has this reduction: asked of the library, for one element."""
        if not self.is_open_mpi and (dtype, operator) in NOT_TO_BE_ASKED_OF_MPICH:
            return False
        try:
            handles = self._argument(TYPES[dtype]), self._argument(f"op_{operator}")
        except ValueError:
            return False
        element, other = (ctypes.create_string_buffer(8) for _ in range(2))
        return bool(self._library.MPI_Reduce_local(element, other, 1, *handles) == 0)


class Plan:
    """One operation of a library, bound to the buffers of its slots, which it keeps alive."""

    def __init__(
        self,
        library: Library,
        call: Call,
        slots: Sequence[dict[str, NDArray[Any]]],
        members: tuple[int, ...] | None = None,
    ) -> None:
        """`members`: the ranks of the world that run it, while others may run another; None: all."""
        if not slots:
            raise ValueError("a plan needs at least one slot")
        count("elements", call.elements, 0, MAX_COUNT)
        self._library = library
        self._slots = [dict(slot) for slot in slots]
        count("elements received", sum(call.received), 0, MAX_COUNT)
        self._arrays = [
            *(ffi.new("int32_t[]", list(each)) for each in (call.counts, _firsts(call.counts))),
            *(ffi.new("int32_t[]", list(each)) for each in (call.received, _firsts(call.received))),
            *(ffi.new("char *[]", [_address(slot.get(name)) for slot in slots]) for name in ("in", "out")),
        ]
        plan = self._plan = ffi.new("zb_mpi_plan *")
        plan.operation, plan.root, plan.in_place = OPERATIONS[call.operation], call.root, call.in_place
        plan.even, plan.window = len(set(call.counts)) == 1, count("window", call.window, 1)
        plan.count, plan.item_bytes = call.elements, call.item_bytes
        plan.type = library._handle(TYPES[call.dtype])
        plan.op = library._handle(f"op_{call.operator}")
        plan.comm = library._table.world if members is None else library.group(members)
        plan.grouped = members is not None
        ranks = range(library.ranks) if members is None else members
        plan.rank, plan.ranks = ranks.index(library.rank), len(ranks)
        plan.counts, plan.firsts, plan.received, plan.lands, plan.ins, plan.outs = self._arrays
        plan.input_bytes, plan.input_place, plan.slots = call.input_bytes, call.input_place, len(slots)

    def execute(self, slot: int) -> None:
        """One blocking execution. Raises MpiError, ValueError."""
        error = ffi.new("int32_t *")
        self._check(lib.zb_mpi_execute(self._library._table, self._plan, slot, error), error[0])

    def run_rounds(self, rounds: int, batch: int) -> NDArray[np.int64]:
        """int64 ns, shape (rounds, 2): start and end of each round of `batch` executions.

        Raises MpiError, and ValueError for a batch in place that is longer than the slots.
        """
        stamps = np.empty((count("rounds", rounds), 2), np.int64)
        error = ffi.new("int32_t *")
        pointer = ffi.cast("int64_t *", stamps.ctypes.data)
        status = lib.zb_mpi_rounds(self._library._table, self._plan, rounds, batch, pointer, error)
        self._check(status, error[0])
        return stamps

    def _check(self, status: int, error: int) -> None:
        if status == lib.ZB_EPEER:
            raise MpiError(self._library._text(error))
        check(status, "rounds of an MPI operation")


def _firsts(counts: Sequence[int]) -> list[int]:
    """Where each part begins, one after the other."""
    return [0, *accumulate(counts)][:-1] if counts else []


def _address(array: NDArray[Any] | None) -> Any:
    """Raises ValueError unless it is C-contiguous."""
    if array is None:
        return ffi.NULL
    if not array.flags.c_contiguous:
        raise ValueError("a buffer must be contiguous")
    return ffi.cast("char *", array.ctypes.data)

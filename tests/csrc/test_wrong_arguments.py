"""What the headers of csrc say of arguments that are none: a status, and nothing is touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from zbench.native import shm
from zbench.native._zbench import ffi, lib
from zbench.native.coll import PeerError

FAR = 2**62
NO_ISA = 99
ACTION = {"kind": 4, "peer": -1, "dst": 1, "src": 0, "bytes": 8}
"""A copy."""


def plan(count: int = 1, isa: int = lib.ZB_PORTABLE, ranks: int = 1, slots: int = 1) -> tuple[int, Any]:
    out, actions = ffi.new("zb_coll_plan **"), ffi.new("zb_coll_action[]", [ACTION])
    buffer = ffi.new("char[64]")
    buffers, sizes = ffi.new("void *[]", [buffer] * 3), ffi.new("int64_t[]", [64] * 3)
    status = lib.zb_coll_plan_create(actions, count, isa, lib.ZB_FP32, 0, ranks, buffers, sizes, slots, out)
    return status, out[0]


def gemm(**fields: int) -> tuple[int, Any]:
    whole = {"dtype": lib.ZB_FP32, "out": lib.ZB_FP32, "isa": lib.ZB_PORTABLE, "threads": 1, "batch": 1}
    out = ffi.new("zb_gemm **")
    request = ffi.new(
        "zb_gemm_request *", whole | {"m": 2, "n": 2, "k": 2, "kernel": lib.ZB_GEMM_FAST} | fields
    )
    return lib.zb_gemm_create(request, out), out[0]


def stream(
    which: int = lib.ZB_STREAM_READ, isa: int = lib.ZB_PORTABLE, elements: int = 8, threads: int = 1
) -> Any:
    out = ffi.new("zb_stream **")
    return lib.zb_stream_create(which, isa, elements, elements, threads, out), out[0]


def on(make: Callable[[], tuple[int, Any]], destroy: str, ask: Callable[[Any], int]) -> Callable[[], int]:
    """Asks one that is made for it."""

    def call() -> int:
        status, made = make()
        assert status == lib.ZB_OK
        try:
            return ask(made)
        finally:
            getattr(lib, destroy)(made)

    return call


on_plan = partial(on, plan, "zb_coll_plan_destroy")
on_gemm = partial(on, gemm, "zb_gemm_destroy")
on_stream = partial(on, stream, "zb_stream_destroy")
NS, FLOPS, NULL = ffi.new("int64_t[4]"), ffi.new("double *"), ffi.NULL
WRONG: dict[str, tuple[int, Callable[[], int]]] = {
    "a plan for no CPU": (lib.ZB_EISA, lambda: plan(isa=NO_ISA)[0]),
    "a plan of less than no rows": (lib.ZB_EINVAL, lambda: plan(count=-1)[0]),
    "a plan of too many ranks": (lib.ZB_EINVAL, lambda: plan(ranks=2**31)[0]),
    "more slots than memory": (lib.ZB_ENOMEM, lambda: plan(count=0, slots=FAR)[0]),
    "bytes restored beyond the end": (lib.ZB_EINVAL, on_plan(lambda p: lib.zb_coll_plan_restore(p, 60, 8))),
    "an average over nobody": (lib.ZB_EINVAL, on_plan(lambda p: lib.zb_coll_plan_among(p, 0))),
    "a slot that is not there": (lib.ZB_EINVAL, on_plan(lambda p: lib.zb_coll_execute(p, NULL, 1))),
    "rounds of nothing": (lib.ZB_EINVAL, on_plan(lambda p: lib.zb_coll_rounds(p, NULL, 1, 0, NS))),
    "a trace of no slot": (lib.ZB_EINVAL, on_plan(lambda p: lib.zb_coll_trace(p, NULL, -1, NULL, 0, NS))),
    "a product for no CPU": (lib.ZB_EISA, lambda: gemm(isa=NO_ISA)[0]),
    "a product of no dtype": (lib.ZB_EINVAL, lambda: gemm(dtype=NO_ISA, out=NO_ISA)[0]),
    "products of no slot": (
        lib.ZB_EINVAL,
        on_gemm(lambda p: lib.zb_gemm_run_rounds(p, 1, 0, ffi.new("zb_gemm_slot *"), 0, 1, 1, NS)),
    ),
    "weights of a plan that has none": (
        lib.ZB_EINVAL,
        on_gemm(lambda p: lib.zb_gemm_pack_weights(p, NULL, 2, NULL)),
    ),
    "a stream of no kind": (lib.ZB_EINVAL, lambda: stream(which=NO_ISA)[0]),
    "a stream for no CPU": (lib.ZB_EISA, lambda: stream(isa=NO_ISA)[0]),
    "a stream of no threads": (lib.ZB_EINVAL, lambda: stream(threads=0)[0]),
    "streams of no slot": (
        lib.ZB_EINVAL,
        on_stream(lambda p: lib.zb_stream_run_rounds(p, NULL, 0, 1, 1, NS)),
    ),
    "a peak in no time": (
        lib.ZB_EINVAL,
        lambda: lib.zb_peak_flops(lib.ZB_FP32, lib.ZB_PORTABLE, 1, 0, FLOPS),
    ),
    "a peak for no CPU": (lib.ZB_EISA, lambda: lib.zb_peak_flops(lib.ZB_FP32, NO_ISA, 1, 1, FLOPS)),
    "a peak of no threads": (
        lib.ZB_EINVAL,
        lambda: lib.zb_peak_flops(lib.ZB_FP32, lib.ZB_PORTABLE, 0, 1, FLOPS),
    ),
    "a segment in no file": (lib.ZB_ESYSTEM, lambda: lib.zb_shm_format(-1, 1, 0)),
    "a segment that is nowhere": (
        lib.ZB_ESYSTEM,
        lambda: lib.zb_shm_open(-1, 0, 0, 1, ffi.new("zb_shm **")),
    ),
}
"""What is asked -> (status, the call)."""


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_refused(what: str) -> None:
    """With the status that the header names."""
    status, call = WRONG[what]
    assert call() == status


@pytest.mark.parametrize(
    "destroy", ["zb_gemm_destroy", "zb_stream_destroy", "zb_coll_plan_destroy", "zb_shm_close"]
)
def test_nothing_can_be_destroyed(destroy: str) -> None:
    """As free(NULL) can."""
    getattr(lib, destroy)(NULL)


def test_probes_end_when_a_peer_has_given_up() -> None:
    """Before they begin, as every wait does."""
    fd = shm.create(2, shm.PAGE_BYTES)
    try:
        rank = shm.Segment(fd, 0, True, 5.0)
        shm.abort(fd)
        with pytest.raises(PeerError):
            rank.probe_line()
        with pytest.raises(PeerError):
            rank.probe_copy(64, rank.view(0, 64), rank.view(64, 64))
    finally:
        os.close(fd)

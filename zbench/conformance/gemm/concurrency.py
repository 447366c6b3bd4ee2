"""GE-33 and GE-34: several products at once, processes that are forked, and signals."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.compare import equal
from zbench.conformance.gemm.exact import product
from zbench.conformance.gemm.shapes import Size, given
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.native.cpu import usable_cpus

Array = NDArray[Any]
SIZES: tuple[Size, ...] = (
    (64, 64, 64),
    (129, 65, 33),
    (5, 300, 70),
    (200, 190, 180),
    (33, 17, 129),
    (1, 128, 512),
    (96, 97, 98),
    (257, 31, 64),
)
TEAMS = {0: (2,), 1: (2, 4, 8), 2: (2, 3, 4, 8)}
"""How thorough -> threads that call at once."""
REPEATS = 8
"""Of each thread: a race between calls that overlap shows in one of several."""
CHILD_S = 10.0
"""For a child process whose product takes 1 ms: one that waits for threads that it lacks waits for ever."""
FORKS = {0: 1, 1: 4, 2: 16}
"""How thorough -> forks during products: numpy 2.4's OpenBLAS 0.3.31 hangs in one of five to ten (its fork
handler takes away threads that a call in another thread waits for: OpenMathLib/OpenBLAS#3111, comments)."""
SIGNALS_WANTED, SIGNAL_EVERY_S, CALLS_MOST = 5, 0.001, 400


def checked(ask: Products, a: Array, b: Array, out: str, threads: int = 1) -> str:
    """What is wrong with one product, errors included; "": nothing. For threads and other processes."""
    try:
        return str(equal(product(a, b, out), ask.multiply(a, b, out=out, threads=threads)) or "")
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def together(ask: Products) -> None:
    """GE-33: 2 to 8 threads, each with a size of its own, and beside them numpy's own BLAS."""
    for count in TEAMS[ask.thorough]:
        for beside in (False, True):
            if not ask.attempt(f"{count} threads{' and numpy' * beside}"):
                continue
            given_to = [given(ask, size) for size in SIZES[:count]]
            out, gate = ask.out, threading.Barrier(count + beside)
            found: list[str] = []

            def call(a: Array, b: Array, out: str = out, gate: Any = gate, found: list[str] = found) -> None:
                gate.wait()
                found.extend(checked(ask, a, b, out) for _ in range(REPEATS))

            def others(gate: Any = gate, found: list[str] = found) -> None:
                x = np.arange(150 * 150, dtype=np.float64).reshape(150, 150) % 7
                expected = (x[:8].astype(np.int64) @ x.astype(np.int64)).astype(np.float64)
                gate.wait()
                for _ in range(REPEATS):
                    found.append(f"numpy: {wrong}" if (wrong := equal(expected, (x @ x)[:8])) else "")

            threads = [threading.Thread(target=call, args=each) for each in given_to]
            threads += [threading.Thread(target=others)] * beside
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for wrong in filter(None, found):
                ask.fail(wrong)


def in_a_child(work: Callable[[], str], limit_s: float) -> str:
    """What `work` says in a process forked from this one; or that it ended, or did not end."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads beside a fork are what is tested
        child = os.fork()
    if child == 0:
        try:
            os.write(writer, work().encode() or b"\0")
        finally:
            os._exit(0)
    os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], limit_s)
        said = os.read(reader, 4096) if ready else b""
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not ready:
        return f"the forked process has not answered in {limit_s:.0f} s"
    return said.decode().strip("\0") if said else "the forked process ended"


def interrupted(ask: Products) -> None:
    """GE-34: a product in a child that was forked after products, and during one; a product that signals
    interrupt. What a plan from before the fork does in the child is not asked."""
    if ask.card.memory != "host":
        ask.lacking(f"a fork: buffers are in {ask.card.memory}")
    else:
        forks(ask)
    if threading.current_thread() is threading.main_thread():
        signals(ask)
    else:
        ask.lacking("signals: only a process' first thread may ask for them")


def forks(ask: Products) -> None:
    a, b = given(ask, (100, 110, 120))
    out = ask.out
    threads = {1, usable_cpus()} if type(ask.card).threaded(ask.card.option) else {1}
    for count in sorted(threads):
        if not ask.attempt(f"fork after products, threads={count}"):
            continue
        wrong = checked(ask, a, b, out, threads=count)
        if count > 1 and wrong.startswith("Unsupported"):
            ask.refused("threads")
            continue
        for where, found in (
            ("before the fork", wrong),
            ("in the child", in_a_child(partial(checked, ask, a, b, out, count), CHILD_S)),
            ("in the parent afterwards", checked(ask, a, b, out, threads=count)),
        ):
            if found:
                ask.fail(f"{where}: {found}")
    for again in range(FORKS[ask.thorough]):
        if not ask.attempt(f"fork during a product {again}"):
            continue
        # In a process of its own, because a library that forbids this hangs the one that forks.
        found = in_a_child(partial(during, ask, a, b, out), 2.5 * CHILD_S)
        if found:
            ask.fail(found)
            break


def during(ask: Products, a: Array, b: Array, out: str) -> str:
    """What is wrong with products of one thread, and with one in a process that is forked from another."""
    stop, found = threading.Event(), list[str]()

    def computing() -> None:
        while not stop.is_set():
            found.append(checked(ask, a, b, out))

    thread = threading.Thread(target=computing)
    thread.start()
    found.append(in_a_child(partial(checked, ask, a, b, out), CHILD_S))
    stop.set()
    thread.join()
    return next(filter(None, found), "")


def signals(ask: Products) -> None:
    if not ask.attempt("signals during products"):
        return
    a, b = given(ask, (200, 190, 180))
    expected, came = product(a, b, ask.out), []
    previous = signal.signal(signal.SIGALRM, lambda number, frame: came.append(time.monotonic()))
    signal.setitimer(signal.ITIMER_REAL, SIGNAL_EVERY_S, SIGNAL_EVERY_S)
    try:
        for _ in range(CALLS_MOST):
            if ask.differs(equal(expected, ask.multiply(a, b))) or len(came) >= SIGNALS_WANTED:
                break
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    if not came:
        ask.fail("no signal came in all products: they were held back")


ITEMS = (
    Item(
        "GE-33",
        "products at once, from several threads",
        "OpenMathLib/OpenBLAS#1755, #5825; cpp_thread_test",
        "L1",
        together,
        families=("race", "sporadic"),
    ),
    Item(
        "GE-34",
        "forks and signals",
        "OpenBLAS utest/test_fork.c, test_post_fork.c",
        "L1",
        interrupted,
        families=("race", "sporadic"),
        limit_s=120.0,
    ),
)

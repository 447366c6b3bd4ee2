"""torch as a card: what it offers is right, what it lacks is told, and it answers in real runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

import torch

from tests.cards.torch_here import CARDS, CPU, IDS, as_device, gemm, refused, verified
from zbench.cards.torch import Torch
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES, RESULTS
from zbench.errors import Unsupported
from zbench.measure.bench import CardBench
from zbench.measure.burst import Policy, burst


@pytest.mark.parametrize("card", CARDS, ids=IDS)
@pytest.mark.parametrize("kernel", ["read", "copy", "triad"])
def test_streams_leave_exact_results(card: Torch, kernel: str) -> None:
    """Of every kernel."""
    verified(card, Case(kernel, "fp64", (8 * 1001,), {"threads": 1}))


@pytest.mark.parametrize(
    ("case", "lacks"),
    [
        (gemm("fp8e4m3", transb="t"), "no fp8e4m3 gemm"),
        (gemm("u8s8"), "no u8s8 gemm"),
        (gemm("bf16", out="fp32"), "no out=fp32 for bf16 gemm (has: bf16)"),
        (gemm("int8", batch=2), "no batch"),
        (gemm("fp64", transb="t", weights="prepacked"), "prepacked"),
        (gemm("int8", transb="t", weights="prepacked"), "prepacked"),
        (gemm("fp32", weights="prepacked"), "transb=t"),
        (gemm("fp32", transb="t", batch=2, weights="prepacked"), "transb=t"),
        (Case("gemm", "fp32", (8, 8, 8), {"threads": 10_000}), "10000 threads"),
        (Case("copy", "fp32", (800,)), "no fp32 copy"),
        (Case("attention", "fp64", (1, 1, 8, 8, 8)), "no fp64 attention"),
        (Case("attention", "fp32", (1, 1, 8, 4, 8)), "the first would see none"),
        (Case("grouped_gemm", "bf16", (8, 8, 8), {"experts": 4, "top": 1, "out": "fp32"}), "out=fp32"),
    ],
)
def test_what_it_lacks_is_told(case: Case, lacks: str) -> None:
    """Never an unnoticed upcast or fallback."""
    assert lacks in str(refused(CPU, case).value)


def test_a_device_has_no_threads_to_count() -> None:
    """Its cases do not say any."""
    assert "2 threads" in str(refused(as_device(), Case("gemm", "fp32", (8, 8, 8), {"threads": 2})).value)
    assert Torch.threaded("cpu")


@pytest.mark.parametrize(
    ("slot", "error"),
    [
        ({"a": (8, 8), "b": (8, 8), "c": (8, 7)}, ValueError),
        ({"a": (8, 9), "b": (8, 8), "c": (8, 8)}, ValueError),
        ({"a": (8, 8), "b": (8,), "c": (8, 8)}, ValueError),
    ],
)
def test_buffers_of_another_case_are_refused(
    slot: dict[str, tuple[int, ...]], error: type[Exception]
) -> None:
    """Before torch is asked, which would resize an output that does not fit."""
    buffers = {name: CPU.alloc(shape, "fp32") for name, shape in slot.items()}
    with pytest.raises(error, match="the case needs"):
        CPU.prepare(gemm("fp32", (8, 8, 8)), [buffers])
    with pytest.raises(TypeError, match="the case needs fp64"):
        CPU.prepare(gemm("fp64", (8, 8, 8)), [{name: CPU.alloc((8, 8), "fp32") for name in "abc"}])


THREADS = """
import json, sys
from pathlib import Path
from zbench.cards.torch import Torch
from zbench.case import Case
from zbench.measure.bench import CardBench

def ticks():
    tasks = Path("/proc/self/task").iterdir()
    return {task.name: int((task / "stat").read_text().rpartition(")")[2].split()[11]) for task in tasks}

case = Case("gemm", "fp32", (768, 768, 768), {"threads": int(sys.argv[1])})
bench = CardBench(Torch("cpu"), case, [1, 2])
before = ticks()
bench.run(60, 1)
spent = [after - before.get(name, 0) for name, after in ticks().items()]
print(json.dumps({"busy": sum(each > max(spent) / 5 for each in spent), "told": bench.variant()["threads"]}))
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_as_many_threads_compute_as_the_case_says(threads: int) -> None:
    """Seen by the system, in a process that was free to take more."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one CPU: nothing could compute beside the first thread")
    done = subprocess.run(
        [sys.executable, "-c", THREADS, str(threads)], capture_output=True, text=True, check=True, cwd="/"
    )
    assert json.loads(done.stdout) == {"busy": threads, "told": str(threads)}


def test_a_device_probes_only_what_bounds_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bandwidth for what streams; for what computes torch has no roof to offer."""
    card = as_device()
    monkeypatch.setattr("zbench.cards.torch.devices.UNKNOWN_CACHE_BYTES", 1 << 20)
    for kernel in ("read", "copy", "triad"):
        probed = card.probe(Case(kernel, "fp64", (8000,)))
        assert probed is not None
        assert probed[0] == "B/s"
        assert probed[1] > 0
    assert card.probe(gemm("fp32")) is None


def test_the_host_probes_what_its_kernels_can() -> None:
    """The same roofs as for every card of the host."""
    probed = CPU.probe(gemm("fp32"))
    assert probed is not None
    assert probed[0] == "FLOP/s"


ACCELERATED = pytest.mark.skipif(
    not torch.accelerator.is_available(), reason="torch finds no accelerator here: its own path is not tested"
)


@ACCELERATED
def test_an_accelerator_answers_what_it_offers() -> None:
    """Every workload and dtype, in shapes that matrix units take; rightly, or not at all."""
    card = Torch()
    assert not Torch.threaded(None)
    offered = card.operations()
    assert "fp32" in offered["gemm"]
    for dtype in offered["gemm"]:
        assert verified(card, Case("gemm", dtype, (64, 48, 96), {"transb": "t"}), slots=3)["library"]
        for parameters in ({}, {"transa": "t"}, {"batch": 3}, {"out": "fp32"}, {"weights": "prepacked"}):
            if parameters.get("out", "fp32") in RESULTS[dtype]:
                with suppress(Unsupported):
                    verified(card, Case("gemm", dtype, (64, 48, 96), parameters))
    for kernel in {"read", "copy", "triad"} & offered.keys():
        verified(card, Case(kernel, "fp64", (8 << 20,)))
        assert card.probe(Case(kernel, "fp64", (8 << 20,)))
    for dtype in offered.get("attention", ()):
        verified(card, Case("attention", dtype, (2, 8, 128, 128, 64), {"kv_heads": 2}))
        verified(card, Case("attention", dtype, (2, 8, 1, 128, 64), {"kv_heads": 2}))
        verified(card, Case("attention", dtype, (2, 8, 16, 128, 64)))
        verified(card, Case("grouped_gemm", dtype, (64, 64, 128), {"experts": 8, "top": 2, "skew": "zipf"}))
    assert card.last_level_cache_bytes >= 1 << 20
    assert card.describe()["device"] == str(card.device)


@ACCELERATED
def test_an_accelerators_times_are_believed() -> None:
    """By the harness' own clock, for an execution far below a launch's cost and one far above it."""
    card = Torch()
    for size in ((64, 64, 64), (4096, 4096, 4096)):
        bench = CardBench(card, Case("gemm", "fp32", size), seeds=[1, 2])
        policy = Policy(burst_ns=500_000_000, rounds_max=1000)
        record = burst(bench, policy, card.clock_cost_ns(), verify_seed=1)
        bench.release()
        assert record["status"] == "ok", record["why"]


@ACCELERATED
def test_an_accelerator_keeps_every_bit_and_survives_being_full() -> None:
    """As the host does."""
    card = Torch()
    for dtype in {*card.operations()["gemm"], "int32", "byte"}:
        bits = np.random.default_rng(0).integers(0, 256, (24, 128), np.uint8)
        buffer = card.alloc(bits.view(NUMPY_DTYPES[dtype]).shape, dtype)
        card.write(buffer, bits.view(NUMPY_DTYPES[dtype]))
        assert np.array_equal(card.read(buffer).view(np.uint8), bits)
    with pytest.raises(MemoryError):
        card.alloc((1 << 20, 1 << 20), "fp32")
    verified(card, Case("gemm", "fp32", (64, 64, 64)))


def test_it_runs_from_the_command_line(tmp_path: Path) -> None:
    """The smoke profile, every product of it."""
    command = [sys.executable, "-m", "zbench.cli", "run", "card", "--card", "torch:cpu", "--profile", "smoke"]
    done = subprocess.run(
        [*command, "--case", "gemm/*", "--out", "run"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode in (0, 4), (
        done.stdout + done.stderr
    )  # 4: this machine was too busy to believe clocks
    lines = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert {record["subject"] for record in records} == {"torch:cpu"}
    measured = [record for record in records if record["status"] != "skipped"]
    assert measured
    assert all(record["verification"]["passed"] for record in measured)

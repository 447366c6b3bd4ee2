"""One data-parallel training step of one linear layer: forward, backward, gradients summed.

size = (m, n, k): m the batch of one rank, k inputs, n outputs.
    forward    y  = x w            m x n x k
    backward   dx = dy wT          m x k x n
               dw = xT dy          k x n x m
    allreduce  gw = sum over ranks of dw, k n elements
Equal m on more ranks is weak scaling; m shared out over the ranks is strong scaling.
"""

from __future__ import annotations

import numpy as np

from zbench.case import Case
from zbench.workloads.base import NUMPY_DTYPES, UNIT_ROUNDOFF, Array, Buffer, Finding, Workload, generator
from zbench.workloads.gemm import freivalds


def buffers(case: Case) -> dict[str, Buffer]:
    m, n, k = case.size
    return {
        "x": Buffer((m, k), case.dtype),
        "w": Buffer((k, n), case.dtype),
        "dy": Buffer((m, n), case.dtype),
        "y": Buffer((m, n), case.dtype, output=True),
        "dx": Buffer((m, k), case.dtype, output=True),
        "dw": Buffer((k, n), case.dtype, output=True),
        "gw": Buffer((k, n), case.dtype, output=True),
    }


def products(case: Case) -> dict[str, tuple[Case, tuple[str, str, str]]]:
    """The three GEMMs: name -> (its case, the buffers that are its a, b, c)."""
    m, n, k = case.size
    threads: dict[str, int | str] = {"threads": case.threads}
    return {
        "forward": (Case("gemm", case.dtype, (m, n, k), threads), ("x", "w", "y")),
        "backward": (Case("gemm", case.dtype, (m, k, n), threads | {"transb": "t"}), ("dy", "w", "dx")),
        "gradient": (Case("gemm", case.dtype, (k, n, m), threads | {"transa": "t"}), ("x", "dy", "dw")),
    }


def allreduce(case: Case) -> Case:
    """The collective that sums the gradients."""
    size_bytes = buffers(case)["gw"].size_bytes
    return Case("allreduce", case.dtype, (size_bytes,), {"ranks": case.ranks})


def fill(case: Case, seed: int, rank: int) -> dict[str, Array]:
    """Weights are the same on all ranks, data are not."""
    dtype = NUMPY_DTYPES[case.dtype]
    shapes = buffers(case)

    def uniform(name: str, *key: int) -> Array:
        data = 2 * generator(seed, *key).random(shapes[name].shape, dtype=dtype.type) - 1
        return data.astype(dtype, copy=False)

    return {
        "x": uniform("x", rank, 1),
        "dy": uniform("dy", rank, 2),
        "w": uniform("w", 0, 3),
    }


def check(
    case: Case,
    seed: int,
    rank: int,
    inputs: dict[str, Array],
    outputs: dict[str, Array],
    rng: np.random.Generator,
) -> Finding:
    """All three products, and the sum: gw is one product of all ranks' x and dy, stacked."""
    x, w, dy = inputs["x"], inputs["w"], inputs["dy"]
    u = UNIT_ROUNDOFF[case.dtype]
    everyone = [fill(case, seed, peer) for peer in range(case.ranks)]
    all_x = np.concatenate([data["x"] for data in everyone])
    all_dy = np.concatenate([data["dy"] for data in everyone])
    findings = {
        "y": freivalds(x, w, outputs["y"], u, rng),
        "dx": freivalds(dy, w.T, outputs["dx"], u, rng),
        "dw": freivalds(x.T, dy, outputs["dw"], u, rng),
        "gw": freivalds(all_x.T, all_dy, outputs["gw"], u, rng),
    }
    smallest = max(finding.smallest_error for finding in findings.values())
    wrong = [f"rank {rank}: {name}: {f.why}" for name, f in findings.items() if not f.passed]
    return Finding(not wrong, smallest, "; ".join(wrong))


def flops(case: Case) -> int:
    m, n, k = case.size
    return 6 * m * n * k


STEP = Workload(
    name="step",
    suite="scaling",
    metric="time",
    unit="s",
    better="lower",
    method="freivalds",
    buffers=buffers,
    fill=fill,
    check=check,
    flops=flops,
    bytes=lambda case: sum(b.size_bytes for b in buffers(case).values()),
    value=lambda case, ns: ns / 1e9,
)

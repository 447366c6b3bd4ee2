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
from zbench.workloads.base import UNIT_ROUNDOFF, Answer, Array, Buffer, Finding, Workload, generator, uniform
from zbench.workloads.freivalds import Roundoff, floats


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
    streams = {"x": (rank, 1), "dy": (rank, 2), "w": (0, 3)}
    shapes = buffers(case)
    return {
        name: uniform(generator(seed, *key), shapes[name].shape, case.dtype).whole()
        for name, key in streams.items()
    }


def check(answer: Answer, rng: np.random.Generator) -> Finding:
    """All three products, and the sum: gw is one product of all ranks' x and dy, stacked."""
    case, outputs, u = answer.case, answer.outputs, Roundoff(UNIT_ROUNDOFF[answer.case.dtype])
    x, w, dy = (answer.inputs[name] for name in ("x", "w", "dy"))
    everyone = [fill(case, answer.seed, peer) for peer in range(case.ranks)]
    all_x = np.concatenate([data["x"] for data in everyone])
    all_dy = np.concatenate([data["dy"] for data in everyone])
    findings = {
        "y": floats(x, w, outputs["y"], u, rng),
        "dx": floats(dy, w.T, outputs["dx"], u, rng),
        "dw": floats(x.T, dy, outputs["dw"], u, rng),
        "gw": floats(all_x.T, all_dy, outputs["gw"], u, rng),
    }
    smallest = max(finding.smallest_error for finding in findings.values())
    wrong = [f"rank {answer.rank}: {name}: {f.why}" for name, f in findings.items() if not f.passed]
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

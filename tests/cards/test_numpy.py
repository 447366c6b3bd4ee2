"""numpy as a card: right answers by its BLAS, which is named, and no others."""

import itertools

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from zbench.cards.numpy import Numpy
from zbench.case import Case
from zbench.errors import Unsupported, UsageError
from zbench.measure.bench import CardBench
from zbench.native import cpu


@pytest.mark.parametrize("dtype", ["fp32", "fp64"])
@pytest.mark.parametrize("batch", [1, 3])
def test_products_are_right(dtype: str, batch: int) -> None:
    """Any orientation, alone and in batches, on one thread and on two; the harness' own check decides."""
    for transa, transb, threads in itertools.product("nt", "nt", range(1, min(2, cpu.usable_cpus()) + 1)):
        orientation = {"transa": transa, "transb": transb}
        case = Case("gemm", dtype, (37, 41, 43), {**orientation, "batch": batch, "threads": threads})
        bench = CardBench(Numpy(), case, seeds=[1, 2])
        bench.poison()
        bench.run(3, 2)
        assert [bench.check(slot, np.random.default_rng(0)).passed for slot in (0, 1)] == [True, True]
        bench.release()


@pytest.mark.parametrize(
    ("case", "lacks"),
    [
        (Case("gemm", "fp16", (8, 8, 8)), r"no fp16 gemm \(has: fp32, fp64\)"),
        (Case("gemm", "int8", (8, 8, 8)), r"no int8 gemm \(has: fp32, fp64\)"),
        (Case("gemm", "fp32", (8, 8, 8), {"out": "bf16"}), r"no out=bf16 for fp32 gemm \(has: fp32\)"),
        (Case("gemm", "fp64", (8, 8, 8), {"weights": "prepacked"}), r"no weights=prepacked .*\(has: plain\)"),
        (Case("gemm", "fp64", (8, 8, 8), {"experts": 4}), r"no experts=4 .*\(has no such parameter\)"),
        (Case("copy", "fp64", (800,), {"batch": 2}), r"no batch=2 for fp64 copy \(has: 1\)"),
    ],
)
def test_what_it_lacks_is_told(case: Case, lacks: str) -> None:
    """Where numpy has no BLAS it has plain loops, which are nobody's peer."""
    with pytest.raises(Unsupported, match=lacks):
        Numpy().prepare(case, [])


def test_how_a_batch_is_computed_is_told() -> None:
    """matmul calls the BLAS once for each product."""
    card, variants = Numpy(), []
    for batch in (1, 2):
        bench = CardBench(card, Case("gemm", "fp32", (8, 8, 8), {"batch": batch}), seeds=[1])
        variants.append(bench.variant()["routine"])
        bench.release()
    assert variants == ["matmul", "matmul, one product of the batch after the other"]


def test_the_case_sets_the_threads_of_numpys_own_blas() -> None:
    """And of no other that the process has loaded."""
    card = Numpy()
    own = [each.filepath for each in card.blas]
    assert len(own) <= 1
    for threads in range(1, min(2, cpu.usable_cpus()) + 1):
        bench = CardBench(card, Case("gemm", "fp32", (8, 8, 8), {"threads": threads}), seeds=[1])
        found = ThreadpoolController().select(filepath=own).info()
        assert [each["num_threads"] for each in found] == [threads] * len(own)
        bench.release()


def test_it_names_its_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer's figure without its library's name could not be laid beside anything."""
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        monkeypatch.delenv(name, raising=False)
    described = Numpy().describe()
    assert described["numpy"] == np.__version__
    assert described["blas"]
    assert "forced" not in described.get("isa", "")


def test_a_forced_blas_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may tell OpenBLAS to use an older CPU's kernels, or other blocks than it would."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1024")
    assert Numpy().describe()["isa"].endswith(" (forced by OPENBLAS_CORETYPE, OPENBLAS_L2_SIZE)")


def test_what_a_call_costs_is_told_and_parts_no_series() -> None:
    """In the fingerprint; a variant with a measured time in it would be another one in every launch."""
    card = Numpy()
    bench = CardBench(card, Case("gemm", "fp32", (8, 8, 8)), seeds=[1])
    assert int(card.describe()["call_overhead_ns"]) > 0
    assert "call_overhead_ns" not in bench.variant()
    bench.release()


def test_there_are_no_options() -> None:
    """Before anything is measured."""
    with pytest.raises(UsageError, match="numpy has no options"):
        Numpy("mkl")

"""oneMKL as a card, where its wheel is installed."""

import itertools
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

from zbench.cards.mkl import Mkl
from zbench.cards.mkl_interface import abbreviated
from zbench.case import Case
from zbench.errors import Unsupported, UsageError
from zbench.measure.bench import CardBench
from zbench.native import cpu

try:
    HERE = distribution("mkl").version
except PackageNotFoundError:
    HERE = ""

needs_mkl = pytest.mark.skipif(not HERE, reason="needs MKL's wheel: pip install 'zbench[mkl]'")
THREADS = range(1, min(2, cpu.usable_cpus()) + 1)
DTYPES = {
    "fp64": "fp64",
    "fp32": "fp32",
    "bf16": "fp32",
    "fp16": "fp32",
    "fp8e4m3": "fp32",
    "fp8e5m2": "fp32",
}
"""dtype of operands -> the one dtype of their products that MKL has."""


def check(case: Case) -> bool:
    """Whether every slot of the case is right after rounds, and again after inputs have changed."""
    bench = CardBench(Mkl(), case, seeds=[1, 2])
    right = []
    for _ in range(2):
        bench.rotate()
        bench.poison()
        bench.run(3, 2)
        right += [bench.check(slot, np.random.default_rng(0)).passed for slot in (0, 1)]
    bench.release()
    return all(right)


def offered(dtype: str) -> None:
    """Skip where this MKL, or this CPU, lacks the dtype."""
    if dtype not in Mkl().operations()["gemm"]:
        pytest.skip(f"mkl {HERE} offers no {dtype} on this CPU")


@needs_mkl
@pytest.mark.parametrize("dtype", [*DTYPES, "u8s8"])
@pytest.mark.parametrize("weights", ["plain", "prepacked"])
@pytest.mark.parametrize("threads", THREADS)
def test_products_are_right(dtype: str, weights: str, threads: int) -> None:
    """Every dtype, any orientation, weights packed or not, every size odd; the harness' own check decides."""
    offered(dtype)
    for transa, transb in itertools.product("nt", "nt"):
        parameters = {"transa": transa, "transb": transb, "weights": weights, "threads": threads}
        assert check(Case("gemm", dtype, (37, 41, 43), {**parameters, "out": DTYPES.get(dtype, "int32")}))


@needs_mkl
@pytest.mark.parametrize("dtype", ["fp64", "fp32"])
@pytest.mark.parametrize("threads", THREADS)
def test_batches_are_right(dtype: str, threads: int) -> None:
    """One strided call for all of them."""
    for transa, transb in itertools.product("nt", "nt"):
        parameters = {"transa": transa, "transb": transb, "threads": threads}
        assert check(Case("gemm", dtype, (7, 5, 3), {**parameters, "batch": 4}))


@needs_mkl
@pytest.mark.parametrize("size", [(1, 300, 200), (1, 1, 5), (200, 1, 1), (1, 300, 1)])
@pytest.mark.parametrize("weights", ["plain", "prepacked"])
def test_vectors_are_right(size: tuple[int, int, int], weights: str) -> None:
    """Where a matrix is a row or a column, leading dimensions are 1."""
    for dtype in ("fp32", "bf16"):
        for transa, transb in itertools.product("nt", "nt"):
            parameters = {"transa": transa, "transb": transb, "weights": weights, "out": "fp32"}
            assert check(Case("gemm", dtype, size, parameters))


@needs_mkl
def test_packed_weights_stay_until_they_are_refreshed() -> None:
    """The plan computes with what it packed, and the clock does not run while it packs."""
    card = Mkl()
    case = Case("gemm", "fp32", (4, 5, 6), {"weights": "prepacked"})
    slot = {"a": np.ones((4, 6), "f"), "b": np.ones((6, 5), "f"), "c": np.zeros((4, 5), "f")}
    plan = card.prepare(case, [slot])
    card.refresh(plan)
    slot["b"][:] = 2
    card.enqueue(plan, 0)
    assert slot["c"].tolist() == np.full((4, 5), 6.0).tolist()
    card.refresh(plan)
    card.enqueue(plan, 0)
    assert slot["c"].tolist() == np.full((4, 5), 12.0).tolist()


@needs_mkl
@pytest.mark.parametrize(
    ("dtype", "parameters", "lacks"),
    [
        ("int8", {}, "no int8 gemm"),
        ("bf16", {}, r"no out=bf16 for bf16 gemm \(has: fp32\)"),
        ("fp16", {"out": "fp16"}, r"no out=fp16 for fp16 gemm \(has: fp32\)"),
        ("bf16", {"out": "fp32", "batch": 4}, r"no batch=4 for bf16 gemm \(has: 1\)"),
        ("fp32", {"weights": "prepacked", "batch": 4}, r"no batch=4 for fp32 gemm \(has: 1\)"),
        ("fp32", {"out": "fp64"}, r"no out=fp64 for fp32 gemm \(has: fp32\)"),
        ("fp32", {"threads": 10_000}, "10000 threads"),
    ],
)
def test_what_it_lacks_is_told(dtype: str, parameters: dict[str, int | str], lacks: str) -> None:
    """Never an unnoticed upcast or fallback."""
    with pytest.raises(Unsupported, match=lacks):
        Mkl().prepare(Case("gemm", dtype, (8, 8, 8), parameters), [])


@needs_mkl
@pytest.mark.parametrize(
    ("parameters", "routine"),
    [
        ({}, "cblas_sgemm_64"),
        ({"batch": 2}, "cblas_sgemm_batch_strided_64"),
        ({"weights": "prepacked"}, "cblas_sgemm_compute_64"),
    ],
)
def test_the_routine_that_ran_is_told(parameters: dict[str, int | str], routine: str) -> None:
    """With the library, the instructions it chose and its threads, as the fingerprint has them."""
    card = Mkl()
    bench = CardBench(card, Case("gemm", "fp32", (8, 8, 8), parameters), seeds=[1])
    variant, described = bench.variant(), card.describe()
    assert variant["routine"] == routine
    assert variant["library"] == described["mkl"]
    assert described["mkl"].startswith(f"oneMKL {'.'.join(HERE.split('.')[:2])}")
    assert variant["isa"] == described["isa"]
    assert int(described["call_overhead_ns"]) > 0
    bench.release()


def run(program: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, away from zbench's sources: MKL is set up once in a process."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("MKL_")}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=known | environment)


@needs_mkl
def test_forced_instructions_are_told_and_bytes_that_saturate_are_refused(tmp_path: Path) -> None:
    """Without dot products of bytes MKL cuts sums to 16 bits: a wrong answer, however fast."""
    program = """
from zbench.cards.mkl import Mkl
from zbench.case import Case
from zbench.errors import Unsupported
card = Mkl()
print(card.describe()["isa"])
print("u8s8" in card.operations()["gemm"])
try:
    card.prepare(Case("gemm", "u8s8", (8, 8, 8)), [])
except Unsupported as error:
    print(error)
"""
    done = run(program, tmp_path, MKL_ENABLE_INSTRUCTIONS="AVX2")
    isa = "AVX2 (forced by MKL_ENABLE_INSTRUCTIONS)"
    told = f"MKL's u8s8 gemm is not exact with {isa}: it saturates sums of 16 bits"
    assert (done.stdout.splitlines(), done.stderr) == ([isa, "False", told], "")


SIDE_BY_SIDE = """
import numpy as np
{imports}
from threadpoolctl import ThreadpoolController
from zbench.cards.mkl import Mkl
from zbench.cards.numpy import Numpy
from zbench.case import Case
before, mkl, after = Numpy(), Mkl(), Numpy()
blas = [card.describe().get("blas") for card in (before, after)]
case = Case("gemm", "fp32", (64, 64, 64), {{"threads": {threads}}})
for card in (before, mkl, after, mkl):
    slot = {{name: np.full((64, 64), 2, np.float32) for name in "abc"}}
    card.enqueue(card.prepare(case, [slot]), 0)
    assert (slot["c"] == 256).all()
assert blas[0] == blas[1], blas
after.prepare(Case("gemm", "fp32", (8, 8, 8), {{"threads": 1}}), [])
found = ThreadpoolController().select(internal_api="mkl").info()
assert [each["num_threads"] for each in found] == [{threads}], found
{more}
print("done")
"""


@needs_mkl
@pytest.mark.parametrize("threads", THREADS)
def test_it_lives_beside_numpys_blas(threads: int, tmp_path: Path) -> None:
    """Whichever is there first: both are right, numpy's card counts only its own, and all end cleanly."""
    done = run(SIDE_BY_SIDE.format(imports="", more="", threads=threads), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@needs_mkl
@pytest.mark.parametrize("first", [True, False])
def test_it_lives_beside_torch(first: bool, tmp_path: Path) -> None:
    """torch brings an MKL and an OpenMP runtime of its own."""
    pytest.importorskip("torch", reason="needs torch: pip install torch")
    more = "import torch\nassert (torch.full((64, 64), 2.) @ torch.full((64, 64), 2.) == 256).all()"
    imports = "import torch" if first else ""
    done = run(SIDE_BY_SIDE.format(imports=imports, more=more, threads=THREADS[-1]), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.skipif(bool(HERE), reason="MKL's wheel is installed")
def test_a_missing_wheel_says_how_to_get_it() -> None:
    """The extra that brings it, in one line."""
    with pytest.raises(UsageError, match=r"needs the package mkl .* pip install 'zbench\[mkl\]'"):
        Mkl()


def test_there_are_no_options() -> None:
    """Before anything is loaded."""
    with pytest.raises(UsageError, match="mkl has no options"):
        Mkl("ilp64")


@pytest.mark.parametrize(
    ("words", "short"),
    [
        ("Intel(R) Advanced Vector Extensions 2 (Intel(R) AVX2) enabled processors", "AVX2"),
        (
            "Intel(R) Advanced Vector Extensions 512 (Intel(R) AVX-512) with support of Intel(R) "
            "Deep Learning Boost (Intel(R) DL Boost), EVEX-encoded AES instructions",
            "AVX-512 with support of DL Boost, EVEX-encoded AES",
        ),
        ("Intel(R) Architecture processors", "Architecture processors"),
    ],
)
def test_instructions_are_named_shortly(words: str, short: str) -> None:
    """What MKL says of itself does not fit a table."""
    assert abbreviated(words) == short


@needs_mkl
def test_products_are_scaled_and_added_to_what_is_there() -> None:
    """alpha and beta, over rows that stand apart."""
    card = Mkl()
    a, b, whole = np.full((3, 4), 2.0), np.full((4, 5), 3.0), np.full((3, 9), 10.0)
    slot = {"a": card.adopt(a), "b": card.adopt(b), "c": card.adopt(whole[:, 2:7])}
    plan = card.prepare(Case("gemm", "fp64", (3, 5, 4), {"alpha": "0.5", "beta": "-1"}), [slot])
    card.enqueue(plan, 0)
    card.release(plan)
    assert (whole[:, 2:7] == 2).all()
    assert (whole[:, [0, 1, 7, 8]] == 10).all()

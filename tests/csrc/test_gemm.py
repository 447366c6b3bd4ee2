"""GEMM: every kernel against exact integers, at the edges of tiles, blocks and semantics."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zbench.native import cpu
from zbench.native.gemm import DTYPES, Gemm

ISAS = cpu.isas()
KERNELS = [("packed", isa) for isa in ISAS] + [("naive", "portable")]
TINY_BLOCKS = {"mc": 24, "nc": 64, "kc": 16, "nb": 32}
"""Far below what caches would choose, so that small problems cross every loop's border."""
CANARY = -12345.0


def integers(rng, shape, dtype):
    """Integers so small that every sum below is exact in both types."""
    return rng.integers(-4, 5, shape).astype(DTYPES[dtype])


def padded(matrix, padding):
    """The same matrix with canaries behind each row, as (view, whole array)."""
    whole = np.full((matrix.shape[0], matrix.shape[1] + padding), CANARY, matrix.dtype)
    view = whole[:, : matrix.shape[1]]
    view[...] = matrix
    return view, whole


def check(dtype, m, n, k, *, transa=False, transb=False, alpha=1, beta=0, padding=0, seed=0, **options):
    """Run once on integers and compare with numpy's integer product, bit for bit."""
    rng = np.random.default_rng(seed)
    a, b, c = (integers(rng, shape, dtype) for shape in ((m, k), (k, n), (m, n)))
    expected = alpha * (a.astype(np.int64) @ b.astype(np.int64)) + beta * c.astype(np.int64)
    if beta == 0:
        c[...] = np.nan
    a_view, _ = padded(a.T if transa else a, padding)
    b_view, _ = padded(b.T if transb else b, padding)
    c_view, whole = padded(c, padding)
    with Gemm(dtype, m, n, k, transa=transa, transb=transb, **options) as gemm:
        gemm.run(alpha, a_view, b_view, beta, c_view)
    assert np.array_equal(expected, c_view)
    assert (whole[:, n:] == CANARY).all()


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_shapes_around_the_edges_of_tiles(dtype, kernel, isa):
    """One below, at and one above a tile in each direction, and the degenerate sizes."""
    for m, n, k in product((0, 1, 5, 6, 7, 12, 13), (0, 1, 4, 8, 9, 16, 31, 32, 33), (0, 1, 3, 16, 17)):
        check(dtype, m, n, k, kernel=kernel, isa=isa)


@pytest.mark.parametrize(("transa", "transb"), list(product((False, True), repeat=2)))
@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_transposes_with_leading_dimensions(dtype, kernel, isa, transa, transb):
    """Operands inside wider arrays, in every storage order; what surrounds C is left alone."""
    for (m, n, k), padding in product(((25, 35, 37), (50, 70, 64), (1, 40, 5)), (0, 3)):
        check(dtype, m, n, k, transa=transa, transb=transb, padding=padding, kernel=kernel, isa=isa)


@pytest.mark.parametrize(("alpha", "beta"), list(product((0, 1, -2), (0, 1, 3))))
@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_alpha_and_beta(dtype, kernel, isa, alpha, beta):
    """Every combination of nothing, once and scaled, also with k = 0 and over several blocks of k."""
    for k in (0, 5, 40):
        blocks = TINY_BLOCKS if kernel == "packed" else None
        check(dtype, 14, 37, k, alpha=alpha, beta=beta, kernel=kernel, isa=isa, blocks=blocks)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_and_threads(dtype, isa, threads):
    """Several blocks in every direction, shared among threads, also more threads than CPUs."""
    for transa, transb in product((False, True), repeat=2):
        check(
            dtype,
            61,
            150,
            50,
            transa=transa,
            transb=transb,
            beta=2,
            isa=isa,
            threads=threads,
            blocks=TINY_BLOCKS,
        )
    for size in ((200, 300, 600), (3, 500, 40), (500, 3, 40)):
        check(dtype, *size, isa=isa, threads=threads)


@settings(max_examples=60, deadline=None)
@given(
    dtype=st.sampled_from(sorted(DTYPES)),
    isa=st.sampled_from(ISAS),
    size=st.tuples(*[st.integers(0, 80)] * 3),
    trans=st.tuples(st.booleans(), st.booleans()),
    scale=st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
    blocks=st.dictionaries(st.sampled_from(["mc", "nc", "kc", "nb"]), st.integers(1, 100)),
    padding=st.integers(0, 9),
    seed=st.integers(0, 99),
)
def test_any_problem(dtype, isa, size, trans, scale, blocks, padding, seed):
    """Whatever the sizes, blocks and strides, integers come out exact."""
    check(
        dtype, *size, transa=trans[0], transb=trans[1], alpha=scale[0], beta=scale[1],
        padding=padding, seed=seed, isa=isa, blocks=blocks, threads=2,
    )  # fmt: skip


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_inf_propagate(dtype, kernel, isa):
    """A zero in the other operand hides neither NaN nor Inf, and only their row and column see them."""
    m, n, k = 13, 33, 9
    a, b = np.zeros((m, k), DTYPES[dtype]), np.zeros((k, n), DTYPES[dtype])
    a[2, 3], a[12, 8], b[4, 32], b[5, 1] = np.nan, np.inf, np.inf, np.nan
    c = np.zeros((m, n), DTYPES[dtype])
    with Gemm(dtype, m, n, k, kernel=kernel, isa=isa) as gemm:
        gemm.run(1, a, b, 0, c)
    expected = np.zeros((m, n), bool)
    expected[[2, 12], :] = expected[:, [32, 1]] = True
    assert np.array_equal(expected, np.isnan(c))


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_inf_keeps_its_sign(dtype, kernel, isa):
    """Inf times a finite number is Inf of the right sign, in full and in edge tiles."""
    m, n, k = 13, 33, 4
    a, b = np.ones((m, k), DTYPES[dtype]), np.ones((k, n), DTYPES[dtype])
    a[:, 1] = np.inf
    b[1, ::2] = -1
    c = np.zeros((m, n), DTYPES[dtype])
    with Gemm(dtype, m, n, k, kernel=kernel, isa=isa) as gemm:
        gemm.run(1, a, b, 0, c)
    assert np.array_equal(np.where(np.arange(n) % 2, np.inf, -np.inf) + np.zeros((m, 1)), c)


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_read(dtype, kernel, isa):
    """beta = 0 ignores NaN in C; alpha = 0 ignores NaN in A and B; beta = 1 keeps NaN in C."""
    m, n, k = 7, 35, 5
    nan, one = np.full((m, k), np.nan, DTYPES[dtype]), np.ones((k, n), DTYPES[dtype])
    with Gemm(dtype, m, n, k, kernel=kernel, isa=isa) as gemm:
        c = np.full((m, n), 2, DTYPES[dtype])
        gemm.run(0, nan, one, 3, c)
        assert (c == 6).all()
        c[3, 4] = np.nan
        gemm.run(1, np.ones_like(nan), one, 1, c)
        assert np.isnan(c[3, 4])
        assert np.isnan(c).sum() == 1
        gemm.run(1, np.ones_like(nan), one, 0, c)
        assert (c == 5).all()


@pytest.mark.parametrize("isa", ISAS)
def test_a_scale_that_vanishes_in_fp32_is_zero(isa):
    """alpha and beta count as the type that computes sees them: 1e-300 is 0 in fp32."""
    nan = np.full((3, 3), np.nan, np.float32)
    c = nan.copy()
    with Gemm("fp32", 3, 3, 3, isa=isa) as gemm:
        gemm.run(1e-300, nan, nan, 1e-300, c)
    assert (c == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_packed_agrees_with_naive_on_real_numbers(dtype):
    """Within the a-priori bound of a dot product, k eps |A||B|, on random data with full mantissas."""
    m, n, k = 130, 170, 700
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(shape).astype(DTYPES[dtype]) for shape in ((m, k), (k, n)))
    c = {kernel: np.empty((m, n), DTYPES[dtype]) for kernel in ("packed", "naive")}
    for kernel, out in c.items():
        with Gemm(dtype, m, n, k, kernel=kernel) as gemm:
            gemm.run(1, a, b, 0, out)
    bound = 2 * k * np.finfo(DTYPES[dtype]).eps * (np.abs(a).astype(float) @ np.abs(b))
    assert (np.abs(c["packed"].astype(float) - c["naive"]) <= bound).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_do_not_change_a_bit(dtype, isa):
    """Which thread computes a tile is chance; its result is not."""
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal((300, 300)).astype(DTYPES[dtype]) for _ in "ab")
    results = []
    for threads in (1, 2, 3):
        c = np.empty_like(a)
        with Gemm(dtype, 300, 300, 300, threads=threads, isa=isa) as gemm:
            gemm.run(1, a, b, 0, c)
        results.append(c)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize("kernel", ["packed", "naive"])
def test_rounds_rotate_over_the_slots(kernel):
    """5 executions over 3 slots with beta = 1: the first two slots are added to twice."""
    a = b = np.eye(4)
    slots = [(a, b, np.zeros((4, 4))) for _ in range(3)]
    with Gemm("fp64", 4, 4, 4, kernel=kernel) as gemm:
        ns = gemm.run_rounds(slots, 1, 5, beta=1.0)
    assert ns.dtype == np.int64
    assert ns.shape == (1,)
    assert [c[0, 0] for _, _, c in slots] == [2, 2, 1]


def test_rounds_are_chained_within_the_callers_clock():
    """Every round takes time, and together no more than the caller saw."""
    from time import perf_counter_ns

    matrix = np.ones((64, 64))
    with Gemm("fp64", 64, 64, 64) as gemm:
        start = perf_counter_ns()
        ns = gemm.run_rounds([(matrix, matrix, np.empty((64, 64)))], 20, 2)
        elapsed = perf_counter_ns() - start
    assert (ns > 0).all()
    assert ns.sum() <= elapsed

"""GEMM: every kernel against exact integers, at the edges of tiles, blocks and semantics."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zbench import dtypes
from zbench.dtypes import NUMPY_DTYPES, RESULTS
from zbench.native import cpu
from zbench.native.gemm import DTYPES, Gemm

ISAS = cpu.isas()
KERNELS = [("fast", isa) for isa in ISAS] + [("naive", "portable")]
FLOATS = [name for name in DTYPES if name in dtypes.FLOATS]
TINY_BLOCKS = {"mc": 24, "kc": 16, "nb": 32}
"""Far below what caches would choose, so that small problems cross every loop's border."""
CANARY = -77


def operands(dtype):
    """numpy's types of A and B."""
    names = ("uint8", "int8") if dtype == "u8s8" else (dtype, dtype)
    return [NUMPY_DTYPES[name] for name in names]


def integers(rng, shape, kind, most=4):
    """Integers so small that every sum below is exact in every type."""
    return rng.integers(0 if kind == np.uint8 else -most, most + 1, shape).astype(kind)


def wide(matrix):
    return matrix.astype(np.int64 if matrix.dtype.kind in "iu" else np.float64)


def padded(matrix, padding):
    """The same matrix with canaries behind each row, as (view, whole array)."""
    whole = np.full((*matrix.shape[:-1], matrix.shape[-1] + padding), CANARY & 0x7F, matrix.dtype)
    view = whole[..., : matrix.shape[-1]]
    view[...] = matrix
    return view, whole


def check(
    dtype, m, n, k, *, out=None, transa=False, transb=False, alpha=1, beta=0, padding=0, seed=0, batch=1,
    prepacked=False, most=4, **options,
):  # fmt: skip
    """Run once on integers and compare with numpy's integer product, bit for bit."""
    rng = np.random.default_rng(seed)
    out = out or RESULTS[dtype][-1]
    kinds = [*operands(dtype), NUMPY_DTYPES[out]]
    many = (batch,) if batch > 1 else ()
    a, b, c = (
        integers(rng, (*many, *shape), kind, most)
        for shape, kind in zip(((m, k), (k, n), (m, n)), kinds, strict=True)
    )
    expected = alpha * (wide(a) @ wide(b)) + beta * wide(c)
    if beta == 0 and out != "int32":
        c[...] = np.nan
    a_view, _ = padded(np.swapaxes(a, -1, -2) if transa else a, padding)
    b_view, _ = padded(np.swapaxes(b, -1, -2) if transb else b, padding)
    c_view, whole = padded(c, padding)
    plan = Gemm(
        dtype, m, n, k, out=out, transa=transa, transb=transb, batch=batch, prepacked=prepacked, **options
    )
    with plan as gemm:
        gemm.run(alpha, a_view, gemm.pack_weights(b_view) if prepacked else b_view, beta, c_view)
        variant = gemm.variant
    assert np.array_equal(expected, wide(c_view))
    assert (whole[..., n:] == whole.dtype.type(CANARY & 0x7F)).all()
    return variant


def scales(dtype, wanted):
    """Those of (alpha, beta) that the dtype takes."""
    return [(a, b) for a, b in wanted if dtype in FLOATS or (a == 1 and b in (0, 1))]


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_shapes_around_the_edges_of_tiles(dtype, kernel, isa):
    """One below, at and one above a tile in each direction, and the degenerate sizes."""
    for m, n, k in product((0, 1, 6, 7, 12, 13), (0, 1, 8, 24, 31, 32, 33), (0, 1, 3, 16, 17)):
        check(dtype, m, n, k, kernel=kernel, isa=isa)


@pytest.mark.parametrize(("transa", "transb"), list(product((False, True), repeat=2)))
@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_transposes_with_leading_dimensions(dtype, kernel, isa, transa, transb):
    """Operands inside wider arrays, in every storage order; what surrounds C is left alone."""
    for (m, n, k), padding in product(((25, 35, 37), (50, 70, 64), (1, 40, 5), (110, 120, 130)), (0, 3)):
        check(dtype, m, n, k, transa=transa, transb=transb, padding=padding, kernel=kernel, isa=isa)


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_result_that_a_dtype_may_have(dtype, kernel, isa):
    """C as wide as the sums or narrower; over several blocks of k it is rounded once."""
    for out, beta in product(RESULTS[dtype], (0, 1)):
        for m, n, k in ((30, 70, 100), (3, 50, 100), (120, 100, 110)):
            blocks = TINY_BLOCKS if kernel == "fast" else None
            check(
                dtype, m, n, k, out=out, beta=beta, most=1, transb=True, kernel=kernel, isa=isa, blocks=blocks
            )


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_alpha_and_beta(dtype, kernel, isa):
    """Every combination of nothing, once and scaled, also with k = 0 and over several blocks of k."""
    blocks = TINY_BLOCKS if kernel == "fast" else None
    for (alpha, beta), k in product(scales(dtype, product((0, 1, -2), (0, 1, 3))), (0, 5, 40)):
        check(dtype, 18, 37, k, alpha=alpha, beta=beta, kernel=kernel, isa=isa, blocks=blocks)
        check(dtype, 4, 37, k, alpha=alpha, beta=beta, transb=True, kernel=kernel, isa=isa, blocks=blocks)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_and_threads(dtype, isa, threads):
    """Several blocks in every direction, shared among threads, also more threads than CPUs."""
    for transa, transb in product((False, True), repeat=2):
        check(
            dtype, 110, 150, 90, transa=transa, transb=transb, beta=1, isa=isa, threads=threads,
            blocks=TINY_BLOCKS,
        )  # fmt: skip
    for size in ((200, 300, 600), (3, 500, 40), (500, 3, 700)):
        check(dtype, *size, isa=isa, threads=threads)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_packed_beforehand(dtype, isa, threads):
    """Few rows, a block of them, many: B comes as the plan packed it, from either storage order."""
    for m, transb in product((1, 2, 7, 16, 17, 70), (False, True)):
        for n, k, blocks in ((70, 45, None), (33, 130, TINY_BLOCKS)):
            check(
                dtype, m, n, k, transb=transb, prepacked=True, beta=1, padding=2, isa=isa, threads=threads,
                blocks=blocks,
            )  # fmt: skip


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_few_rows_against_lines_of_weights(dtype, isa):
    """y = x W^T for each number of rows that has a way of its own, at every rest of a vector."""
    for m, n, k in product((1, 2, 3, 5, 8, 9, 15, 16), (1, 3, 4, 13), (1, 15, 64, 67, 130)):
        assert check(dtype, m, n, k, transb=True, isa=isa)["kernel"] == "thin"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_batches(dtype, kernel, isa, threads):
    """Products side by side, small ones and large ones, inside wider arrays."""
    if kernel == "naive" and threads > 1:
        return  # refused, see tests/native
    for size, batch in (((5, 9, 7), 40), ((33, 40, 20), 3), ((100, 110, 120), 2), ((100, 110, 120), 5)):
        for transb in (False, True):
            check(
                dtype, *size, batch=batch, transb=transb, padding=1, kernel=kernel, isa=isa, threads=threads
            )


def test_one_operand_for_a_whole_batch():
    """A stride of 0 between products: what is only read may be the same."""
    a, b = np.arange(12.0).reshape(1, 3, 4), np.arange(40.0).reshape(2, 4, 5)
    c = np.empty((2, 3, 5))
    with Gemm("fp64", 3, 5, 4, batch=2) as gemm:
        gemm.run(1, np.broadcast_to(a, (2, 3, 4)), b, 0, c)
    assert np.array_equal(a @ b, c)


@settings(max_examples=120, deadline=None)
@given(
    dtype=st.sampled_from(sorted(DTYPES)),
    isa=st.sampled_from(ISAS),
    size=st.tuples(*[st.integers(0, 130)] * 3),
    trans=st.tuples(st.booleans(), st.booleans()),
    scale=st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
    blocks=st.dictionaries(st.sampled_from(["mc", "kc", "nb"]), st.integers(1, 100)),
    padding=st.integers(0, 9),
    form=st.sampled_from(["plain", "prepacked", "batch"]),
    seed=st.integers(0, 99),
)
def test_any_problem(dtype, isa, size, trans, scale, blocks, padding, form, seed):
    """Whatever the sizes, blocks and strides, integers come out exact."""
    alpha, beta = scale if dtype in FLOATS else (1, abs(scale[1]) % 2)
    check(
        dtype, *size, transa=trans[0], transb=trans[1], alpha=alpha, beta=beta, padding=padding, seed=seed,
        isa=isa, blocks=blocks, threads=2, prepacked=form == "prepacked", batch=3 if form == "batch" else 1,
    )  # fmt: skip


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["int8", "u8s8"])
def test_integers_are_exact_at_their_extremes(dtype, isa):
    """No saturation in between: the largest products, of either sign, all the same way."""
    kinds, k = operands(dtype), 4096
    low, high = np.iinfo(kinds[0]).min, np.iinfo(kinds[0]).max
    for x, y in product((low, high), (-128, 127)):
        for m, prepacked in ((20, False), (3, False), (3, True), (20, True)):
            a, b = np.full((m, k), x, kinds[0]), np.full((9, k), y, kinds[1])
            c = np.zeros((m, 9), np.int32)
            with Gemm(dtype, m, 9, k, transb=True, isa=isa, prepacked=prepacked) as gemm:
                gemm.run(1, a, gemm.pack_weights(b) if prepacked else b, 0, c)
            assert (c == x * y * k).all()


def seen(dtype, isa, values):
    """Narrow floats as fp32, as the kernel sees them: the instructions for bf16 take subnormals for zero."""
    floats = values.astype(np.float32)
    if dtype == "bf16" and isa in ("amx", "avx512_bf16", "neon_bf16"):
        floats[np.abs(floats) < np.finfo(np.float32).tiny] = 0
    return floats


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["bf16", "fp16", "fp8e4m3", "fp8e5m2"])
def test_every_narrow_float_is_converted_exactly(dtype, isa):
    """Each bit pattern times 1, down every path that converts: as ml_dtypes reads it, NaN a NaN."""
    kind = NUMPY_DTYPES[dtype]
    patterns = (
        np.arange(1 << (8 * kind.itemsize)).astype(np.uint8 if kind.itemsize == 1 else np.uint16).view(kind)
    )
    column = np.resize(patterns, (max(256, len(patterns)), 1))
    one = np.ones((1, 1), kind)
    expected = seen(dtype, isa, column)
    for transa, prepacked in ((False, False), (True, False)):
        c = np.empty((len(column), 1), np.float32)
        with Gemm(dtype, len(column), 1, 1, out="fp32", transa=transa, isa=isa, prepacked=prepacked) as gemm:
            gemm.run(1, np.ascontiguousarray(column.T) if transa else column, one, 0, c)
        assert np.array_equal(expected, c, equal_nan=True)
    for prepacked in (False, True):
        c = np.empty((1, len(column)), np.float32)
        with Gemm(dtype, 1, len(column), 1, out="fp32", transb=True, isa=isa, prepacked=prepacked) as gemm:
            gemm.run(1, one, gemm.pack_weights(column) if prepacked else column, 0, c)
        assert np.array_equal(expected.T, c, equal_nan=True)


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_results_are_rounded_to_nearest_even(dtype, kernel, isa):
    """Every bit pattern times factors that put it between two others, halfway too, and out of range."""
    kind = NUMPY_DTYPES[dtype]
    row = np.arange(1 << 16, dtype=np.uint16).view(kind)[None]
    for alpha in (1 + 2.0**-9, 1.5, 0.3333, 2.0**-9, 1000.0):
        c = np.zeros_like(row)
        with Gemm(dtype, 1, row.size, 1, out=dtype, isa=isa, kernel=kernel) as gemm:
            gemm.run(alpha, np.ones((1, 1), kind), row, 0, c)
        with np.errstate(all="ignore"):
            operand = row.astype(np.float32) if kernel == "naive" else seen(dtype, isa, row)
            expected = (np.float32(alpha) * operand).astype(kind)
        assert np.array_equal(expected.astype(np.float32), c.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", ["fp64", "fp32"])
def test_nan_and_inf_propagate(dtype, kernel, isa):
    """A zero in the other operand hides neither NaN nor Inf, and only their row and column see them."""
    m, n, k = 13, 33, 9
    a, b = np.zeros((m, k), NUMPY_DTYPES[dtype]), np.zeros((k, n), NUMPY_DTYPES[dtype])
    a[2, 3], a[12, 8], b[4, 32], b[5, 1] = np.nan, np.inf, np.inf, np.nan
    c = np.zeros((m, n), NUMPY_DTYPES[dtype])
    with Gemm(dtype, m, n, k, kernel=kernel, isa=isa) as gemm:
        gemm.run(1, a, b, 0, c)
    expected = np.zeros((m, n), bool)
    expected[[2, 12], :] = expected[:, [32, 1]] = True
    assert np.array_equal(expected, np.isnan(c))


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", ["fp64", "fp32"])
def test_inf_keeps_its_sign(dtype, kernel, isa):
    """Inf times a finite number is Inf of the right sign, in full and in edge tiles."""
    m, n, k = 13, 33, 4
    a, b = np.ones((m, k), NUMPY_DTYPES[dtype]), np.ones((k, n), NUMPY_DTYPES[dtype])
    a[:, 1] = np.inf
    b[1, ::2] = -1
    c = np.zeros((m, n), NUMPY_DTYPES[dtype])
    with Gemm(dtype, m, n, k, kernel=kernel, isa=isa) as gemm:
        gemm.run(1, a, b, 0, c)
    assert np.array_equal(np.where(np.arange(n) % 2, np.inf, -np.inf) + np.zeros((m, 1)), c)


@pytest.mark.parametrize(("kernel", "isa"), KERNELS)
@pytest.mark.parametrize("dtype", ["fp64", "fp32"])
def test_what_is_not_read(dtype, kernel, isa):
    """beta = 0 ignores NaN in C; alpha = 0 ignores NaN in A and B; beta = 1 keeps NaN in C."""
    m, n, k = 7, 35, 5
    nan, one = np.full((m, k), np.nan, NUMPY_DTYPES[dtype]), np.ones((k, n), NUMPY_DTYPES[dtype])
    with Gemm(dtype, m, n, k, kernel=kernel, isa=isa) as gemm:
        c = np.full((m, n), 2, NUMPY_DTYPES[dtype])
        gemm.run(0, nan, one, 3, c)
        assert (c == 6).all()
        c[3, 4] = np.nan
        gemm.run(1, np.ones_like(nan), one, 1, c)
        assert np.isnan(c[3, 4])
        assert np.isnan(c).sum() == 1
        gemm.run(1, np.ones_like(nan), one, 0, c)
        assert (c == 5).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("transb", [False, True])
def test_a_scale_that_vanishes_in_fp32_is_zero(isa, transb):
    """alpha and beta count as the type that computes sees them, by every path: 1e-300 is 0 in fp32."""
    nan, one = np.full((3, 3), np.nan, np.float32), np.ones((3, 3), np.float32)
    c = nan.copy()
    with Gemm("fp32", 3, 3, 3, isa=isa, transb=transb) as gemm:
        gemm.run(1e-300, nan, nan, 1e-300, c)
        assert (c == 0).all()
        c[:] = np.nan
        gemm.run(1, one, one, 1e-300, c)
    assert (c == 3).all()


@pytest.mark.parametrize("kernel", ["fast", "naive"])
@pytest.mark.parametrize("dtype", ["fp64", "fp32"])
def test_no_terms_are_not_scaled(dtype, kernel):
    """k = 0 leaves C as beta has it, whatever alpha is, as in BLAS."""
    c = np.full((3, 4), 2, NUMPY_DTYPES[dtype])
    with Gemm(dtype, 3, 4, 0, kernel=kernel) as gemm:
        gemm.run(float("nan"), c[:, :0].copy(), c[:0].copy(), 0.5, c)
    assert (c == 1).all()


@pytest.mark.parametrize("dtype", ["fp64", "fp32"])
def test_fast_agrees_with_naive_on_real_numbers(dtype):
    """Within the a-priori bound of a dot product, k eps |A||B|, on random data with full mantissas."""
    m, n, k = 130, 170, 700
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(shape).astype(NUMPY_DTYPES[dtype]) for shape in ((m, k), (k, n)))
    c = {kernel: np.empty((m, n), NUMPY_DTYPES[dtype]) for kernel in ("fast", "naive")}
    for kernel, out in c.items():
        with Gemm(dtype, m, n, k, kernel=kernel) as gemm:
            gemm.run(1, a, b, 0, out)
    bound = 2 * k * np.finfo(NUMPY_DTYPES[dtype]).eps * (np.abs(a).astype(float) @ np.abs(b))
    assert (np.abs(c["fast"].astype(float) - c["naive"]) <= bound).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["fp64", "fp32"])
def test_threads_do_not_change_a_bit(dtype, isa):
    """Which thread computes a tile is chance; its result is not."""
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal((300, 300)).astype(NUMPY_DTYPES[dtype]) for _ in "ab")
    results = []
    for threads in (1, 2, 3):
        c = np.empty_like(a)
        with Gemm(dtype, 300, 300, 300, threads=threads, isa=isa) as gemm:
            gemm.run(1, a, b, 0, c)
        results.append(c)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize("kernel", ["fast", "naive"])
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

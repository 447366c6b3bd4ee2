"""Verification: right answers pass, wrong ones fail, and how small an error can be seen is told."""

import numpy as np
import pytest

from zbench.case import Case
from zbench.dtypes import FLOATS, NUMPY_DTYPES, RESULTS
from zbench.workloads import WORKLOADS, workload
from zbench.workloads.base import Answer, Array, Finding, Repeating
from zbench.workloads.messages import result

RNG = np.random.default_rng(7)
GEMM = Case("gemm", "fp32", (33, 47, 65), {"threads": 1})
STEP = Case("step", "fp64", (8, 9, 10), {"ranks": 3})


def product(case: Case, seed: int = 1) -> tuple[dict[str, Array], Array]:
    inputs = workload("gemm").fill(case, seed, 0)
    a = inputs["a"].T if case.get("transa") == "t" else inputs["a"]
    b = inputs["b"].T if case.get("transb") == "t" else inputs["b"]
    return inputs, a @ b


def judged(case: Case, inputs: dict[str, Array], c: Array) -> Finding:
    return workload("gemm").check(Answer(case, 1, 0, inputs, {"c": c}), np.random.default_rng(3))


@pytest.mark.parametrize("dtype", ["fp32", "fp64"])
@pytest.mark.parametrize("transa", ["n", "t"])
@pytest.mark.parametrize("transb", ["n", "t"])
def test_a_right_product_passes(dtype: str, transa: str, transb: str) -> None:
    """Rounding is not an error, in any orientation."""
    case = Case("gemm", dtype, (33, 47, 65), {"transa": transa, "transb": transb})
    assert judged(case, *product(case)).passed


@pytest.mark.parametrize("dtype", ["fp32", "fp64", "bf16", "int8"])
@pytest.mark.parametrize("transa", ["n", "t"])
@pytest.mark.parametrize("transb", ["n", "t"])
def test_inputs_that_repeat_are_checked_like_the_whole(dtype: str, transa: str, transb: str) -> None:
    """More elements than a period, in several products: the same finding, right or wrong."""
    case = Case("gemm", dtype, (210, 230, 220), {"transa": transa, "transb": transb, "batch": 3})
    inputs = workload("gemm").fill(case, 1, 0)
    a = np.swapaxes(inputs["a"], 1, 2) if transa == "t" else inputs["a"]
    b = np.swapaxes(inputs["b"], 1, 2) if transb == "t" else inputs["b"]
    wide = np.int64 if dtype == "int8" else np.float64
    c = (a.astype(wide) @ b.astype(wide)).astype(NUMPY_DTYPES[str(case.get("out"))])
    drawn = workload("gemm").inputs(case, 1, 0)
    assert type(drawn["a"]) is Repeating
    for wrong in (False, True):
        if wrong:
            c[1, 7, 9] += max(1, 2 * judged(case, inputs, c).smallest_error)
        whole, repeating = judged(case, inputs, c), judged(case, drawn, c)
        assert whole.passed is repeating.passed is not wrong
        assert repeating.smallest_error == pytest.approx(whole.smallest_error)
        assert wrong is ("row 7 of product 1" in repeating.why)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", sorted(RESULTS))
def test_every_precision_is_checked_as_finely_as_its_product_is_exact(dtype: str, batch: int) -> None:
    """The exact product, rounded once to each dtype that C may have, passes; one element off fails."""
    for out in RESULTS[dtype]:
        case = Case("gemm", dtype, (24, 40, 128), {"out": out, "batch": batch, "transb": "t"})
        inputs = workload("gemm").fill(case, 1, 0)
        exact = inputs["a"].astype(np.float64) @ np.swapaxes(inputs["b"].astype(np.float64), -1, -2)
        c = exact.astype(NUMPY_DTYPES[out])
        assert judged(case, inputs, c).passed
        where = (*(0,) * (c.ndim - 2), 3, 5)
        c[where] += max(1, 1.5 * judged(case, inputs, c).smallest_error)
        finding = judged(case, inputs, c)
        assert not finding.passed
        assert "row 3" in finding.why


def test_a_product_in_a_narrower_type_than_asked_for_is_seen() -> None:
    """bf16 sums behind an fp32 label, fp16 behind fp32: an unnoticed downcast is a wrong answer."""
    for dtype in ("fp32", "tf32", "bf16"):
        case = Case("gemm", dtype, (24, 40, 1024), {"out": "fp32"})
        inputs, _ = product(case)
        c = np.zeros((24, 40), np.float32)
        for p in range(1024):
            term = inputs["a"][:, p, None].astype(np.float32) * inputs["b"][p].astype(np.float32)
            c = (c + term).astype(NUMPY_DTYPES["bf16"]).astype(np.float32)
        assert not judged(case, inputs, c).passed


@pytest.mark.parametrize("size", [(300, 300, 1), (2000, 1, 2000), (5, 20_000, 1), (64, 64, 4096)])
@pytest.mark.parametrize("dtype", ["fp32", "fp64"])
def test_rounding_passes_in_any_shape(dtype: str, size: tuple[int, ...]) -> None:
    """Sums in plain order, the least exact there is: no false alarm, also where the check rounds more."""
    case = Case("gemm", dtype, size)
    inputs, c = product(case)
    c[...] = 0
    for p in range(size[2]):
        c += inputs["a"][:, p, None] * inputs["b"][p]
    assert judged(case, inputs, c).passed


def test_one_wrong_element_is_seen_from_the_stated_size_on() -> None:
    """The record says the smallest error the check can see; that error is seen."""
    inputs, c = product(GEMM)
    c[3, 5] += 1.1 * judged(GEMM, inputs, c).smallest_error
    finding = judged(GEMM, inputs, c)
    assert not finding.passed
    assert "row 3" in finding.why


def test_what_was_never_written_is_seen() -> None:
    """A poisoned output is NaN, and NaN is wrong."""
    inputs, c = product(GEMM)
    c[-1, -1] = np.nan
    assert not judged(GEMM, inputs, c).passed


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_an_infinity_is_seen_however_c_is_rounded(dtype: str) -> None:
    """A bound that grows with C is infinite where C is, and an infinite error is not within it."""
    case = Case("gemm", dtype, (64, 64, 64))
    inputs, c = product(case)
    c[3, 5] = np.inf
    assert not judged(case, inputs, c).passed


@pytest.mark.parametrize("dtype", ["int8", "u8s8"])
def test_columns_of_integers_that_change_places_are_seen(dtype: str) -> None:
    """Each row's sum is right, and so it is by every vector whose elements are one number."""
    case = Case("gemm", dtype, (33, 47, 65))
    inputs = workload("gemm").fill(case, 1, 0)
    c = inputs["a"].astype(np.int32) @ inputs["b"].astype(np.int32)
    assert judged(case, inputs, c).passed
    assert not judged(case, inputs, c[:, [1, 0, *range(2, 47)]]).passed


@pytest.mark.parametrize("k", [64, 4096])
def test_a_product_in_half_precision_is_seen(k: int) -> None:
    """Fast because it is less exact is not fast, however long the sums."""
    case = Case("gemm", "fp32", (64, 64, k))
    inputs, _ = product(case)
    half = inputs["a"].astype(np.float16).astype(np.float32) @ inputs["b"].astype(np.float16).astype(
        np.float32
    )
    assert not judged(case, inputs, half).passed


@pytest.mark.parametrize("name", ["read", "copy", "triad"])
def test_streams_are_compared_exactly(name: str) -> None:
    """One element that is one unit off is found and named."""
    case = Case(name, "fp64", (800,))
    inputs = workload(name).fill(case, 1, 0)
    right = {"read": [inputs["a"].sum()], "copy": inputs["a"], "triad": inputs["a"] + 3 * inputs.get("b", 0)}
    out = np.array(right[name], np.float64)
    check = workload(name).check
    assert check(Answer(case, 1, 0, inputs, {"out": out}), RNG) == Finding(True, 0.0)
    out[0] += 1
    finding = check(Answer(case, 1, 0, inputs, {"out": out}), RNG)
    assert not finding.passed
    assert "the first at 0" in finding.why


def test_an_allreduce_is_the_sum_over_ranks() -> None:
    """Doubling one rank's contribution for another's is seen."""
    case = Case("allreduce", "fp32", (4000,), {"ranks": 3})
    fill, check = workload("allreduce").fill, workload("allreduce").check
    data = [fill(case, 9, rank)["in"] for rank in range(3)]
    assert check(Answer(case, 9, 1, {}, {"out": data[0] + data[1] + data[2]}), RNG).passed
    assert not check(Answer(case, 9, 1, {}, {"out": data[0] + data[1] + data[1]}), RNG).passed


@pytest.mark.parametrize("redop", ["sum", "min", "max", "prod", "avg"])
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "int32"])
def test_a_result_is_exact_unless_it_is_an_average_of_floats(dtype: str, redop: str) -> None:
    """One element that is one unit off is seen; rounding is told only where a division rounds."""
    case = Case("allreduce", dtype, (4000,), {"ranks": 3, "redop": redop})
    check, kind = workload("allreduce").check, NUMPY_DTYPES[dtype]
    right = result(case, 9, 1)
    assert right is not None
    out = right.astype(kind)
    found = check(Answer(case, 9, 1, {}, {"out": out}), RNG)
    assert found.passed
    assert (found.smallest_error > 0) is (redop == "avg" and dtype in FLOATS)
    out[7] += kind.type(max(1, 2 * found.smallest_error))
    assert not check(Answer(case, 9, 1, {}, {"out": out}), RNG).passed


def test_a_message_must_come_from_the_right_rank() -> None:
    """What stands in rank 1's output after a one-way message is rank 0's input."""
    case = Case("unidirectional", "byte", (100,), {"ranks": 2})
    fill, check = workload("unidirectional").fill, workload("unidirectional").check
    assert check(Answer(case, 9, 1, {}, {"out": fill(case, 9, 0)["in"]}), RNG).passed
    assert not check(Answer(case, 9, 1, {}, {"out": fill(case, 9, 1)["in"]}), RNG).passed


def test_a_step_is_checked_in_all_its_parts() -> None:
    """Forward, both backward products and the summed gradient: each one wrong is told by name."""
    fill, check = workload("step").fill, workload("step").check
    everyone = [fill(STEP, 5, rank) for rank in range(3)]
    mine = everyone[1]
    right = {
        "y": mine["x"] @ mine["w"],
        "dx": mine["dy"] @ mine["w"].T,
        "dw": mine["x"].T @ mine["dy"],
        "gw": np.sum([each["x"].T @ each["dy"] for each in everyone], axis=0),
    }
    assert check(Answer(STEP, 5, 1, mine, right), RNG).passed
    for name in right:
        wrong = right | {name: right[name] + 1e-3}
        assert f"{name}: " in check(Answer(STEP, 5, 1, mine, wrong), RNG).why


def test_rates_follow_the_fields_definitions() -> None:
    """2 m n k for GEMM, STREAM's bytes, nccl-tests' bus bandwidth, half the round trip."""
    second = 1e9
    assert workload("gemm").value(GEMM, second) == 2 * 33 * 47 * 65
    assert workload("triad").value(Case("triad", "fp64", (800,)), second) == 2400
    assert workload("allreduce").value(Case("allreduce", "fp32", (800,), {"ranks": 4}), second) == 1200
    assert workload("bcast").value(Case("bcast", "byte", (800,), {"ranks": 4}), second) == 800
    assert workload("pingpong").operations(Case("pingpong", "byte", (8,))) == 2
    assert workload("message_rate").operations(Case("message_rate", "byte", (8,))) == 64


def test_every_workload_counts_its_memory() -> None:
    """The memory check before a run relies on it."""
    case = Case("triad", "fp64", (800,))
    assert WORKLOADS["triad"].memory_bytes(case) == 2400

"""Grouped GEMM: each expert's product is checked, and each one wrong is found."""

import numpy as np
import pytest

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES, RESULTS
from zbench.workloads import workload
from zbench.workloads.base import Answer, Array, Finding
from zbench.workloads.grouped_gemm import counts

WORK = workload("grouped_gemm")


def asked(dtype: str = "fp32", **parameters: int | str) -> Case:
    return Case("grouped_gemm", dtype, (60, 24, 40), {"experts": 8, "top": 2, "skew": "zipf"} | parameters)


def product(case: Case, inputs: dict[str, Array]) -> Array:
    """Expert by expert, rounded once."""
    first, parts = 0, []
    for expert, count in enumerate(counts(case)):
        a = inputs["a"][first : first + count].astype(np.float64)
        parts.append(a @ inputs["b"][expert].T.astype(np.float64))
        first += count
    return np.concatenate(parts).astype(NUMPY_DTYPES[str(case.get("out"))])


def judged(case: Case, inputs: dict[str, Array], c: Array) -> Finding:
    return WORK.check(Answer(case, 1, 0, inputs, {"c": c}), np.random.default_rng(3))


@pytest.mark.parametrize("dtype", sorted(RESULTS))
def test_every_precision_is_checked_expert_by_expert(dtype: str) -> None:
    """The right product passes; one element off in the last expert's rows is found and its expert named."""
    for out in RESULTS[dtype]:
        case = asked(dtype, out=out)
        inputs = WORK.fill(case, 1, 0)
        c = product(case, inputs)
        finding = judged(case, inputs, c)
        assert finding.passed
        c[-1, 5] += max(1, 1.5 * finding.smallest_error)
        wrong = judged(case, inputs, c)
        assert not wrong.passed
        assert "expert 7 of 8" in wrong.why


def test_rows_of_another_expert_are_wrong() -> None:
    """Boundaries that are off by one row multiply it with its neighbour's weights."""
    case = asked()
    inputs = WORK.fill(case, 1, 0)
    c = product(case, inputs)
    border = counts(case)[0]
    c[border] = inputs["a"][border] @ inputs["b"][0].T
    assert not judged(case, inputs, c).passed


def test_what_was_never_written_is_seen() -> None:
    """Poison in the rows of the last expert."""
    case = asked()
    inputs = WORK.fill(case, 1, 0)
    c = product(case, inputs)
    c[-1] = np.nan
    assert not judged(case, inputs, c).passed


def test_an_expert_without_rows_is_not_read() -> None:
    """2 m top n k operations; the bytes of its weights are not mandatory."""
    case = Case("grouped_gemm", "bf16", (3, 24, 40), {"experts": 8, "top": 1})
    assert WORK.flops(case) == 2 * 3 * 24 * 40
    assert WORK.bytes(case) == 2 * (3 * 40 + 3 * 24 + 3 * 24 * 40)
    inputs = WORK.fill(case, 1, 0)
    assert judged(case, inputs, product(case, inputs)).passed

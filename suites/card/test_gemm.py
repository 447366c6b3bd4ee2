"""Card throughput: C = A B in fp32 and fp64, on one core and on all, beside the adjacent FMA peak."""

import pytest

from zbench.judge.summary import Summary


@pytest.mark.workloads("gemm")
def test_gemm(measured: Summary) -> None:
    """Every timed product is checked against a fresh random vector (Freivalds)."""
    assert measured.trusted, measured.why

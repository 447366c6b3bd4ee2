"""Card throughput: C = A B in every precision, square and as models ask it, beside the adjacent peak."""

import pytest

from zbench.judge.summary import Summary


@pytest.mark.workloads("gemm")
def test_gemm(measured: Summary) -> None:
    """Every timed product is checked against a fresh random vector (Freivalds)."""
    assert measured.trusted, measured.why

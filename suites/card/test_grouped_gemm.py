"""The experts of a mixture: rows of each times its own weights, loaded evenly and by Zipf's law."""

import pytest

from zbench.judge.summary import Summary


@pytest.mark.workloads("grouped_gemm")
def test_grouped_gemm(measured: Summary) -> None:
    """Each expert's product is checked against a fresh random vector (Freivalds)."""
    assert measured.trusted, measured.why

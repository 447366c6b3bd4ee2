"""Memory bandwidth: read, copy and triad on arrays that no cache holds (STREAM's counting), and in caches."""

import pytest

from zbench.judge.summary import Summary


@pytest.mark.workloads("read", "copy", "triad")
def test_stream(measured: Summary) -> None:
    """Exact data: every element of every array is compared."""
    assert measured.trusted, measured.why

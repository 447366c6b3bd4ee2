"""All pairs of ranks: latency and bandwidth of each, the pairs of a matching at the same time."""

import pytest

from zbench.judge.summary import Summary


@pytest.mark.workloads("pairs_latency", "pairs_bandwidth")
def test_pairs(measured: Summary) -> None:
    """What each rank got is what its partner of that matching sent."""
    assert measured.trusted, measured.why

"""All ranks: every collective, with the algorithm that the measured table chose."""

import pytest

from zbench.judge.summary import Summary
from zbench.workloads.profiles import OTHERS


@pytest.mark.workloads("barrier", "bcast", "allreduce", *OTHERS)
def test_collective(measured: Summary) -> None:
    """Exact integers: sums are bit-equal in any order; nobody leaves a barrier before all entered."""
    assert measured.trusted, measured.why

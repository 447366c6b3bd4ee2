"""Two ranks: latency (half the round trip, and apart from it pipelined), bandwidth one way and both ways,
message rate."""

import pytest

from zbench.judge.summary import Summary


@pytest.mark.workloads("pingpong", "pipelined", "unidirectional", "bidirectional", "message_rate")
def test_point_to_point(measured: Summary) -> None:
    """What arrived is what was sent, byte by byte."""
    assert measured.trusted, measured.why

"""How card and fabric scale together: the data-parallel training step, weak and strong."""

import pytest

from zbench.judge.summary import Summary


@pytest.mark.workloads("step")
def test_step(measured: Summary) -> None:
    """All three products and the summed gradient are checked (Freivalds)."""
    assert measured.trusted, measured.why

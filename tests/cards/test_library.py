"""What cards around an installed library share."""

import numpy as np

from zbench.cards.library import Plan, bound
from zbench.cards.numpy import Numpy


def test_rounds_take_the_slots_in_turn() -> None:
    """Round i runs executions i * batch and following, each on the slot after the last one's."""
    seen: list[int] = []
    plan = Plan([bound(seen.append, slot) for slot in range(3)])
    times = Numpy().run_rounds(plan, 4, 2)
    assert seen == [0, 1, 2, 0, 1, 2, 0, 1]
    assert (times.dtype, times.shape) == (np.dtype(np.int64), (4,))
    assert (times >= 0).all()

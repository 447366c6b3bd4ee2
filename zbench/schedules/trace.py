"""What an executor did, held against the plan that was proved: rule SY-8."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROW, FINISHED, BYTES = range(3)


def difference(plan: NDArray[Any], events: NDArray[np.int64]) -> str:
    """Where an execution was not that of its plan; "": nowhere.

    `plan`: rows of the dtype of `compile`, shape (n,). `events`: shape (m, 3), in the order in which they
    happened: the row, whether it begins (0) or is done (1), the bytes moved by then. Every row begins once
    and is done once, with all of its bytes, and no row begins before all those of the steps before are done.
    """
    begun, done = np.zeros(len(plan), bool), np.zeros(len(plan), bool)
    for number, (row, finished, size_bytes) in enumerate(events.tolist()):
        if not 0 <= row < len(plan):
            return f"event {number}: no row {row} in a plan of {len(plan)}"
        if (done if finished else begun)[row]:
            return f"event {number}: row {row} {'ends' if finished else 'begins'} twice"
        if finished and not begun[row]:
            return f"event {number}: row {row} ends and has not begun"
        if finished and size_bytes != plan["bytes"][row]:
            return f"event {number}: row {row} moved {size_bytes} of {plan['bytes'][row]} bytes"
        earlier = plan["step"] < plan["step"][row]
        if not finished and not done[earlier].all():
            late = int(np.flatnonzero(earlier & ~done)[0])
            return f"event {number}: row {row} begins before row {late} of an earlier step is done"
        (done if finished else begun)[row] = True
    missing = np.flatnonzero(~done)
    return f"row {missing[0]} was not done" if missing.size else ""

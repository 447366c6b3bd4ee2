"""What the checker raises."""

from __future__ import annotations

from zbench.schedules.action import Action

ONCE, DEFINED, HAZARD, MATCH, DEADLOCK, ONE_ORDER = "SY-1", "SY-2", "SY-3", "SY-4", "SY-5", "SY-6"
"""Rules that a schedule may break: each contribution once and nothing else, no undefined read, no hazard
within a step, messages that match, no deadlock, one order of summation. SY-7, the cost, is no mistake."""


class ScheduleError(Exception):
    """A schedule that is wrong; says where. `rank`, `step` and `action` are None where none is to blame;
    `rule` is the one that it breaks."""

    def __init__(
        self,
        what: str,
        rank: int | None = None,
        step: int | None = None,
        action: Action | None = None,
        rule: str = ONCE,
    ) -> None:
        places = [("rank", rank), ("step", step), ("action", action)]
        where = ", ".join(f"{name} {place}" for name, place in places if place is not None)
        super().__init__(f"{where}: {what}" if where else what)
        self.rank = rank
        self.step = step
        self.action = action
        self.rule = rule

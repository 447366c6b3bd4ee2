"""What the checker raises."""

from __future__ import annotations

from zbench.schedules.action import Action


class ScheduleError(Exception):
    """A schedule that is wrong; says where. `rank`, `step` and `action` are None where none is to blame."""

    def __init__(
        self, what: str, rank: int | None = None, step: int | None = None, action: Action | None = None
    ) -> None:
        places = [("rank", rank), ("step", step), ("action", action)]
        where = ", ".join(f"{name} {place}" for name, place in places if place is not None)
        super().__init__(f"{where}: {what}" if where else what)
        self.rank = rank
        self.step = step
        self.action = action

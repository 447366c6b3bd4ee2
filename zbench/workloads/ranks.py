"""Questions about the ranks of a world and not about one message: whether their clocks agree.

They have no rate: what they found stands in a field of their record (`records.schema.Clocks`).
"""

from __future__ import annotations

from zbench.workloads.messages import message, seconds

RANKS = (message("clocks", "time", "s", seconds, data=False),)

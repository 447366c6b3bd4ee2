"""CO-01 to CO-29 at L0, and what becomes of a world in which a rank goes wrong."""

from collections.abc import Callable

import pytest

from zbench.conformance.catalogue import COLLECTIVES, FAULTS, SCHEDULES


@pytest.mark.parametrize("id", [item.id for item in (*COLLECTIVES, *FAULTS) if item.smoke])
def test_fabric(judge: Callable[[str, str, str], None], fabric: str, id: str) -> None:
    """In worlds of two and three ranks."""
    judge("fabric", fabric, id)


@pytest.mark.parametrize("id", [item.id for item in SCHEDULES if item.smoke])
def test_schedules(judge: Callable[[str, str, str], None], id: str) -> None:
    """Of every operation and algorithm, without a process."""
    judge("schedules", "", id)

"""Copies between a card and its host, on the card, and to other cards: pageable and pinned, queued and waited
for."""

import pytest

from zbench.judge.summary import Summary


@pytest.mark.workloads("copy_h2d", "copy_d2h", "copy_d2d")
def test_copy(measured: Summary) -> None:
    """Exact data: every byte is compared."""
    assert measured.trusted, measured.why

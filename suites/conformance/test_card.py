"""GE-01 to GE-43 at L0: is what a card computes right? `zbench conform` asks more."""

from collections.abc import Callable

import pytest

from zbench.conformance.catalogue import PRODUCTS


@pytest.mark.parametrize("id", [item.id for item in PRODUCTS if item.smoke])
def test_card(judge: Callable[[str, str, str], None], card: str, id: str) -> None:
    """Of every dtype that the card offers."""
    judge("card", card, id)

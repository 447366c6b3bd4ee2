"""A card that adds one to the first element of every product."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from zbench.cards.numpy import Numpy


class OneUlp(Numpy):
    """In the last place where C is all of an accumulator's whole numbers."""

    def read(self, buffer: Any) -> NDArray[Any]:
        found = super().read(buffer)
        found.flat[:1] += 1
        return found

    def describe(self) -> dict[str, str]:
        return {"maker": "doubtful 1.7"}

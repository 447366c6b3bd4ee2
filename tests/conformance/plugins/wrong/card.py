"""Cards that answer with something else than the array that was asked for."""

from __future__ import annotations

import numpy as np

from zbench.cards.numpy import Numpy


class Flat(Numpy):
    """Its products have all elements, in one row."""

    def read(self, buffer):
        return super().read(buffer).ravel()


class Wide(Numpy):
    """Its products are wider than what was asked for."""

    def read(self, buffer):
        return super().read(buffer).astype(np.float64)


class Nothing(Numpy):
    def read(self, buffer):
        return None

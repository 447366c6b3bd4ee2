"""Cards that answer with something else than the array that was asked for."""

from __future__ import annotations

import os

import numpy as np

from zbench.cards.numpy import Numpy
from zbench.errors import Unsupported


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


class Once(Numpy):
    """Goes wrong in the first process only, which leaves a file that says so."""

    def enqueue(self, plan, slot):
        if not os.path.exists(os.environ["WENT_WRONG"]):
            with open(os.environ["WENT_WRONG"], "x"):
                self.go_wrong()
        super().enqueue(plan, slot)

    def go_wrong(self):
        raise NotImplementedError


class Aborts(Once):
    def go_wrong(self):
        os.abort()


class Refuses(Numpy):
    """Offers all that numpy does, and makes no plan for any of it."""

    def prepare(self, case, slots):
        raise Unsupported(f"{case.key}: not today")

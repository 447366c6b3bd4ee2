"""The closed list of conditions that a claim may name: what a figure says nothing without."""

from __future__ import annotations

Conditions = dict[str, str | int | float]

CONDITIONS: dict[str, str] = {
    "endpoint": "where the bytes lie: host memory, device memory",
    "initiator": "who starts a transfer: host, device",
    "operation": "what is counted: half the round trip, round trip, put, get",
    "path": "between what: on one host, across hosts",
    "hops": "switches between the two ends",
    "load": "what else the fabric carries meanwhile: idle, loaded",
    "in_flight": "messages under way at once: 1 is blocking",
    "layer": "the software that is measured through: verbs, MPI, the library that applications use",
    "model": "what is trained or served: one linear layer, a whole language model",
    "precision": "in what the computation is done, where that is not the dtype of the case",
    "batch": "how much is worked on at once",
    "power": "the limit on power or clocks that was set",
    "environment": "anything else that the claimant states: cooling, driver, release of a library",
}
"""Name -> what it says. A condition that a run does not know to hold makes a claim NOT TESTABLE, so a
misspelt one must be an error. The first of these and `layer`, with the case's size and the statistic, are the
nine without which "x us" says nothing."""

VALUES: dict[str, tuple[str, ...]] = {"path": ("on one host", "across hosts")}
"""Conditions of which every value is known."""

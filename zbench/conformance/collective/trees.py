"""The order of additions as a tree, from how many leaves each two have under their first common sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
NO_TREE = "no tree"


def tree(under: Array) -> str:
    """`((0+1)+2)`, or NO_TREE where the numbers contradict each other; shape (P, P), P - 1 pairs at least.

    A sum of all that is left has its leaves in as many parts as are added at once: those that share a smaller
    sum with each other are one of them (FPRev, arXiv 2411.00442, section 4).
    """
    return _tree(under, list(range(len(under)))) or NO_TREE


def _tree(under: Array, leaves: list[int]) -> str:
    if len(leaves) == 1:
        return str(leaves[0])
    within = under[np.ix_(leaves, leaves)]
    if within.max() != len(leaves):
        return ""
    parts, left = [], leaves
    while left:
        own = [leaf for leaf in left if leaf == left[0] or under[left[0], leaf] < len(leaves)]
        left = [leaf for leaf in left if leaf not in own]
        if any(under[a, b] != len(leaves) for a in own for b in left):
            return ""
        parts.append(_tree(under, own))
    return f"({'+'.join(parts)})" if all(parts) and len(parts) > 1 else ""

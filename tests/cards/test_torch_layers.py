"""Attention and experts of torch: the harness' own checks decide, on the host and as a device."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

import torch

from tests.cards.torch_here import CARDS, CPU, IDS, OFFERED, verified
from zbench.cards import torch_layers as layers
from zbench.cards.torch import Torch
from zbench.case import Case

LAYERS = sorted(set(OFFERED) & set(layers.DTYPES_OF_LAYERS))


@pytest.mark.parametrize("card", CARDS, ids=IDS)
@pytest.mark.parametrize("dtype", LAYERS)
@pytest.mark.parametrize(
    ("size", "parameters"),
    [
        ((2, 4, 33, 33, 16), {}),
        ((2, 4, 33, 33, 16), {"causal": "no"}),
        ((2, 4, 33, 33, 16), {"kv_heads": 2}),
        ((2, 4, 1, 70, 16), {"kv_heads": 1}),
        ((1, 4, 8, 70, 16), {"kv_heads": 2}),
        ((1, 2, 8, 70, 16), {"causal": "no"}),
    ],
    ids=["prefill", "whole", "grouped", "decode", "chunk", "cross"],
)
def test_attention_sees_what_it_should(
    card: Torch, dtype: str, size: tuple[int, ...], parameters: dict[str, int | str]
) -> None:
    """The last query all keys, each one before it one fewer; torch's own mask begins at the other end."""
    variant = verified(card, Case("attention", dtype, size, {"threads": 1, **parameters}))
    assert variant["backend"] in {"flash_attention", "math", "efficient_attention", "cudnn_attention"}
    assert variant["out"] == "allocated"


@pytest.mark.parametrize("card", CARDS, ids=IDS)
@pytest.mark.parametrize("dtype", LAYERS)
@pytest.mark.parametrize("skew", ["even", "zipf"])
def test_each_expert_has_its_own_weights(card: Torch, dtype: str, skew: str) -> None:
    """As one operation where torch has it here, else one after the other; the record says which."""
    case = Case("grouped_gemm", dtype, (24, 32, 48), {"threads": 1, "experts": 8, "top": 2, "skew": skew})
    assert verified(card, case)["experts"] in {"grouped", "loop"}


@pytest.mark.parametrize("dtype", LAYERS)
def test_experts_one_after_the_other_where_they_cannot_be_grouped(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that lacks the grouped operation still answers, into the memory it was given."""

    def lacking(*operands: Any, **options: Any) -> None:
        raise NotImplementedError("Could not run 'aten::_grouped_mm' with arguments from this backend")

    monkeypatch.setattr(torch, "_grouped_mm", lacking)
    case = Case("grouped_gemm", dtype, (24, 32, 48), {"threads": 1, "experts": 8, "top": 2, "skew": "zipf"})
    variant = verified(CPU, case)
    assert (variant["experts"], variant["out"]) == ("loop", "preallocated")

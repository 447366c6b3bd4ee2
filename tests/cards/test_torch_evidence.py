"""What torch has is what it was seen to do: no unnoticed conversion, and nothing done elsewhere."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

import torch

from tests.cards.torch_here import CPU, OFFERED, gemm, verified
from zbench.cards import torch_evidence as evidence
from zbench.cards import torch_products as products
from zbench.errors import Unsupported


def test_bf16_without_instructions_of_its_own_says_so() -> None:
    """oneDNN converts, and is slow at it: a reader must see why."""
    if "bf16" not in OFFERED:
        pytest.skip("oneDNN has no bf16 for this CPU")
    assert ("products" in verified(CPU, gemm("bf16"))) == evidence.converted("bf16")


def test_tf32_is_offered_only_where_products_are_rounded_to_it() -> None:
    """A library that ignores the switch would be fp32 under another name."""
    products.sums_of_fp32("tf32")
    try:
        assert ("tf32" in OFFERED) == evidence.rounds_to_tf32(torch.device("cpu"))
    finally:
        products.sums_of_fp32("fp32")


def test_an_operation_that_is_done_elsewhere_is_not_the_devices() -> None:
    """Plug-ins hand to the CPU what they lack, with a warning only."""
    import warnings

    with pytest.raises(Unsupported, match="elsewhere"), evidence.on_the_device_itself():
        warnings.warn("The operator 'aten::mm' will fall back to run on the CPU", stacklevel=1)

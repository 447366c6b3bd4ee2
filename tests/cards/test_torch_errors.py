"""What torch raises, and what that means for the case."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

import torch

from tests.cards.torch_here import CARDS
from zbench.cards.torch_errors import refusals
from zbench.errors import Unsupported


def test_memory_that_runs_out_is_told() -> None:
    """So that the run goes on with the rest."""
    for card in CARDS:
        with pytest.raises(MemoryError):
            card.alloc((1 << 22, 1 << 22), "fp64")


def test_what_torch_raises_says_what_to_do_with_the_case() -> None:
    """A full device gives back what torch keeps and goes on with smaller cases; a lost one with none."""
    given_back: list[str] = []

    class Module:
        def empty_cache(self) -> None:
            given_back.append("cache")

    with pytest.raises(MemoryError, match="gemm: CUDA out of memory"), refusals("gemm", Module()):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80 GiB.\nMore advice")
    assert given_back == ["cache"]
    with pytest.raises(MemoryError), refusals("gemm", torch.cpu):
        torch.empty(1 << 50)
    with (
        pytest.raises(Unsupported, match=r"^gemm: m needs to be greater than 16$"),
        refusals("gemm", Module()),
    ):
        raise RuntimeError("m needs to be greater than 16\nException raised from ...")
    with pytest.raises(Unsupported, match="not in torch"), refusals("gemm", Module()):
        torch._no_such_product()
    with pytest.raises(torch.AcceleratorError), refusals("gemm", Module()):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    assert given_back == ["cache"]

"""Buffers of torch: bits arrive as they are, and nothing is converted on the way."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

import torch

from tests.cards.torch_here import CARDS
from zbench.cards.torch_buffers import DTYPES, array_of, overwrite, tensor_of
from zbench.dtypes import NUMPY_DTYPES


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name != "byte"])
def test_every_bit_survives_the_round_trip(dtype: str) -> None:
    """NaN payloads and signs of zero, too."""
    kind = NUMPY_DTYPES[dtype]
    bits = np.random.default_rng(0).integers(0, 256, (24, 16 * kind.itemsize), np.uint8)
    data = bits.view(kind)
    for card in CARDS:
        buffer = card.alloc(data.shape, dtype)
        card.write(buffer, data)
        found = card.read(buffer)
        assert found.dtype == kind
        assert np.array_equal(found.view(np.uint8), bits)
    assert np.array_equal(array_of(tensor_of(data)).view(np.uint8), bits)


def test_nothing_is_broadcast_or_converted_on_the_way() -> None:
    """A row written over a matrix would be a wrong input that every answer agrees with."""
    tensor = torch.zeros(4, 4)
    with pytest.raises(ValueError, match="shape"):
        overwrite(tensor, np.ones((1, 4), np.float32))
    with pytest.raises(TypeError, match="float64"):
        overwrite(tensor, np.ones((4, 4)))

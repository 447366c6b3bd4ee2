"""Buffers of torch: bits arrive as they are, and nothing is converted on the way."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

import torch

from tests.cards.torch_here import CARDS, CPU, gemm
from zbench.cards.torch_buffers import DTYPES, array_of, overwrite, tensor_of
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported


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


def test_adopted_rows_may_stand_apart() -> None:
    """Narrow floats, too, which numpy and torch name differently: the padding is as it was."""
    kind = NUMPY_DTYPES["bf16"]
    a, b, whole = np.full((3, 4), 2, kind), np.full((4, 5), 3, kind), np.full((3, 9), 10, kind)
    slot = {"a": CPU.adopt(a), "b": CPU.adopt(b), "c": CPU.adopt(whole[:, 2:7])}
    plan = CPU.prepare(gemm("bf16", (3, 5, 4)), [slot])
    CPU.enqueue(plan, 0)
    CPU.release(plan)
    assert (whole[:, 2:7] == 24).all()
    assert (whole[:, [0, 1, 7, 8]] == 10).all()


def test_only_the_host_computes_in_memory_of_the_callers() -> None:
    """A device has its own."""
    with pytest.raises(Unsupported, match="memory of its own"):
        CARDS[1].adopt(np.zeros((4, 4), np.float32))


def test_a_result_in_the_place_of_an_operand_is_refused() -> None:
    """torch.mm would compute it from what it has overwritten."""
    a, b = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)
    with pytest.raises(ValueError, match="c overlaps a"):
        CPU.prepare(gemm("fp32", (4, 4, 4)), [{"a": a, "b": b, "c": a}])


def test_a_result_that_may_not_be_written_is_refused() -> None:
    """A tensor over it does not know."""
    a, b, c = np.zeros((3, 4, 4), np.float32)
    c.flags.writeable = False
    with pytest.raises(ValueError, match="c must be writeable"):
        CPU.prepare(gemm("fp32", (4, 4, 4)), [{"a": a, "b": b, "c": c}])

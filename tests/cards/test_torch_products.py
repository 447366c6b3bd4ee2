"""Products of torch: every dtype, orientation and way of keeping weights is right, what it lacks is told."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the card torch is tested where torch is: pip install 'zbench[torch]'")

import torch

from tests.cards.torch_here import CARDS, CPU, IDS, OFFERED, gemm, refused, verified
from zbench.cards import torch_products as products
from zbench.cards.torch import Torch
from zbench.cards.torch_buffers import DTYPES, array_of, overwrite
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported
from zbench.measure.bench import CardBench


@pytest.mark.parametrize("card", CARDS, ids=IDS)
@pytest.mark.parametrize("dtype", OFFERED)
@pytest.mark.parametrize("transa", ["n", "t"])
@pytest.mark.parametrize("transb", ["n", "t"])
def test_every_dtype_is_multiplied_in_every_orientation(
    card: Torch, dtype: str, transa: str, transb: str
) -> None:
    """The harness' own check decides."""
    variant = verified(card, gemm(dtype, transa=transa, transb=transb))
    assert variant["out"] == "preallocated"


@pytest.mark.parametrize("dtype", sorted(set(OFFERED) - {"int8"}))
def test_batches_are_multiplied_side_by_side(dtype: str) -> None:
    """As one strided operation."""
    verified(CPU, gemm(dtype, batch=3, transb="t"))


@pytest.mark.parametrize("dtype", sorted(set(OFFERED) & set(products.PREPACKED)))
def test_prepacked_weights_follow_what_is_written(dtype: str) -> None:
    """Inputs change places before they are timed: weights that were packed before would be the wrong ones."""
    variant = verified(CPU, gemm(dtype, transb="t", weights="prepacked"))
    assert variant["weights"] == "packed by onednn"
    assert variant["out"] == "allocated"


def test_a_result_that_torch_allocates_is_read_until_something_is_written_over_it() -> None:
    """Otherwise poison would go unnoticed."""
    bench = CardBench(CPU, gemm("fp32", transb="t", weights="prepacked"), seeds=[1, 2])
    bench.run(2, 1)
    assert np.isfinite(bench.read(0, "c")).all()
    bench.poison()
    assert np.isnan(bench.read(0, "c")).all()
    bench.release()


def test_fp8_is_refused_in_orientations_that_would_need_a_copy() -> None:
    """torch._scaled_mm takes A by rows and B by columns."""
    case = gemm("fp8e4m3", (16, 16, 16))
    slot = {name: torch.zeros(16, 16, dtype=DTYPES["fp8e4m3"]) for name in "ab"}
    slot["c"] = torch.zeros(16, 16, dtype=torch.bfloat16)
    with pytest.raises(Unsupported, match="transb=t"):
        products.product(case, slot)


@pytest.mark.parametrize("dtype", products.FP8)
@pytest.mark.parametrize("out", ["bf16", "fp32"])
def test_fp8_products_are_scaled_by_one(dtype: str, out: str) -> None:
    """torch computes them on the CPU, too, by converting: enough to see that the call is the right one."""
    a, b = np.arange(16 * 32).reshape(16, 32) % 3 - 1, np.arange(48 * 32).reshape(48, 32) % 5 - 2
    slot = {"a": torch.empty(16, 32, dtype=DTYPES[dtype]), "b": torch.empty(48, 32, dtype=DTYPES[dtype])}
    slot["c"] = torch.empty(16, 48, dtype=DTYPES[out])
    for name, values in (("a", a), ("b", b)):
        overwrite(slot[name], values.astype(NUMPY_DTYPES[dtype]))
    products.product(Case("gemm", dtype, (16, 48, 32), {"transb": "t", "out": out}), slot)()
    assert np.array_equal(array_of(slot["c"]).astype(np.int64), a @ b.T)


def test_an_argument_that_this_version_lacks_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.mm has had `out_dtype` since 2.8 only."""

    def older(a: torch.Tensor, b: torch.Tensor, *, out: torch.Tensor) -> torch.Tensor:
        return torch.matmul(a, b, out=out)

    monkeypatch.setattr(torch, "mm", older)
    assert "out_dtype" in str(refused(CARDS[1], gemm("bf16", out="fp32")).value)


def test_fp32_is_fp32_and_no_tf32_stays_on() -> None:
    """The switch is torch's own and global: whoever asks for tf32 must leave it as it was."""
    case = gemm("fp32", (8, 8, 8))
    torch.set_float32_matmul_precision("high")
    bench = CardBench(CPU, case, seeds=[1, 2])
    assert torch.get_float32_matmul_precision() == "highest"
    products.sums_of_fp32("tf32")
    assert torch.get_float32_matmul_precision() == "high"
    bench.release()
    assert torch.get_float32_matmul_precision() == "highest"

"""What every card of the host refuses, by one table for all."""

import pytest

from zbench.cards.cpu import Cpu
from zbench.cards.host import HostCard
from zbench.cards.numpy import Numpy
from zbench.case import Case
from zbench.errors import Unsupported


@pytest.mark.parametrize("card", [Cpu(), Numpy()], ids=["cpu", "numpy"])
@pytest.mark.parametrize(
    ("parameters", "lacks"),
    [
        ({"transa": "x"}, r"no transa=x for fp64 gemm \(has: n, t\)"),
        ({"out": "fp32"}, r"no out=fp32 for fp64 gemm \(has: fp64\)"),
        ({"weights": "sparse"}, r"no weights=sparse for fp64 gemm \(has: plain"),
        ({"causal": "yes"}, r"no causal=yes for fp64 gemm \(has no such parameter\)"),
    ],
)
def test_a_parameter_that_a_card_lacks_is_told(
    card: HostCard, parameters: dict[str, int | str], lacks: str
) -> None:
    """With the values it has."""
    with pytest.raises(Unsupported, match=lacks):
        card.require(Case("gemm", "fp64", (8, 8, 8), parameters))


@pytest.mark.parametrize("card", [Cpu(), Numpy()], ids=["cpu", "numpy"])
def test_how_a_case_is_measured_is_no_matter_of_the_card(card: HostCard) -> None:
    """Nor are defaults that are spelled out."""
    measured = {"threads": 1, "cache": "cold", "data": "zeros"}
    card.require(Case("gemm", "fp64", (8, 8, 8), {**measured, "out": "fp64", "batch": 1, "transb": "t"}))
    card.require(Case("copy", "fp64", (800,), measured))

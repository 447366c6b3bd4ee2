"""Which instruction set multiplies: measured, never named."""

import pytest

from zbench.errors import UsageError
from zbench.native import cpu, dispatch
from zbench.native.gemm import DTYPES


@pytest.mark.parametrize(
    ("peaks", "chosen"),
    [
        ({"avx512": 150e9, "avx2": 76e9, "portable": 20e9}, "avx512"),
        ({"avx512": 76e9, "avx2": 78e9, "portable": 20e9}, "avx512"),
        ({"avx512": 60e9, "avx2": 76e9, "portable": 20e9}, "avx2"),
        ({"portable": 20e9}, "portable"),
    ],
)
def test_the_fastest_is_chosen_and_between_equals_the_best(peaks, chosen):
    """Half the rate for 512 bits, or a lower clock for them, makes narrower vectors the choice."""
    assert dispatch.choose(peaks) == chosen


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_measured_is_verified_and_stays(dtype, monkeypatch):
    """One of the sets that tests have executed, and the same one for the whole process."""
    monkeypatch.delenv("ZBENCH_ISA", raising=False)
    chosen = dispatch.isa(dtype)
    assert cpu.EXECUTED[chosen]
    assert dispatch.isa(dtype) == chosen


def test_the_environment_wins_over_the_measurement(monkeypatch):
    """ZBENCH_ISA forces every dtype, or is refused."""
    for name in cpu.isas():
        monkeypatch.setenv("ZBENCH_ISA", name)
        assert dispatch.isa("int8") == name
    monkeypatch.setenv("ZBENCH_ISA", "sse9")
    with pytest.raises(UsageError, match="sse9"):
        dispatch.isa("fp32")

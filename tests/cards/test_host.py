"""What every card of the host refuses, by one table for all; and the roofs that it measures."""

import pytest

from zbench.cards.cpu import Cpu
from zbench.cards.host import HostCard, flops_per_byte, probe_bytes
from zbench.cards.numpy import Numpy
from zbench.case import Case
from zbench.dtypes import RESULTS
from zbench.errors import Unsupported
from zbench.measure.memory import needed_bytes
from zbench.native import cpu, dispatch, stream
from zbench.native.gemm import DTYPES
from zbench.workloads import workload


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


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_intensity_of_a_product_is_its_workloads(dtype: str) -> None:
    """Operations over bytes, whatever C is."""
    gemm = workload("gemm")
    for out in RESULTS[dtype]:
        case = Case("gemm", dtype, (3, 50, 70), {"batch": 4, "out": out, "transb": "t"})
        assert flops_per_byte(case) == pytest.approx(gemm.flops(case) / gemm.bytes(case))


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A CPU of 1 TFLOP/s that reads 10 GB/s, and the size that was read; its last-level cache is 1 MiB."""
    found = {"size_bytes": 0.0}
    for dtype in DTYPES:
        dispatch.isa(dtype)  # measured once in a process, and not with the rates that are made up here

    def bandwidth(kernel: str, size_bytes: int, threads: int, isa: str, duration_ns: int = 0) -> float:
        found["size_bytes"] = size_bytes
        return 10e9

    monkeypatch.setattr(stream, "peak_flops", lambda dtype, isa, threads: 1e12)
    monkeypatch.setattr(stream, "bandwidth", bandwidth)
    monkeypatch.setattr(cpu, "last_level_cache_bytes", lambda: 100 << 20)
    monkeypatch.setattr(cpu, "caches", lambda: {"l1": 96 << 10, "l2": 2 << 20, "l3": 32 << 20})
    return found


@pytest.mark.parametrize(
    ("size", "parameters", "roof"),
    [
        ((1, 4096, 4096), {"cache": "cold"}, 10e9 * 2 * 4096**2 / (4 * (4096**2 + 2 * 4096))),
        ((4096, 4096, 4096), {"cache": "cold"}, 1e12),
        ((1, 4096, 4096), {}, 1e12),
        ((0, 4096, 4096), {"cache": "cold"}, 1e12),
    ],
)
def test_a_cold_product_has_the_roof_of_memory(
    rates: dict[str, float], size: tuple[int, ...], parameters: dict[str, int | str], roof: float
) -> None:
    """The lower one of both; a warm one may be in a cache."""
    assert Cpu().probe(Case("gemm", "fp32", size, parameters)) == ("FLOP/s", pytest.approx(roof))


@pytest.mark.parametrize(
    ("case", "size_bytes", "kept_bytes"),
    [
        (Case("gemm", "fp32", (1, 64, 64), {"cache": "cold"}), 200 << 20, 200 << 20),
        (Case("gemm", "fp32", (1, 64, 64)), 0, 0),
        (Case("read", "fp64", (8 << 20,)), 8 << 20, 8 << 20),
        (Case("copy", "fp64", (16 << 10,)), 16 << 10, 32 << 10),
        (Case("copy", "fp64", (1 << 30,)), 100 << 20, 200 << 20),
        (Case("copy", "fp64", (12 << 10,), {"cache": "l1"}), 24 << 10, 48 << 10),
    ],
    ids=str,
)
def test_a_probe_touches_what_the_case_touches(
    rates: dict[str, float], case: Case, size_bytes: int, kept_bytes: int
) -> None:
    """A stream its own size, unless less is as cold, or what fills the same half of a cache with one slot; a
    cold product twice the last-level cache. It counts."""
    assert Cpu().probe(case) is not None
    assert rates["size_bytes"] == size_bytes
    assert probe_bytes(case, 100 << 20, cpu.caches()) == kept_bytes
    assert needed_bytes(case) > kept_bytes + workload(case.workload).memory_bytes(case)


def test_the_roof_of_a_cold_product_is_measured() -> None:
    """Twice, with another number of threads: the array stays."""
    for threads in range(1, min(2, cpu.usable_cpus()) + 1):
        probe = Cpu().probe(Case("gemm", "int8", (1, 64, 64), {"cache": "cold", "threads": threads}))
        assert probe is not None
        assert probe[1] > 0
    stream.release()

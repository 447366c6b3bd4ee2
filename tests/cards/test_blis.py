"""BLIS as a card, where the wheel is installed."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zbench.cards.blis import Blis
from zbench.case import Case
from zbench.errors import Unsupported, UsageError
from zbench.measure.bench import CardBench

pytest.importorskip("blis", reason="the card blis is tested where its wheel is: pip install 'zbench[blis]'")


@pytest.mark.parametrize("dtype", ["fp32", "fp64"])
def test_products_are_right(dtype: str) -> None:
    """Any orientation; the harness' own check decides."""
    card = Blis()
    for transa, transb in itertools.product("nt", "nt"):
        case = Case("gemm", dtype, (37, 40, 43), {"transa": transa, "transb": transb})
        bench = CardBench(card, case, seeds=[1, 2])
        bench.poison()
        bench.run(3, 2)
        assert [bench.check(slot, np.random.default_rng(0)).passed for slot in (0, 1)] == [True, True]
        bench.release()


@pytest.mark.parametrize(
    ("dtype", "parameters", "lacks"),
    [
        ("bf16", {"out": "fp32"}, r"no bf16 gemm \(has: fp64, fp32\)"),
        ("fp32", {"batch": 4}, r"no batch=4 for fp32 gemm \(has: 1\)"),
        ("fp32", {"weights": "prepacked"}, r"no weights=prepacked for fp32 gemm \(has: plain\)"),
        ("fp64", {"threads": 2}, "one thread|2 threads"),
    ],
)
def test_what_it_lacks_is_told(dtype: str, parameters: dict[str, int | str], lacks: str) -> None:
    """Never an unnoticed fallback."""
    with pytest.raises(Unsupported, match=lacks):
        Blis().prepare(Case("gemm", dtype, (8, 8, 8), parameters), [])


def test_the_kernels_it_chose_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration of BLIS by name, in the record and in the fingerprint."""
    monkeypatch.delenv("BLIS_ARCH_TYPE", raising=False)
    card = Blis()
    bench = CardBench(card, Case("gemm", "fp64", (8, 8, 8)), seeds=[1])
    variant, described = bench.variant(), card.describe()
    assert variant["routine"] == "bli_dgemm"
    assert variant["isa"] == described["isa"]
    assert described["isa"].isalnum()
    assert described["blis"].startswith("BLIS ")
    assert int(described["call_overhead_ns"]) > 0
    bench.release()


def test_a_choice_by_the_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside what BLIS chose, for not every build reads the variable."""
    monkeypatch.setenv("BLIS_ARCH_TYPE", "generic")
    assert Blis().describe()["isa"].endswith(" (BLIS_ARCH_TYPE is generic)")


def test_the_interpreter_ends_cleanly(tmp_path: Path) -> None:
    """The wheel finalises the library when the interpreter ends."""
    program = """
import numpy as np
from zbench.cards.blis import Blis
from zbench.case import Case
slot = {name: np.ones((8, 8)) for name in "abc"}
Blis().prepare(Case("gemm", "fp64", (8, 8, 8)), [slot]).slots[0]()
print(slot["c"][0, 0])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "8.0\n", "")


def test_there_are_no_options() -> None:
    """Before anything is measured."""
    with pytest.raises(UsageError, match="blis has no options"):
        Blis("skx")


def test_products_are_scaled_and_added_to_what_is_there() -> None:
    """alpha and beta, over rows that stand apart."""
    card = Blis()
    a, b, whole = np.full((3, 4), 2.0), np.full((4, 5), 3.0), np.full((3, 9), 10.0)
    slot = {"a": card.adopt(a), "b": card.adopt(b), "c": card.adopt(whole[:, 2:7])}
    plan = card.prepare(Case("gemm", "fp64", (3, 5, 4), {"alpha": "0.5", "beta": "-1"}), [slot])
    card.enqueue(plan, 0)
    card.release(plan)
    assert (whole[:, 2:7] == 2).all()
    assert (whole[:, [0, 1, 7, 8]] == 10).all()

"""The cards of the host: what they offer, and that they answer the same question alike."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zbench.cards.base import Card
from zbench.cards.cpu import Cpu
from zbench.cards.numpy import Numpy
from zbench.case import Case
from zbench.dtypes import RESULTS
from zbench.errors import Unsupported, UsageError
from zbench.measure.bench import CardBench
from zbench.native import cpu

CARDS = [Cpu(), Cpu("generic"), Numpy()]
IDS = ["cpu", "cpu:generic", "numpy"]


@pytest.mark.parametrize("card", CARDS, ids=IDS)
@pytest.mark.parametrize("dtype", ["fp32", "fp64"])
@pytest.mark.parametrize("transa", ["n", "t"])
@pytest.mark.parametrize("transb", ["n", "t"])
def test_every_card_multiplies(card: Card, dtype: str, transa: str, transb: str) -> None:
    """Any orientation, both dtypes; the harness' own check decides."""
    case = Case("gemm", dtype, (37, 41, 43), {"threads": 1, "transa": transa, "transb": transb})
    bench = CardBench(card, case, seeds=[1, 2])
    bench.poison()
    assert (bench.run(3, 2).samples_ns > 0).all()
    for slot in (0, 1):
        assert bench.check(slot, np.random.default_rng(0)).passed
    bench.release()


@pytest.mark.parametrize(("card", "kernels"), [(CARDS[0], ["read", "copy", "triad"]), (CARDS[2], ["copy"])])
def test_streams_leave_exact_results(card: Card, kernels: list[str]) -> None:
    """Every kernel a card offers."""
    for kernel in kernels:
        bench = CardBench(card, Case(kernel, "fp64", (8 * 1001,), {"threads": 1}), seeds=[1, 2])
        bench.poison()
        bench.run(2, 1)
        assert bench.check(1, np.random.default_rng(0)).passed
        bench.release()


@pytest.mark.parametrize(
    ("card", "case", "lacks"),
    [
        (Cpu(), Case("gemm", "tf32", (8, 8, 8)), "no tf32 gemm"),
        (Cpu("generic"), Case("triad", "fp64", (800,)), "no triad"),
        (Cpu(), Case("gemm", "fp32", (8, 8, 8), {"threads": 10_000}), "10000 threads"),
        (Numpy(), Case("step", "fp32", (8, 8, 8)), "no step"),
    ],
)
def test_what_a_card_lacks_is_told(card: Card, case: Case, lacks: str) -> None:
    """Never an unnoticed upcast or fallback."""
    with pytest.raises(Unsupported, match=lacks):
        card.prepare(case, [])


def test_an_unknown_option_is_refused() -> None:
    """Before anything is measured."""
    with pytest.raises(UsageError):
        Cpu("fast")


def test_the_probe_speaks_the_unit_of_what_bounds_the_case() -> None:
    """FLOP/s for what computes, B/s for what streams."""
    probes = {
        case.workload: Cpu().probe(case)
        for case in (Case("gemm", "fp32", (8, 8, 8)), Case("copy", "fp64", (8 << 16,)))
    }
    gemm, copy = probes["gemm"], probes["copy"]
    assert gemm is not None
    assert gemm[0] == "FLOP/s"
    assert gemm[1] > 0
    assert copy is not None
    assert copy[0] == "B/s"


def test_the_forced_instruction_set_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """ZBENCH_ISA decides what a new card uses."""
    monkeypatch.setenv("ZBENCH_ISA", cpu.isas()[-1])
    assert Cpu().describe()["isa"] == cpu.isas()[-1]


def test_a_card_whose_library_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    """In the list and when it is asked for; the other cards are not disturbed."""
    (tmp_path / "torch.py").write_text('raise ModuleNotFoundError("No module named torch")')

    def zbench(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "zbench.cli", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)

    listed = json.loads(zbench("list", "cards", "--format", "json").stdout)
    why = {card["name"]: card["why"] for card in listed["cards"]}
    assert "pip install 'zbench[torch]'" in why["torch"]
    assert why["cpu"] == ""
    asked = zbench("run", "card", "--card", "torch:cuda")
    assert asked.returncode == 2
    assert "pip install 'zbench[torch]'" in asked.stderr


def test_the_description_tells_what_no_test_has_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An instruction set that is unverified is marked, where it is used and where it is offered."""
    monkeypatch.setenv("ZBENCH_ISA", "portable")
    monkeypatch.setitem(cpu.EXECUTED, "portable", None)
    described = Cpu().describe()
    assert described["isa"] == "portable (unverified)"
    assert described["isas"].endswith("portable (unverified)")


def multiplied(card: Card, case: Case, slot: dict[str, np.ndarray]) -> np.ndarray:
    """C after one execution over memory of the test's own."""
    plan = card.prepare(case, [{name: card.adopt(array) for name, array in slot.items()}])
    card.refresh(plan)
    card.enqueue(plan, 0)
    card.synchronize()
    card.release(plan)
    return slot["c"]


def small(m: int, n: int, k: int) -> dict[str, np.ndarray]:
    """Whole numbers in fp32."""
    a, b, c = np.arange(m * k) % 7, np.arange(k * n) % 5, np.arange(m * n) % 3
    return {
        name: values.astype(np.float32).reshape(shape)
        for name, values, shape in (("a", a, (m, k)), ("b", b, (k, n)), ("c", c, (m, n)))
    }


@pytest.mark.parametrize("card", CARDS, ids=IDS)
def test_adopted_rows_may_stand_apart(card: Card) -> None:
    """A, B and C inside wider arrays: the product is right, and what lies between rows is left alone."""
    given, slot, wholes = small(5, 7, 3), {}, {}
    for name, array in given.items():
        wholes[name] = np.full((array.shape[0], 16), 99, np.float32)
        slot[name] = wholes[name][:, 4 : 4 + array.shape[1]]
        slot[name][...] = array
    got = multiplied(card, Case("gemm", "fp32", (5, 7, 3)), slot)
    np.testing.assert_array_equal(got, given["a"] @ given["b"])
    got[...] = 99
    assert (wholes["c"] == 99).all()


@pytest.mark.parametrize("card", CARDS, ids=IDS)
def test_rows_that_overlap_are_not_adopted(card: Card) -> None:
    """Nor are elements that stand apart."""
    array = np.zeros((8, 8), np.float32)
    for wrong in (np.lib.stride_tricks.as_strided(array, (4, 8), (16, 4)), array[:, ::2], array[::-1]):
        with pytest.raises(Unsupported, match="rows that are contiguous"):
            card.adopt(wrong)


@pytest.mark.parametrize("card", CARDS[:2], ids=IDS[:2])
def test_products_are_scaled_and_added_to_what_is_there(card: Card) -> None:
    """C = alpha A B + beta C, written as Python writes numbers; zero does not read C."""
    given = small(5, 7, 3)
    product, before = given["a"] @ given["b"], given["c"]
    for alpha, beta, expected in (
        ("0.5", "2", 0.5 * product + 2 * before),
        ("-1", "-0", -product),
        ("nan", "1", np.full((5, 7), np.nan)),
        ("0", "1", before),
    ):
        slot = {name: array.copy() for name, array in given.items()}
        case = Case("gemm", "fp32", (5, 7, 3), {"alpha": alpha, "beta": beta})
        np.testing.assert_array_equal(multiplied(card, case, slot), expected)


@pytest.mark.parametrize(
    ("card", "dtype", "scalars", "lacks"),
    [
        (Cpu(), "fp32", {"alpha": "half"}, "alpha=half"),
        (Cpu(), "int8", {"alpha": "2"}, r"no alpha=2 for int8 gemm \(has: 1\)"),
        (Cpu(), "int8", {"beta": "0.5"}, r"no beta=0.5 for int8 gemm \(has: 0, 1\)"),
        (Numpy(), "fp32", {"beta": "1"}, r"no beta=1 for fp32 gemm \(has: 0\)"),
    ],
)
def test_scalars_that_a_card_lacks_are_told(
    card: Card, dtype: str, scalars: dict[str, int | str], lacks: str
) -> None:
    """Words that are no numbers, too."""
    slot = {
        name: card.alloc((4, 4), kind)
        for name, kind in zip("abc", (dtype, dtype, RESULTS[dtype][0]), strict=True)
    }
    with pytest.raises(Unsupported, match=lacks):
        card.prepare(Case("gemm", dtype, (4, 4, 4), scalars), [slot])

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

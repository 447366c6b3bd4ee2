"""The examples that the pages show are complete and right: really run, really proved, really refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from pages import ALGORITHM, EXAMPLES, ROOT

from zbench.judge.claims import load_claims
from zbench.records import store
from zbench.schedules.action import Step
from zbench.schedules.check import check
from zbench.schedules.mistake import ScheduleError
from zbench.schedules.operation import OPERATIONS


def zbench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "ZBENCH_ISA"}
    return subprocess.run(
        [sys.executable, "-m", "zbench.cli", *arguments],
        env=environment | {"PYTHONPATH": str(EXAMPLES)},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )


def statuses(directory: Path) -> dict[str, set[str]]:
    """Key -> what came of it."""
    found: dict[str, set[str]] = {}
    for record in store.load(directory)[1]:
        found.setdefault(record.key, set()).add(record.status)
    return found


def test_the_card_computes_rightly_and_skips_what_it_lacks(tmp_path: Path) -> None:
    """Every answer verified; threads it does not have are skipped with its words, dtypes never asked."""
    arguments = ("--profile", "smoke", "--launches", "1", "--card", "vendor.card:Einsum", "--out", "out")
    result = zbench("run", "card", "--case", "gemm/*/256*", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = statuses(tmp_path / "out")
    one = {key: status for key, status in found.items() if key.endswith("threads=1")}
    assert len(one) == 2
    assert set(map(frozenset, one.values())) == {frozenset({"ok"})}
    not_run = store.load(tmp_path / "out")[0].not_run
    whys = {why for name, why in not_run.items() if not name.endswith("/*")}
    assert whys <= {"einsum computes on one thread"}


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_the_fabric_is_right_in_every_operation(ranks: int, tmp_path: Path) -> None:
    """Verified bit by bit by the harness; a world of one has nobody to send to."""
    arguments = ("--profile", "smoke", "--launches", "1", "--ranks", str(ranks), "--out", "out")
    result = zbench("run", "fabric", "--fabric", "vendor.fabric:Sockets", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = statuses(tmp_path / "out")
    answered = {key.partition("/")[0] for key, status in found.items() if status == {"ok"}}
    pairs = {"pingpong", "unidirectional", "bidirectional", "message_rate"}
    assert answered == set(OPERATIONS) - {"alltoallv"} - (pairs if ranks == 1 else set())


def load(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chained(module: ModuleType, ranks: int) -> list[list[Step]]:
    return [[step for step in module.scan(ranks, rank, 1) if step] for rank in range(ranks)]


def test_the_chain_is_proved() -> None:
    """1 to 17 ranks, at the cost that it says."""
    chain = load(EXAMPLES / "scan_chain.py")
    for ranks in range(1, 18):
        assert check("scan", chained(chain, ranks), 1) == chain.scan_cost(ranks, 1)


def test_the_wrong_chain_is_told_as_the_page_says(tmp_path: Path) -> None:
    """Without its last line."""
    wrong = tmp_path / "wrong.py"
    text = (EXAMPLES / "scan_chain.py").read_text()
    last = "        yield (send(out, rank + 1),)\n"
    assert text.count(last) == 1
    wrong.write_text(text.replace(last, "        pass\n"))
    with pytest.raises(ScheduleError) as caught:
        check("scan", chained(load(wrong), 2), 1)
    assert f"\n{caught.value}\n" in ALGORITHM.read_text()


def test_the_contract_parses_and_says_what_the_page_says() -> None:
    """Six claims, each with what was chosen."""
    claims = {claim.id: claim for claim in load_claims(EXAMPLES / "eight-rented-cards.toml")}
    assert len(claims) == 6
    assert all(claim.assumed and claim.settles for claim in claims.values())
    assert claims["as-good-as-the-sample"].to is not None


def test_the_contract_judges_a_stored_run(tmp_path: Path) -> None:
    """Without a card: each claim gets a word and a reason; without the trial beside it, one line."""
    contract = tmp_path / "contract.toml"
    shutil.copy(EXAMPLES / "eight-rented-cards.toml", contract)
    example = str(ROOT / "results/example-quick")
    missing = zbench("check", str(contract), example, cwd=tmp_path)
    assert missing.returncode == 2
    assert "trial" in missing.stderr
    assert len(missing.stderr.splitlines()) == 1
    shutil.copytree(example, tmp_path / "trial")
    result = zbench("check", str(contract), example, "--format", "json", cwd=tmp_path)
    verdicts = {v["claim"]: v["verdict"] for v in json.loads(result.stdout)["verdicts"]}
    assert verdicts["small-messages"] == verdicts["gradient-sum"] == "NOT TESTABLE"
    assert verdicts["matrix-rate"] == "NOT RUN"
    assert result.returncode in (1, 3)

"""The tests of collectives find what is wrong with a fabric, and nothing wrong with one that is right."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.conformance.toy import Toy
from tests.conformance.toy_faults import CAUGHT, OneMore
from zbench.conformance.catalogue import BY_ID, COLLECTIVES
from zbench.conformance.declaration import CollectiveDeclaration, Declaration
from zbench.conformance.item import Item, Outcome
from zbench.conformance.launches import Ask, conform
from zbench.conformance.status import FAIL, NOT_SUPPORTED, PASS
from zbench.conformance.world import Ranks
from zbench.fabrics.base import World
from zbench.subject import parse

DECLARED = Declaration(1, "toy", collectives=CollectiveDeclaration(nan="propagate", determinism=("D0",)))
ASKED = [item for item in COLLECTIVES if item.id in {id for id, _ in CAUGHT}]


def asked(kind: type[Toy], item: Item, ranks: int) -> Outcome:
    """The common outcome of a test on all ranks, each a thread of this process."""
    barrier, told = Barrier(ranks, timeout=60), [b""] * ranks

    def rank(number: int) -> Outcome:
        def share(mine: bytes) -> list[bytes]:
            told[number] = mine
            barrier.wait()
            all_of_them = list(told)
            barrier.wait()
            return all_of_them

        try:
            tally = Ranks(kind(World(number, ranks, share)), DECLARED, item, seed=7, thorough=1)
            item.run(tally)
            tally.merge()
            return tally.outcome("toy", "fabric", f"P={ranks}", item.level, 0.0)
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(ranks) as threads:
        return next(iter(list(threads.map(rank, range(ranks)))))


@pytest.mark.parametrize("ranks", [1, 3])
def test_nothing_is_wrong_with_a_right_fabric(ranks: int) -> None:
    """Every test passes or has nothing to ask in a world of so few."""
    for item in ASKED:
        if item.least_ranks <= ranks <= item.most_ranks:
            found = asked(Toy, item, ranks)
            assert found.status == PASS, f"{item.id}: {found.status}: {found.why}"
            assert found.tried > 0


@pytest.mark.parametrize(("id", "kind"), CAUGHT, ids=[f"{id}-{kind.__name__}" for id, kind in CAUGHT])
def test_a_fault_is_caught_by_the_test_that_is_there_for_it(id: str, kind: type[Toy]) -> None:
    """With the attempt that shows it and the rank that saw it."""
    found = asked(kind, BY_ID[id], min(3, BY_ID[id].most_ranks))
    assert found.status == FAIL, f"{found.status}: {found.why}"
    assert "rank " in found.failures[0].why


def test_every_test_of_results_has_a_fault_that_it_catches() -> None:
    """CO-01 to CO-18 and CO-24: a test without one could be empty, and nobody would see."""
    wanted = {f"CO-{number:02}" for number in (*range(1, 19), 24)}
    assert wanted == {id for id, _ in CAUGHT} <= set(BY_ID)


def test_what_a_fabric_does_not_offer_is_no_pass() -> None:
    """A fabric that only moves is not asked for sums, and that is no praise."""

    class Mover(Toy):
        offers = {"bcast": ("byte",)}

    found = asked(Mover, BY_ID["CO-02"], 2)
    assert found.status == NOT_SUPPORTED
    assert "allreduce" in found.why


def test_shared_memory_works_on_the_memory_of_others() -> None:
    """Wherever it lies, up to pages that nobody may touch: real ranks would be ended by the system."""
    ask = Ask(parse("fabric", "shm"), "L1", 0, ("CO-10", "CO-11"), (), (2,), "allreduce/fp32/*")
    found = list(conform(ask))
    assert [(each.id, each.status) for each in found] == [("CO-10", PASS), ("CO-11", PASS)], found
    assert not any("caller" in each.why for each in found)


def test_a_fault_in_real_ranks_fails_with_the_command_that_shows_it_again(tmp_path: Path) -> None:
    """Through the command line, in processes of their own."""
    (tmp_path / "tests").symlink_to(Path(__file__).parents[1])  # importable without the sources beside them
    subject = f"{OneMore.__module__}:{OneMore.__name__}"
    command = [sys.executable, "-m", "zbench.cli", "conform", "--fabric", subject]
    run = subprocess.run(
        [*command, "--level", "L1", "--ranks", "2", "--test", "CO-11", "--attempt", "allreduce*"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert "FAIL" in run.stdout
    assert "--test CO-11" in run.stdout
    assert "--attempt" in run.stdout

"""Mutants that cannot rot, and a runner that tells a caught one from one that survives."""

from __future__ import annotations

import fnmatch
import shutil
from pathlib import Path

import pytest
from catch import fate_of
from planted import HERE, Mutant, all_mutants, chosen, parted, planted
from score import CAUGHT, NOT_ASKED, SURVIVED, UNCLEAR, Fate, share, summary, wilson
from workshop import Workshop, copy_tree

from zbench.conformance.catalogue import BY_ID
from zbench.native import _zbench, cpu

REPOSITORY = HERE.parents[1]
MUTANTS = all_mutants()
NAMED = {"G01", "G04", "G05", "G06", "G07", "G09", "G11", "G14", "G17"}
NAMED |= {"C01", "C02", "C06", "C11", "C12", "C13", "C14", "R01", "R04", "T01"}
"""Of the reference's table of mutants."""
FAMILIES = {family for item in BY_ID.values() for family in item.families}
OWN_TESTS = {
    "agreement": ("tests/csrc/", "tests/fabrics/"),
    "alias": ("tests/csrc/",),
    "cheat": ("tests/csrc/", "tests/test_routing.py"),
    "index": ("tests/csrc/",),
    "partial": ("tests/csrc/", "tests/fabrics/"),
    "race": ("tests/csrc/", "tests/native/"),
    "sequence": ("tests/csrc/", "tests/fabrics/"),
    "special values": ("tests/csrc/",),
    "stale segment": ("tests/csrc/", "tests/fabrics/"),
    "tester": (
        "tests/conformance/",
        "tests/measure/",
        "tests/records/",
        "tests/schedules/",
        "tests/workloads/",
    ),
    "wrap": ("tests/csrc/",),
}
"""Family -> tests of zbench itself that may catch it, too: the catalogue cannot ask, as what is wrong is the
tester, or nothing that a subject can be asked."""


def test_there_are_enough_of_every_family() -> None:
    """At least 70, numbered once, with those that have names, of every family at least two."""
    assert len(MUTANTS) >= 70
    assert len({each.number for each in MUTANTS}) == len(MUTANTS)
    assert {each.name for each in MUTANTS} >= NAMED
    for family in FAMILIES:
        assert sum(each.family == family for each in MUTANTS) >= 2, family


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: str(each.number))
def test_a_mutant_fits_the_tree(mutant: Mutant) -> None:
    """Its old text is there as often as it says, its new one differs; its family is to catch it."""
    text = (REPOSITORY / mutant.file).read_text()
    assert planted(mutant, text) != text
    assert mutant.family in FAMILIES
    assert [each for each in mutant.expect if not is_of(mutant.family, each)] == []
    assert not (mutant.card and mutant.fabric)
    assert mutant.witness
    if mutant.file.endswith(".py"):
        compile(planted(mutant, text), mutant.file, "exec")


def is_of(family: str, expected: str) -> bool:
    """Whether a test, or one of those that a glob names, is there to catch this kind of fault."""
    if expected.startswith("pytest:"):
        return expected.removeprefix("pytest:").startswith(OWN_TESTS.get(family, ()))
    return any(family in BY_ID[id].families for id in fnmatch.filter(BY_ID, expected))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: str(each.number))
def test_what_is_to_catch_it_is_known(mutant: Mutant) -> None:
    """An id of the catalogue, or a test that is there; instruction sets and dtypes that are."""
    ids, tests = parted(mutant.expect)
    assert ids or tests
    for id in ids:
        assert fnmatch.filter(BY_ID, id), id
    for test in tests:
        path, _, function = test.partition("::")
        assert f"def {function}" in (REPOSITORY / path).read_text()
    assert mutant.isa in ("", *cpu.ISAS)


def test_some_are_chosen() -> None:
    """By number, by the reference's name, by family; another word is an error."""
    assert [each.number for each in chosen(MUTANTS, ["1"])] == [1]
    assert {each.name for each in chosen(MUTANTS, ["C14", "G01"])} == {"C14", "G01"}
    assert {each.family for each in chosen(MUTANTS, ["cheat"])} == {"cheat"}
    assert chosen(MUTANTS, []) == MUTANTS
    with pytest.raises(ValueError, match="G99"):
        chosen(MUTANTS, ["G99"])


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_the_interval_is_wilsons(hits: int, trials: int, low: float, high: float) -> None:
    """81 of 263: Newcombe, "Two-sided confidence intervals for the single proportion", 1998."""
    assert wilson(hits, trials) == pytest.approx((low, high), abs=5e-5)


def test_only_what_is_caught_counts() -> None:
    """One that nobody was asked about is planted and not caught; one that is not planted is neither."""
    fates = [
        Fate(number, "", "tail", "file", "L1", fate, "", 0.0)
        for number, fate in enumerate((CAUGHT, SURVIVED, NOT_ASKED, UNCLEAR, "NOT HERE"))
    ]
    assert "caught 1 of 4" in summary(fates)
    assert share(1, 4) in summary(fates)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A tree with the module that is installed: nothing is built."""
    tree = tmp_path_factory.mktemp("mutants") / "tree"
    copy_tree(REPOSITORY, tree)
    shutil.copyfile(str(_zbench.__file__), tree / "zbench/native/_zbench.abi3.so")
    return Workshop(tree, (), tree)


OLD = "        yield send(own, (rank + 1) % ranks), recv(out, (rank - 1) % ranks)"


def fate(workshop: Workshop, **differently: object) -> Fate:
    """Of a mutant of the operation sendrecv, asked of three ranks."""
    fields = {
        "number": 1,
        "family": "index",
        "file": "zbench/schedules/ring.py",
        "old": OLD,
        "new": "        yield send(own, (rank - 1) % ranks), recv(out, (rank + 1) % ranks)",
        "witness": "three ranks: the vector goes the other way round",
        "expect": ("CO-01",),
        "fabric": "shm",
        "ranks": (3,),
        "level": "L0",
    }
    return fate_of(workshop, Mutant(**fields | differently), cpu.isas(), {})  # type: ignore[arg-type]


def test_a_fault_is_caught_by_its_id_and_taken_out_again(workshop: Workshop) -> None:
    """Real ranks run the mutated tree, and the clean one passes the same test."""
    place = Path("zbench/schedules/ring.py")
    found = fate(workshop)
    assert (found.fate, found.by) == (CAUGHT, "CO-01 FAIL (P=3)")
    assert (workshop.tree / place).read_bytes() == (REPOSITORY / place).read_bytes()


def test_what_changes_nothing_survives(workshop: Workshop) -> None:
    """A comment is no fault."""
    assert fate(workshop, new=f"{OLD}  # a ring").fate == SURVIVED


@pytest.mark.parametrize(
    ("differently", "expected"),
    [
        ({"expect": ("CO-00",)}, NOT_ASKED),
        ({"old": "no such text"}, UNCLEAR),
        ({"new": "        raise SystemExit"}, CAUGHT),
        ({"file": "zbench/errors.py", "old": "from __future__ import", "new": "import nothing"}, UNCLEAR),
    ],
)
def test_what_does_not_run_is_never_caught(
    workshop: Workshop, differently: dict[str, object], expected: str
) -> None:
    """No such id, no such text, a tree that no longer starts; a rank that ends in its test is its CRASH."""
    assert fate(workshop, **differently).fate == expected

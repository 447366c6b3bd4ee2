"""MPI's two binary forms, by a library of one rank that checks how it is called."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from zbench.native.mpi import Call, Library, MpiError, Plan

SOURCE = Path(__file__).with_name("fake_mpi.c")
COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
ALLREDUCE = Call(
    operation="allreduce",
    dtype="fp32",
    operator="sum",
    root=0,
    in_place=False,
    window=1,
    elements=5,
    item_bytes=4,
    counts=(5,),
    input_bytes=20,
    input_place=0,
)
IN_PLACE = replace(ALLREDUCE, in_place=True)

Slot = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module", params=["ints", "pointers"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Either form."""
    if COMPILER is None:
        pytest.skip("needs a C compiler: how an MPI is called was not tested")
    built = tmp_path_factory.mktemp(request.param) / "libmpi.so"
    form = ["-DPOINTERS"] if request.param == "pointers" else []
    subprocess.run([COMPILER, "-shared", "-fPIC", *form, "-o", built, SOURCE], check=True)
    return Library(built, yields=False)


def slots(count: int, elements: int = 5) -> list[Slot]:
    """Each with an input of its own."""
    return [
        {name: np.full(elements, value, np.float32) for name, value in (("in", slot + 1), ("out", 99))}
        for slot in range(count)
    ]


def test_it_says_what_it_is(library: Library) -> None:
    """Its first words, and the level of threads that it gave."""
    assert (library.rank, library.ranks) == (0, 1)
    assert library.version() == "Fake MPI v1.0"
    assert library.thread_level == "funneled"


def test_what_it_reduces_is_asked_of_it(library: Library) -> None:
    """A type or an operator that this library lacks, or refuses, is none."""
    assert library.reduces("fp32", "sum")
    assert not library.reduces("fp64", "sum")
    assert not library.reduces("fp32", "max")
    assert not library.reduces("bf16", "sum")


def test_rounds_take_the_slots_in_turn(library: Library) -> None:
    """Round i runs executions i * batch and following; stamps are in order."""
    buffers = slots(3)
    stamps = Plan(library, ALLREDUCE, buffers).run_rounds(1, 2)
    assert [slot["out"][0] for slot in buffers] == [2, 4, 99]
    stamps = Plan(library, ALLREDUCE, buffers).run_rounds(4, 2)
    assert [slot["out"][0] for slot in buffers] == [2, 4, 6]
    assert (stamps.dtype, stamps.shape) == (np.dtype(np.int64), (4, 2))
    assert (np.diff(stamps.reshape(-1)) >= 0).all()
    assert [slot["in"][0] for slot in buffers] == [1, 2, 3]


def test_in_place_every_round_starts_from_the_input(library: Library) -> None:
    """Which stays as it was; a batch that would take its own results for inputs is refused."""
    buffers = slots(2)
    plan = Plan(library, IN_PLACE, buffers)
    plan.run_rounds(3, 2)
    assert [slot["out"].tolist() for slot in buffers] == [[2.0] * 5, [4.0] * 5]
    assert [slot["in"][0] for slot in buffers] == [1, 2]
    with pytest.raises(ValueError, match="out of range"):
        plan.run_rounds(1, 3)
    plan.execute(1)
    assert buffers[1]["out"].tolist() == [4.0] * 5


def test_what_the_library_complains_of_is_told(library: Library) -> None:
    """In its own words, by rounds and by one execution."""
    plan = Plan(library, replace(ALLREDUCE, elements=13, counts=(13,)), slots(1, 13))
    with pytest.raises(MpiError, match="thirteen is too many"):
        plan.run_rounds(1, 1)
    with pytest.raises(MpiError, match="thirteen is too many"):
        plan.execute(0)
    with pytest.raises(MpiError, match="MPI_Barrier: a handle is unknown"):
        library.barrier()


def test_what_cannot_be_is_refused(library: Library) -> None:
    """No slot, a slot that is not there, too many elements or messages, no rounds, buffers with holes."""
    with pytest.raises(ValueError, match="at least one slot"):
        Plan(library, ALLREDUCE, [])
    with pytest.raises(ValueError, match="elements"):
        Plan(library, replace(ALLREDUCE, elements=1 << 31), slots(1))
    plan = Plan(library, ALLREDUCE, slots(2))
    for asked in (lambda: plan.execute(2), lambda: plan.run_rounds(1, 0), lambda: plan.run_rounds(-1, 1)):
        with pytest.raises(ValueError, match=r"out of range|not in"):
            asked()
    with pytest.raises(ValueError, match="out of range"):
        Plan(library, replace(ALLREDUCE, window=65), slots(1)).run_rounds(1, 1)
    holes = np.zeros(10, np.float32)[::2]
    with pytest.raises(ValueError, match="contiguous"):
        Plan(library, ALLREDUCE, [{"in": holes, "out": np.zeros(5, np.float32)}])


def test_a_group_has_a_communicator_of_its_own(library: Library) -> None:
    """Made once; its handle may be a negative int."""
    buffers = slots(1)
    for _ in range(2):
        Plan(library, ALLREDUCE, buffers, (0,)).run_rounds(1, 1)
        assert buffers[0]["out"].tolist() == [3.0] * 5
    Plan(library, ALLREDUCE, buffers).execute(0)
    assert buffers[0]["out"].tolist() == [2.0] * 5


def test_counts_of_both_sides_are_handed_over(library: Library) -> None:
    """What is sent to each rank and got of each, and where; more than an int counts is refused before."""
    buffers = slots(1)
    asked = replace(ALLREDUCE, operation="alltoallv", received=(5,))
    Plan(library, asked, buffers).execute(0)
    assert buffers[0]["out"].tolist() == [1.0] * 5
    with pytest.raises(ValueError, match="elements received"):
        Plan(library, replace(asked, received=(1 << 30, 1 << 30)), buffers)

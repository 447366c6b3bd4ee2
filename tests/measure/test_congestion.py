"""Victims and congestors: who they are, when a round is covered, and a burst of real ranks."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from zbench.case import Case
from zbench.errors import Unsupported
from zbench.measure.congestion import Groups, covered, placed
from zbench.measure.launch import crew, serve
from zbench.measure.plan import Group
from zbench.records.schema import Record
from zbench.subject import Subject
from zbench.workloads.profiles import PROFILES, fabric_cases
from zbench.workloads.ranks import congestor, victim

TWO_AND_TWO = Groups((0, 1), (2, 3))


def case(name: str, size: int = 8, ranks: int = 4, beside: str = "alltoall") -> Case:
    dtype = "fp32" if name == "allreduce" else "byte"
    return Case("congestion", dtype, (size,), {"ranks": ranks, "victim": name, "congestor": beside})


def test_victims_are_a_pair_or_a_fifth_of_the_ranks() -> None:
    """At least two; all others send 4 KiB to each other."""
    assert victim(case("pingpong", ranks=50)) == Case("pingpong", "byte", (8,), {"ranks": 2})
    assert victim(case("allreduce", ranks=50)).ranks == 10
    assert victim(case("allreduce")).ranks == 2
    assert congestor(case("allreduce", ranks=50)) == Case("alltoall", "byte", (40 * 4096,), {"ranks": 40})
    many_to_one = congestor(case("pingpong", ranks=5, beside="incast"))
    assert many_to_one == Case("gather", "byte", (3 * 4096,), {"ranks": 3})
    one_to_many = congestor(case("pingpong", ranks=5, beside="bcast"))
    assert one_to_many == Case("bcast", "byte", (4096,), {"ranks": 3})


def test_places_are_drawn_disjoint_and_alike_on_all_ranks() -> None:
    """From the seed of the burst; another one places others."""
    groups = [placed(case("allreduce", ranks=50), seed) for seed in (1, 1, 2)]
    assert groups[0] == groups[1] != groups[2]
    assert sorted((*groups[0].victims, *groups[0].congestors)) == list(range(50))


def test_three_ranks_are_too_few() -> None:
    """The reason says how many it takes."""
    with pytest.raises(Unsupported, match="2 victims and 2 congestors need 4 ranks"):
        placed(case("pingpong", ranks=3), 1)


def test_the_profile_full_asks_from_four_ranks_on() -> None:
    """Of a pair it asks for the clocks alone; quick asks for neither."""
    asked = {
        (name, ranks): [c.key for c in fabric_cases(PROFILES[name], ranks) if not c.is_result]
        for name, ranks in (("full", 4), ("full", 2), ("quick", 4))
    }
    assert asked["full", 4] == [
        "clocks/byte/8/ranks=4",
        "congestion/byte/8/congestor=alltoall/ranks=4/victim=pingpong",
        "congestion/byte/8/congestor=incast/ranks=4/victim=pingpong",
        "congestion/byte/8/congestor=bcast/ranks=4/victim=pingpong",
        "congestion/byte/131072/congestor=alltoall/ranks=4/victim=unidirectional",
        "congestion/fp32/8/congestor=alltoall/ranks=4/victim=allreduce",
    ]
    assert asked["full", 2] == ["clocks/byte/8/ranks=2"]
    assert asked["quick", 4] == []


def stamps(*ranks: tuple[int, int]) -> Any:
    """One round of each rank."""
    return np.array(ranks, np.int64)[:, None, :]


@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        ([(0, 100), (1, 99), (0, 100), (2, 150)], True),
        ([(0, 100), (1, 99), (0, 99), (2, 150)], False),
        ([(0, 100), (1, 99), (0, 150), (6, 150)], False),
        ([(0, 100), (1, 120), (0, 119), (0, 150)], False),
    ],
    ids=["covered", "ended early", "began late", "one victim took longer"],
)
def test_a_round_counts_if_every_congestor_was_there_throughout(
    ranks: list[tuple[int, int]], said: bool
) -> None:
    """From the victims' first start, but for 5 % of their round, to their last end."""
    assert covered(stamps(*ranks), TWO_AND_TWO).tolist() == [said]


def test_bursts_of_real_ranks_are_verified_and_keep_both_kinds() -> None:
    """As many rounds idle as loaded, data of victims and congestors right, groups disjoint."""
    asked = (
        case("pingpong", beside="incast"),
        case("pingpong", beside="bcast"),
        case("unidirectional", 128 << 10),
        case("allreduce"),
    )
    subject = Subject("fabric", "shm")
    order: dict[str, Any] = {
        "type": "measure",
        "suite": "fabric",
        "subject": "shm",
        "subjects": [{"kind": "fabric", "name": "shm", "option": None, "venv": None}],
        "ranks": 4,
        "role": "measure",
        "block": 0,
        "launch": 0,
        "seed": 1,
        "burst_ns": 50_000_000,
        "rounds_max": 100,
        "table": {},
        "cases": [msgspec.to_builtins(each) for each in asked],
    }
    with crew(Group("fabric", (subject,), 4, asked)) as members:
        told = [m["record"] for m in serve(members, order) if m["type"] == "record"]
    records = [msgspec.convert(each, Record) for each in told]
    assert [(record.status, record.key) for record in records] == [("ok", each.key) for each in asked]
    for record in records:
        found = record.congestion
        assert found is not None
        assert sorted(found.victims + found.congestors) == [0, 1, 2, 3]
        assert len(found.idle_ns) == len(found.loaded_ns) >= 16
        assert min(found.idle_ns + found.loaded_ns) > 0
        assert record.verification is not None
        assert record.verification.passed
        assert record.verification.checked == 2

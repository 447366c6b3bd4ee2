"""Copies: where their two ends lie, what they count, and that every byte is compared."""

import numpy as np
import pytest

from zbench.case import Case
from zbench.workloads import workload
from zbench.workloads.base import Answer, Finding
from zbench.workloads.copies import COPIES


def ends(name: str, **parameters: int | str) -> tuple[str | int, str | int]:
    buffers = workload(name).buffers(Case(name, "byte", (100,), parameters))
    assert not buffers["from"].output
    assert buffers["to"].output
    return buffers["from"].place, buffers["to"].place


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("copy_h2d", {}, ("host", "card")),
        ("copy_h2d", {"memory": "pinned"}, ("pinned", "card")),
        ("copy_d2h", {}, ("card", "host")),
        ("copy_d2h", {"memory": "pinned"}, ("card", "pinned")),
        ("copy_d2d", {}, ("card", "card")),
        ("copy_d2d", {"peer": 3}, ("card", 3)),
    ],
)
def test_a_copy_goes_where_its_name_says(
    name: str, parameters: dict[str, int | str], expected: tuple[str | int, str | int]
) -> None:
    """From the card to its peer, whose number the case tells."""
    assert ends(name, **parameters) == expected


@pytest.mark.parametrize("name", COPIES)
def test_bandwidth_counts_a_byte_once(name: str) -> None:
    """1 MB in 1 ms is 1 GB/s, also on one card, which reads and writes it."""
    work, case = workload(name), Case(name, "byte", (1_000_000,))
    assert (work.metric, work.value(case, 1e6)) == ("bandwidth", 1e9)
    assert work.bytes(case) == 1_000_000
    assert work.memory_bytes(case) == 2_000_000


def test_only_copies_with_pageable_memory_wait_by_default() -> None:
    """Keys leave out what goes without saying."""
    said = {"blocking": "yes"}
    assert Case("copy_h2d", "byte", (8,), said).key == "copy_h2d/byte/8"
    assert Case("copy_d2d", "byte", (8,), said).key == "copy_d2d/byte/8/blocking=yes"
    pinned = Case("copy_d2h", "byte", (8,), said | {"memory": "pinned"})
    assert pinned.key == "copy_d2h/byte/8/blocking=yes/memory=pinned"


def found(case: Case, wrong_at: int | None) -> Finding:
    inputs = workload(case.workload).fill(case, 1, 0)
    to = inputs["from"].copy()
    if wrong_at is not None:
        to[wrong_at] ^= 1
    return workload(case.workload).check(Answer(case, 1, 0, inputs, {"to": to}), np.random.default_rng(0))


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("wrong_at", [0, 77_777, 99_999])
def test_a_single_wrong_bit_is_seen(name: str, wrong_at: int) -> None:
    """Wherever it is."""
    case = Case(name, "byte", (100_000,))
    assert found(case, None).passed
    assert f"the first at {wrong_at}" in found(case, wrong_at).why


def test_data_do_not_repeat_from_block_to_block() -> None:
    """A copy that moves a block to another block's place must not look right."""
    data = workload("copy_h2d").fill(Case("copy_h2d", "byte", (1 << 20,)), 1, 0)["from"]
    blocks = data.reshape(-1, 1 << 16)
    assert len(np.unique(blocks, axis=0)) == len(blocks)

"""Blocks of launches: every subject once per block, in an order that only the seed decides."""

from zbench.case import Case
from zbench.measure.plan import Group, anchor, block_order, burst_order, with_anchors
from zbench.subject import Subject

CASES = tuple(Case("gemm", "fp32", (n, n, n), {"threads": 1}) for n in (64, 128, 256, 512))
CPU = Group("card", (Subject("card", "cpu"),), 1, CASES)
NUMPY = Group("card", (Subject("card", "numpy"),), 1, CASES)
SHM = Group("fabric", (Subject("fabric", "shm"),), 2, (Case("barrier", "byte", (0,), {"ranks": 2}),))


def test_every_block_launches_every_group_once() -> None:
    """Ratios pair within blocks, so no subject may be missing from one."""
    for block in range(5):
        launches = block_order([CPU, NUMPY, SHM], block, seed=1, first_number=3 * block)
        assert sorted(launch.group.subject for launch in launches) == ["cpu", "numpy", "shm"]
        assert [launch.number for launch in launches] == [3 * block, 3 * block + 1, 3 * block + 2]


def test_the_order_changes_from_block_to_block_and_repeats_with_the_seed() -> None:
    """Random, but a run can be repeated."""
    groups = [CPU, NUMPY, SHM]
    orders = [[launch.group.subject for launch in block_order(groups, block, 7, 0)] for block in range(20)]
    assert len({tuple(order) for order in orders}) > 1
    assert block_order(groups, 3, 7, 0) == block_order(groups, 3, 7, 0)


def test_bursts_come_in_a_seeded_order() -> None:
    """All ranks of a launch derive the same order from the same seed."""
    launches = [block_order([CPU], block, 7, 0)[0] for block in range(20)]
    assert sorted(burst_order(launches[0]), key=str) == sorted(CASES, key=str)
    assert burst_order(launches[0]) == burst_order(launches[0])
    assert len({tuple(case.key for case in burst_order(launch)) for launch in launches}) > 1


def test_the_first_group_of_each_suite_has_an_anchor() -> None:
    """One case of it is launched twice per block: the A/A noise floor."""
    groups = with_anchors([CPU, NUMPY, SHM])
    anchors = [group for group in groups if group.role == "anchor"]
    assert [(group.subject, len(group.cases)) for group in anchors] == [("cpu", 1), ("shm", 1)]
    assert anchor(CPU).cases[0] in CASES

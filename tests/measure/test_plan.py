"""Blocks of launches: every subject once per block, in an order that only the seed decides."""

from zbench.case import Case
from zbench.measure.plan import Group, anchor, answers, block_order, burst_order, missing, with_anchors
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


def test_what_is_no_result_decides_no_noise_floor() -> None:
    """The middle one of these is of zeros."""
    zeros = Case("gemm", "fp32", (200, 200, 200), {"data": "zeros"})
    (chosen,) = anchor(Group("card", CPU.subjects, 1, (CASES[0], zeros, CASES[-1]))).cases
    assert chosen in CASES


def test_in_an_aa_session_every_case_has_a_twin() -> None:
    """In processes of its own, beside the anchor that tells the noise floor."""
    groups = with_anchors([CPU, SHM], twins=True)
    assert [(group.role, group.subject, len(group.cases)) for group in groups] == [
        ("measure", "cpu", 4),
        ("measure", "shm", 1),
        ("twin", "cpu", 4),
        ("twin", "shm", 1),
        ("anchor", "cpu", 1),
        ("anchor", "shm", 1),
    ]


def group(suite: str, name: str, *keys: str, ranks: int = 1, role: str = "measure") -> Group:
    cases = tuple(Case(key, "fp32", (8,), {"ranks": ranks}) for key in keys)
    return Group(suite, (Subject("card", name),), ranks, cases, role)


def keys(blocks: list[list[Group]]) -> list[list[str]]:
    return [sorted(f"{g.subject} {c.workload}" for g in block for c in g.cases) for block in blocks]


def test_nothing_answered_means_everything_is_missing() -> None:
    """As many whole blocks as launches."""
    groups = [group("card", "cpu", "a", "b")]
    assert missing(groups, {}, 3) == [groups] * 3


def test_whole_blocks_are_not_measured_again() -> None:
    """Two of three are there."""
    groups = [group("card", "cpu", "a", "b"), group("card", "numpy", "a", "b")]
    whole = answers(groups[0]) | answers(groups[1])
    assert missing(groups, {0: whole, 1: whole}, 3) == [groups]
    assert missing(groups, {0: whole, 1: whole, 2: whole}, 3) == []


def test_a_pair_that_a_block_holds_half_is_measured_anew() -> None:
    """b was answered by both subjects, a only by one: a comes again, on both."""
    groups = [group("card", "cpu", "a", "b"), group("card", "numpy", "a", "b")]
    half = answers(groups[0]) | answers(group("card", "numpy", "b"))
    assert keys(missing(groups, {0: half}, 1)) == [["cpu a", "numpy a"]]


def test_an_anchor_belongs_to_its_case() -> None:
    """Without its twin in the same block a launch says nothing about noise."""
    groups = [group("card", "cpu", "a", "b"), group("card", "cpu", "a", role="anchor")]
    assert keys(missing(groups, {0: answers(groups[0])}, 1)) == [["cpu a", "cpu a"]]


def test_a_scaling_series_is_one_unit() -> None:
    """An efficiency pairs one rank with many: a block with one of them is no block."""
    groups = [group("scaling", "cpu", "step"), group("scaling", "cpu", "step", ranks=2)]
    assert missing(groups, {0: answers(groups[0])}, 1) == [groups]


def test_cases_may_lack_different_numbers_of_blocks() -> None:
    """The later blocks hold only what still lacks one."""
    groups = [group("card", "cpu", "a", "b")]
    assert keys(missing(groups, {0: answers(group("card", "cpu", "a"))}, 3)) == [
        ["cpu a", "cpu b"],
        ["cpu a", "cpu b"],
        ["cpu b"],
    ]

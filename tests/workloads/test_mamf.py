"""The search for the fastest shape: coarse to fine, and no shape twice."""

from zbench.workloads.mamf import COARSE, LARGEST, STEPS, Shape, best, proposals


def searched(peak: Shape, scale: int = 1) -> dict[Shape, float]:
    """A whole search on a card whose rate falls with the distance from `peak`."""
    rates: dict[Shape, float] = {}
    for turn in range(len(STEPS) + 1):
        for shape in proposals(rates, turn, scale):
            rates[shape] = 1 / (1 + sum(abs(a - b) for a, b in zip(shape, peak, strict=True)))
    return rates


def test_it_begins_with_a_grid() -> None:
    """Every combination of sizes, multiplied for an accelerator."""
    assert len(proposals({}, 0)) == len(COARSE) ** 3
    assert proposals({}, 0, scale=4)[0] == (4 * COARSE[0],) * 3


def test_each_turn_moves_nearer_to_the_best() -> None:
    """Within the last step of each dimension, after far fewer pilots than a fine grid has."""
    peak = (3456, 1536, 640)
    rates = searched(peak)
    assert all(abs(a - b) <= 128 for a, b in zip(best(rates), peak, strict=True))
    assert len(rates) <= len(COARSE) ** 3 + 6 * len(STEPS)


def test_no_shape_is_tried_twice_and_none_is_out_of_bounds() -> None:
    """A pilot costs time, and nothing has less than no rows."""
    for scale in (1, 4):
        rates = searched((1, 1, 9999), scale)
        assert all(0 < size <= LARGEST * scale for shape in rates for size in shape)
        assert not set(proposals(rates, 1, scale)) & set(rates)


def test_a_card_that_ran_nothing_ends_the_search() -> None:
    """Every pilot was refused: there is no best to go on from."""
    assert proposals({}, 1) == []
    assert proposals({(1, 1, 1): 1.0}, len(STEPS) + 1) == []


def test_of_equal_shapes_the_smallest_wins() -> None:
    """It is measured in less time."""
    assert best({(2, 2, 2): 1.0, (1, 2, 2): 1.0, (9, 9, 9): 0.5}) == (1, 2, 2)

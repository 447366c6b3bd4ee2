"""Where blocks lie."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zbench.schedules.action import Span
from zbench.schedules.layout import by_counts, even
from zbench.schedules.operation import Who

ONE = Who(1, 0, 0)


@given(st.integers(1, 40), st.integers(0, 1000), st.sampled_from([1, 4, 8]))
def test_a_vector_is_cut_evenly_and_covered(blocks: int, elements: int, item_bytes: int) -> None:
    """Blocks differ by at most one element, and follow each other without gaps."""
    layout = even("allreduce", ONE, blocks, elements, item_bytes)
    sizes = [layout.size(Span("in", block)) for block in range(blocks)]
    assert sum(sizes) == elements * item_bytes == layout.sizes["in"] == layout.sizes["out"]
    assert max(sizes) - min(sizes) in (0, item_bytes)
    assert [layout.offset(Span("in", block)) for block in range(blocks)] == [
        sum(sizes[:i]) for i in range(blocks)
    ]


@given(st.integers(1, 9), st.integers(0, 99), st.integers(0, 40))
def test_blocks_beyond_the_vector_repeat_its_sizes(blocks: int, elements: int, block: int) -> None:
    """A block of `tmp` is as large as the block of the vector that it stands for."""
    layout = even("allreduce", ONE, blocks, elements, 4)
    assert layout.size(Span("tmp", block)) == layout.size(Span("in", block % blocks))
    assert layout.offset(Span("tmp", block + blocks)) == layout.offset(Span("tmp", block)) + 4 * elements


def test_a_part_begins_where_its_buffer_begins() -> None:
    """Ten elements on three ranks are 4, 3 and 3; a rank's `in` of an allgather holds its own."""
    layouts = [even("allgather", Who(3, rank, 0), 3, 10, 4) for rank in range(3)]
    assert [layout.sizes for layout in layouts] == [
        {"in": 16, "out": 40},
        {"in": 12, "out": 40},
        {"in": 12, "out": 40},
    ]
    assert [layouts[rank].offset(Span("in", rank)) for rank in range(3)] == [0, 0, 0]
    assert [layouts[1].offset(Span("out", block)) for block in range(3)] == [0, 16, 28]


def test_in_place_a_part_lies_where_it_belongs() -> None:
    """`out` of a reduce-scatter in place holds the whole vector."""
    layout = even("reduce_scatter", Who(3, 2, 0), 3, 10, 4, in_place=True)
    assert layout.sizes == {"in": 40, "out": 40}
    assert layout.offset(Span("out", 2)) == 28


def test_counts_say_what_each_pair_exchanges() -> None:
    """Rows are what a rank sends, columns what it gets."""
    layout = by_counts(Who(3, 1, 0), [[1, 2, 3], [4, 5, 6], [7, 8, 9]], 2)
    assert [layout.size(Span("in", block)) for block in range(3)] == [8, 10, 12]
    assert [layout.offset(Span("out", block)) for block in range(3)] == [0, 4, 14]
    assert layout.sizes == {"in": 30, "out": 30}

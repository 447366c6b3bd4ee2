"""Plain tables: they fit whatever the width, and lose no word."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st

from zbench.report.plain import fit, folded, shell, table, written

CELLS = st.text(st.sampled_from("ab c-/"), max_size=60).map(lambda text: " ".join(text.split()))


def words(lines: list[str]) -> str:
    return "".join("".join(lines).split())


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5), st.integers(40, 100))
def test_a_table_fits_and_holds_every_word(rows: list[tuple[str, str, str]], width: int) -> None:
    """As columns or as paragraphs."""
    lines = table(("first", "second", "third"), rows, width)
    assert max(map(len, lines), default=0) <= width
    for row in rows:
        for cell in row:
            assert "".join(cell.split()) in words(lines)


def test_a_narrow_table_names_its_columns_in_each_row() -> None:
    """So that a paragraph can be read without the headings."""
    lines = table(("case", "rate"), [("gemm/fp32/" + "1" * 30, "7 GFLOP/s")], 40)
    assert lines == ["gemm/fp32/" + "1" * 30, "  rate: 7 GFLOP/s"]


def test_the_last_column_is_folded_under_itself() -> None:
    """The others keep their width."""
    lines = table(("name", "about"), [("x", "word " * 20)], 40)
    assert lines[1].startswith("x     word")
    assert all(line.startswith("      word") for line in lines[2:])


@given(st.lists(st.text(st.sampled_from("ab /='$\""), min_size=1, max_size=30), min_size=1, max_size=12))
def test_a_folded_command_is_the_same_command(command: list[str]) -> None:
    """A shell joins the lines again."""
    lines = shell(shlex.join(command), 40, "    undo    ")
    joined = "\n".join(lines).replace("undo", "", 1).replace("\\\n", "")
    assert shlex.split(joined) == command


def test_letters_that_the_terminal_lacks_are_replaced() -> None:
    """By what is nearest, or a question mark."""
    assert written(["≤ 4 µs ✓ 中  "], unicode=False) == "<= 4 us + ?\n"
    assert written(["≤ 4 µs"], unicode=True) == "≤ 4 µs\n"


def test_width_is_kept_between_40_and_100() -> None:
    """Narrower is not promised, wider is not read."""
    assert [fit(width) for width in (1, 40, 77, 400)] == [40, 40, 77, 100]
    assert folded("", 40, "x ") == ["x"]

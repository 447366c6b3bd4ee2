"""What cards are said to compute with: the files that ship, and what is assumed where nothing is declared."""

from __future__ import annotations

from pathlib import Path

import pytest

from zbench.conformance.declaration import SHIPPED, declaration_of, load_declaration
from zbench.dtypes import FLOATS, RESULTS
from zbench.errors import UsageError
from zbench.native.cpu import ISAS, label

NAMES = sorted(path.stem for path in SHIPPED.glob("*.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_what_ships_is_read_by_the_name_of_its_subject(name: str) -> None:
    """Each file says for whom it is, in the words of the command line, and of what dtypes."""
    declaration = load_declaration(SHIPPED / f"{name}.toml")
    assert declaration.subject.replace(":", "-") == name
    assert declaration_of(declaration.subject, "", None) == (declaration, str(SHIPPED / f"{name}.toml"))
    assert {dtype for each in declaration.gemms for dtype in each.dtypes} <= RESULTS.keys()


def test_our_kernels_are_declared_for_every_instruction_set_and_dtype() -> None:
    """With and without the mark of those that were never executed; integers are exact on all of them."""
    ours, _ = declaration_of("cpu", "", None)
    for isa in ISAS:
        for dtype in set(RESULTS) - {"tf32"}:
            declared = ours.gemm(dtype, isa)
            assert declared == ours.gemm(dtype, label(isa))
            assert {"D0", "D1"} <= set(declared.determinism)
            assert (declared.rounding == "exact") == (dtype not in FLOATS)
            assert declared.flush_results == (dtype == "bf16" and isa in ("avx512_bf16", "amx", "neon_bf16"))


def test_what_is_not_declared_is_what_the_dtypes_name_promises(tmp_path: Path) -> None:
    """53 bits, 24 bits, exact integers; operands of tf32 are rounded to it. No determinism is assumed."""
    nothing, where = declaration_of("somebody", "", None)
    assert where == "none: assumed"
    assert nothing.gemm("fp64").accumulator_bits == 53
    assert nothing.gemm("fp8e4m3").accumulator_bits == 24
    assert nothing.gemm("int8").rounding == "exact"
    assert (nothing.gemm("tf32").operands, nothing.gemm("fp32").operands) == ("tf32", "exact")
    assert nothing.gemm("fp32").determinism == ()


def test_a_given_file_goes_before_what_ships(tmp_path: Path) -> None:
    """`--declaration`; and a key that nobody knows is named with its file."""
    given = tmp_path / "mine.toml"
    given.write_text('version = 1\nsubject = "cpu"\n[[gemms]]\ndtypes = ["fp32"]\naccumulator_bits = 14\n')
    assert declaration_of("cpu", "", str(given))[0].gemm("fp32").accumulator_bits == 14
    given.write_text('version = 1\nsubject = "cpu"\nwidth = 14\n')
    with pytest.raises(UsageError, match=r"mine\.toml.*width"):
        declaration_of("cpu", "", str(given))

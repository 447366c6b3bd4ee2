"""The case: its key and how globs select on it."""

from zbench.case import Case


def test_the_key_names_workload_dtype_size_and_sorted_parameters() -> None:
    """Parameters are sorted by name, so that equal cases have equal keys."""
    case = Case("allreduce", "fp32", (65536,), {"ranks": 2, "inplace": "yes"})
    assert case.key == "allreduce/fp32/65536/inplace=yes/ranks=2"


def test_defaults_are_left_out_of_the_key() -> None:
    """A transpose that is not one does not make another question."""
    assert Case("gemm", "fp64", (1, 2, 3), {"transa": "n", "threads": 4}).key == "gemm/fp64/1x2x3/threads=4"


def test_a_star_crosses_slashes() -> None:
    """`pingpong/*/8/*` of the claims file selects what it says."""
    case = Case("pingpong", "byte", (8,), {"ranks": 2})
    assert case.matches("pingpong/*/8/*")
    assert case.matches("ping*")
    assert not case.matches("pingpong/*/64/*")


def test_zeros_are_no_result() -> None:
    """They tell of power, and their key says so."""
    zeros = Case("gemm", "bf16", (8, 8, 8), {"data": "zeros"})
    assert not zeros.is_result
    assert zeros.key == "gemm/bf16/8x8x8/data=zeros"
    assert Case("gemm", "bf16", (8, 8, 8)).is_result

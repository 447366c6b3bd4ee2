"""Canonical JSON: the examples of RFC 8785, and the traps that it leaves open."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zbench.conformance.canonical import canonical, parse, portable

MOST = 1 << 20


def double(bits: str) -> float:
    return float(struct.unpack(">d", bytes.fromhex(bits))[0])


def test_the_example_of_section_3_2_4() -> None:
    """Values, escapes and the order of keys in one, to the byte."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert (
        canonical(value)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def test_keys_are_sorted_by_utf_16_units() -> None:
    """Section 3.2.3: an emoji, of two units, stands before a Hebrew letter of presentation form."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    found = parse(canonical(dict.fromkeys(names, 0)), MOST)
    assert list(found) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_of_appendix_b(bits: str, text: str) -> None:
    """Every finite double of the table, but -0."""
    assert canonical(double(bits)) == text.encode()


@pytest.mark.parametrize(
    "value", [double("8000000000000000"), double("7ff0000000000000"), float("nan"), 2**53]
)
def test_what_would_be_read_as_another_number_is_refused(value: Any) -> None:
    """-0, infinity, NaN, and what no double holds; `portable` makes text of them."""
    with pytest.raises(ValueError, match=r"-0|no inf|no nan|beyond 2\^53"):
        canonical(value)
    assert isinstance(parse(canonical(portable({"x": value})), MOST)["x"], str)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"a":1,"a":2}', "'a' stands there twice"),
        (b'{"a": 1}', "not in canonical form"),
        (b'{"b":1,"a":1}', "not in canonical form"),
        (b'{"a":1.0}', "not in canonical form"),
        (b'{"a":"\\u0041"}', "not in canonical form"),
        (b"-0", "not in canonical form"),
        (b"-0.0", "-0 would become 0"),
        (b"NaN", "no NaN"),
        (b"[-Infinity]", "no -Infinity"),
        (b"1e400", "no inf"),
        (b"1" * 5000, "a number of 5000 characters"),
        (b"9007199254740993", "beyond 2^53"),
        (b"[" * 40 + b"]" * 40, "deeper than 32"),
        (b"[" * 100_000 + b"]" * 100_000, "deeper than 32"),
        (b'"\\ud800"', "surrogate"),
        (b"\xef\xbb\xbf1", "BOM"),
        (b"\xff", "no UTF-8"),
        (b"", "Expecting value"),
        (b"1\n", "not in canonical form"),
        (b'"' + b"x" * MOST + b'"', "at most"),
    ],
)
def test_what_is_no_canonical_text_is_refused(data: bytes, told: str) -> None:
    """Each trap with its reason."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        parse(data, MOST)
    assert told in str(refused.value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(values)
def test_a_value_has_one_text_and_reads_back(value: Any) -> None:
    """Whatever it holds, once it is portable."""
    text = canonical(portable(value))
    assert canonical(parse(text, MOST)) == text

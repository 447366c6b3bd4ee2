"""Hostile documents, and small changes to good ones: what runs where no fuzzer is at hand."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
MOST_BYTES = 1 << 16
"""Of what mutation makes, as of libFuzzer's inputs (-max_len)."""
DEPTH = 100_000


def hostile() -> Iterator[tuple[str, bytes]]:
    """(name, document): what is too large to keep in a corpus, or the same for every reader."""
    yield "nothing", b""
    yield "zeros", bytes(1 << 16)
    yield "no text", b"\xff\xfe\x00\x01" * 99
    yield "byte order mark", b'\xef\xbb\xbf{"version": 2}'
    yield "lists", b"[" * DEPTH
    yield "lists of a version", b'{"version": 2, "zbench": ' + b"[" * DEPTH
    yield "objects", b'{"a":' * DEPTH
    yield "inline tables", b"a = " + b"{a = " * DEPTH
    yield "lists in TOML", b"a = " + b"[" * DEPTH
    yield "dotted key", b"a" + b".a" * DEPTH + b" = 1"
    yield "dotted keys", b"\n".join(b"k%d" % i + b".a" * 60 + b" = 1" for i in range(2000))
    yield "quoted dotted key", b'"a"' + b' . "a"' * DEPTH + b" = 1"
    yield "dotted table", b"[a" + b".a" * DEPTH + b"]"
    yield "dotted key in a table", b"x = { a" + b".a" * DEPTH + b" = 1 }"
    yield "dotted key in a list", b"x = [\n{ a" + b".a" * DEPTH + b" = 1 }]"
    yield "many tables", b"[[claim]]\n" * 20_000
    yield "digits", b"version = " + b"9" * 5000
    yield "digits in JSON", b'{"version": ' + b"9" * 5000 + b"}"
    yield "not a number", b'{"version": NaN}'
    yield "infinity", b'{"version": 1e400}'
    yield "less than nothing", b'{"version": -0}'
    yield "twice", b'{"version": 2, "version": 1}'
    yield "lone surrogate", b'{"version": 2, "zbench": "\\ud800"}'
    yield "a path", b'{"version": 2, "../../etc/passwd": 1}'
    yield "one long line", b"a" * (1 << 20)
    yield "many lines", b"\n" * (1 << 18)
    yield "many words", b"1 " * (1 << 18)
    yield "many small messages", b'{"type":"done"}\n' * 20_000


def dictionary() -> list[bytes]:
    """The words of dictionary.txt, which libFuzzer reads, too."""
    lines = (HERE / "dictionary.txt").read_text().splitlines()
    words = [line[1:-1] for line in lines if line.startswith('"')]
    return [
        re.sub(r"\\x(..)", lambda each: chr(int(each[1], 16)), word).replace('\\"', '"').encode("latin-1")
        for word in words
    ]


def mutated(data: bytes, other: bytes, words: list[bytes], rng: random.Random) -> bytes:
    """`data` with one to four changes; `other` is what a piece may come from."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(found))
        until = min(len(found), at + rng.choice((1, 2, 4, 8, 64, 512)))
        kind = rng.randrange(7)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del found[at:until]
        elif kind == 2:
            found[at:at] = found[at:until] * rng.choice((1, 2, 50))
        elif kind == 3:
            found[at:at] = rng.choice(words)
        elif kind == 4:
            start = rng.randint(0, len(other))
            found[at:until] = other[start : start + rng.choice((1, 8, 64, 512))]
        elif kind == 5 and (numbers := list(re.finditer(rb"-?\d+(?:\.\d+)?", bytes(found)))):
            number = rng.choice(numbers)
            found[number.start() : number.end()] = rng.choice(words)
        elif kind == 6 and (strings := list(re.finditer(rb'"[^"\n]*"', bytes(found)))):
            string = rng.choice(strings)
            found[string.start() : string.end()] = rng.choice(words)
    return bytes(found[:MOST_BYTES])

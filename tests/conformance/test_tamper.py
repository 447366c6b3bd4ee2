"""A signed certificate of a real run, and random edits of it and its files by somebody without the key.

ZBENCH_TAMPER_EDITS says how many, and has the score printed.
"""

from __future__ import annotations

import base64
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.conformance.certified import FAILED, attempt, keys
from zbench.cli import main
from zbench.conformance import chain, envelope
from zbench.conformance.canonical import canonical, parse
from zbench.conformance.certificate import kept_name, statement, verified
from zbench.conformance.chain import Rejected, digest
from zbench.conformance.envelope import public_key

EDITS = int(os.environ.get("ZBENCH_TAMPER_EDITS", "200"))
MOST = 1 << 24
DECLARATION = 'version = 1\nsubject = "cpu"\n\n[[gemms]]\ndtypes = ["fp32"]\naccumulator_bits = 24\n'
FORGER = Ed25519PrivateKey.generate()
Forge = Callable[[random.Random, Path], str]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(directory of a tiny run that was signed, the public key): one dtype of a card, one test, behind an
    attempt that failed."""
    place = tmp_path_factory.mktemp("signed")
    _, private, public = keys(place / "keys")
    (place / "declaration.toml").write_text(DECLARATION)
    attempt(place / "out", (FAILED,))
    words = ["--card", "cpu", "--dtype", "fp32", "--test", "GE-21", "--level", "L1", "--nonce", "of today"]
    words += ["--declaration", str(place / "declaration.toml"), "--sign", private]
    assert main(["conform", *words, "--out", str(place / "out")]) == 0
    assert main(["verify", str(place / "out"), "--key", public, "--strict"]) == 0
    return place / "out", public


def one_byte(rng: random.Random, place: Path) -> str:
    """Another one, one more or one less, in any of the files."""
    path = rng.choice(sorted(place.iterdir()))
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data))
    how = rng.choice(("replaced", "inserted", "deleted"))
    if how == "replaced":
        data[at] = rng.choice([byte for byte in range(256) if byte != data[at]])
    elif how == "inserted":
        data.insert(at, rng.randrange(256))
    else:
        del data[at]
    path.write_bytes(data)
    return f"byte {at} of {path.name} {how}"


def one_bit(rng: random.Random, place: Path) -> str:
    """As a disk or a memory does it."""
    path = rng.choice(sorted(place.iterdir()))
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return f"a bit of byte {at} of {path.name}"


def one_field_of_the_envelope(rng: random.Random, place: Path) -> str:
    path = place / envelope.FILE
    value = parse(path.read_bytes()[:-1], MOST)
    told = edited(rng, value)
    path.write_bytes(canonical(value) + b"\n")
    return f"envelope{told}"


def one_field_of_the_statement(rng: random.Random, place: Path) -> str:
    """Put back into the envelope, beside the signature of what it was."""
    value = parse(payload_of(place), MOST)
    told = edited(rng, value)
    with_payload(place, canonical(value))
    return f"statement{told}"


def one_field_of_the_log(rng: random.Random, place: Path) -> str:
    return f"log{edited_log(rng, place, relink=False)}"


def one_field_of_the_log_with_digests(rng: random.Random, place: Path) -> str:
    """The chain made again behind it."""
    return f"log with its chain{edited_log(rng, place, relink=True)}"


def all_made_again(rng: random.Random, place: Path) -> str:
    """The chain, and the whole statement from it, beside the signature of the old one."""
    told = edited_log(rng, place, relink=True)
    with_payload(place, canonical(made_again(place)))
    return f"log, chain and statement{told}"


def all_made_again_and_signed(rng: random.Random, place: Path) -> str:
    """By the forger's own key, in the name of the right one or not."""
    right = parse((place / envelope.FILE).read_bytes()[:-1], MOST)["signatures"][0]["keyid"]
    told = edited_log(rng, place, relink=True)
    sealed = parse(envelope.sealed(made_again(place), FORGER)[:-1], MOST)
    if rng.random() < 0.5:
        sealed["signatures"][0]["keyid"] = right
    (place / envelope.FILE).write_bytes(canonical(sealed) + b"\n")
    return f"signed by another{told}"


def unsigned_and_made_again(rng: random.Random, place: Path) -> str:
    """With no signature at all."""
    told = edited_log(rng, place, relink=True)
    (place / envelope.FILE).write_bytes(envelope.sealed(made_again(place), None))
    return f"unsigned{told}"


def another_declaration(rng: random.Random, place: Path) -> str:
    """A narrower accumulator, whose digest and name are right in all places."""
    (path,) = place.glob("declaration-*")
    data = path.read_bytes().replace(b"24", str(rng.randrange(2, 24)).encode())
    path.unlink()
    lines = (place / chain.FILE).read_bytes().splitlines()
    first = begun(place)
    plan = parse(lines[first], MOST)
    plan["body"]["asked"][0]["declaration_sha256"] = digest(data)
    plan["body"]["asked"][0]["declaration"]["gemms"][0]["accumulator_bits"] = int(data.split()[-1])
    (place / kept_name("declaration", digest(data))).write_bytes(data)
    write_log(place, [*lines[:first], canonical(plan), *lines[first + 1 :]], relink=True)
    with_payload(place, canonical(made_again(place)))
    return "another declaration"


def the_failed_attempt_left_out(rng: random.Random, place: Path) -> str:
    """SE-3: as if the last one, that passed, were the only one; a line of it edited, too, or not."""
    lines = [parse(line, MOST) for line in (place / chain.FILE).read_bytes().splitlines()]
    left = lines[begun(place) :]
    for seq, line in enumerate(left, 1):
        line["seq"] = seq
    told = edited(rng, rng.choice(left)) if rng.random() < 0.5 else ""
    write_log(place, [canonical(line) for line in left], relink=True)
    with_payload(place, canonical(made_again(place)))
    return f"the failed attempt left out{told}"


WAYS: tuple[Forge, ...] = (
    one_byte,
    one_byte,
    one_bit,
    one_field_of_the_envelope,
    one_field_of_the_statement,
    one_field_of_the_log,
    one_field_of_the_log_with_digests,
    all_made_again,
    all_made_again_and_signed,
    unsigned_and_made_again,
    another_declaration,
    the_failed_attempt_left_out,
)


def begun(place: Path) -> int:
    """The index of the last plan's line."""
    lines = (place / chain.FILE).read_bytes().splitlines()
    return max(i for i, line in enumerate(lines) if parse(line, MOST)["kind"] == "plan")


def edited(rng: random.Random, value: Any) -> str:
    """Change one leaf, drop one or add one, in place; where."""
    where = ""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = rng.choice(keys)
        where += f".{key}" if isinstance(value, dict) else f"[{key}]"
        if isinstance(value[key], (dict, list)) and value[key] and rng.random() < 0.9:
            value = value[key]
            continue
        how = rng.choice(("changed", "dropped", "added"))
        if how == "dropped":
            del value[key]
        elif how == "changed":
            value[key] = another(rng, value[key])
        elif isinstance(value, dict):
            value["more"] = another(rng, value[key])
        else:
            value.append(another(rng, value[key]))
        return f"{where} {how}"


def another(rng: random.Random, leaf: Any) -> Any:
    if isinstance(leaf, bool):
        return not leaf
    if isinstance(leaf, int):
        return leaf + rng.choice((-1, 1, 1000))
    if isinstance(leaf, str):
        at = rng.randrange(len(leaf) + 1)
        return rng.choice((leaf[:at] + rng.choice("0f9aP ./") + leaf[at:], leaf[:at], "PASS", "")) + "x"
    return rng.choice((0, 1, "x"))


def edited_log(rng: random.Random, place: Path, relink: bool) -> str:
    lines = (place / chain.FILE).read_bytes().splitlines()
    at = rng.randrange(len(lines))
    entry = parse(lines[at], MOST)
    told = edited(rng, entry)
    lines[at] = canonical(entry)
    write_log(place, lines, relink)
    return f":{at + 1}{told}"


def write_log(place: Path, lines: list[bytes], relink: bool) -> None:
    made: list[bytes] = []
    for line in lines:
        entry = parse(line, MOST)
        if relink:
            entry["prev_sha256"] = digest(made[-1]) if made else chain.FIRST
        made.append(canonical(entry))
    (place / chain.FILE).write_bytes(b"\n".join(made) + b"\n")


def payload_of(place: Path) -> bytes:
    return base64.b64decode(parse((place / envelope.FILE).read_bytes()[:-1], MOST)["payload"])


def with_payload(place: Path, payload: bytes) -> None:
    value = parse((place / envelope.FILE).read_bytes()[:-1], MOST)
    value["payload"] = base64.b64encode(payload).decode()
    (place / envelope.FILE).write_bytes(canonical(value) + b"\n")


def made_again(place: Path) -> Any:
    """What the edited log comes to; where it comes to nothing, the forger leaves the statement as it was."""
    try:
        return statement(place)
    except Rejected:
        return parse(payload_of(place), MOST)


def test_every_edit_is_rejected_with_its_reason(
    original: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """R8, SE-1: single bytes and bits, fields, and fields with every digest made again, signed by another or
    not at all. The reason names the file that it was found in."""
    source, public = original
    key, files = public_key(Path(public)), contents(source)
    tried: Counter[str] = Counter()
    for i in count():
        if tried.total() == EDITS:
            break
        rng, way, place = random.Random(i), WAYS[i % len(WAYS)], tmp_path / "edited"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source, place)
        told = way(rng, place)
        if contents(place) == files:  # a digest of the chain, which was then made again
            continue
        with pytest.raises(Rejected) as rejected:
            verified(place / envelope.FILE, key)
            pytest.fail(f"{i} {way.__name__}: {told}: accepted")
        assert any(name in str(rejected.value) for name in files), f"{i} {told}: {rejected.value}"
        assert "\n" not in str(rejected.value)
        tried[way.__name__] += 1
    if "ZBENCH_TAMPER_EDITS" in os.environ:
        with capsys.disabled():
            print(f"\n{EDITS} of {EDITS} edits of a signed certificate rejected: {dict(tried)}")


def contents(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_the_original_is_still_valid(original: tuple[Path, str]) -> None:
    """All those rejections were of copies."""
    source, public = original
    assert main(["verify", str(source), "--key", public, "--nonce", "of today", "--strict"]) == 0

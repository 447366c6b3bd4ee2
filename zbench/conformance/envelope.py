"""A signed statement: a DSSE envelope (github.com/secure-systems-lab/dsse, protocol v1) with Ed25519.

The envelope is itself canonical JSON, and no second text of its base64 is taken: no byte of it is free. Keys
are PEM files as openssl makes them; `cryptography` (zbench's extra `sign`) computes.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zbench.conformance.canonical import canonical, parse
from zbench.conformance.chain import Rejected, digest
from zbench.errors import UsageError, ZbenchError
from zbench.handwritten import one_line
from zbench.records.store import read_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FILE = "certificate.json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
ENVELOPE_MOST = 4 << 20
"""Bytes; that of a run of every test on eight cards has 1 MiB."""
KEY_MOST = 1 << 20
MAKE_A_KEY = "openssl genpkey -algorithm ed25519 -out KEY.pem"


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keyid: str
    """SHA-256 of the public key (DER, SubjectPublicKeyInfo)."""
    sig: str


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    payload: str
    payloadType: str
    signatures: tuple[Signature, ...]
    """None: whoever wrote it cannot be told."""


def sealed(statement: Any, key: Ed25519PrivateKey | None) -> bytes:
    """The envelope of a statement, signed where there is a key."""
    payload = canonical(statement)
    signatures = []
    if key is not None:
        signature = base64.b64encode(key.sign(_to_be_signed(payload))).decode()
        signatures.append({"keyid": keyid(key.public_key()), "sig": signature})
    text = base64.b64encode(payload).decode()
    return canonical({"payload": text, "payloadType": PAYLOAD_TYPE, "signatures": signatures}) + b"\n"


def opened(data: bytes, key: Ed25519PublicKey | None) -> tuple[Any, str]:
    """(statement, the keyid that it claims or ""), its signature checked where there is a key. Raises
    Rejected."""
    if not data.endswith(b"\n"):
        raise Rejected(f"{FILE}: its end is cut off")
    try:
        envelope = msgspec.convert(parse(data[:-1], ENVELOPE_MOST), Envelope)
    except ValueError as error:
        raise Rejected(one_line(f"{FILE}: {error}")) from error
    if envelope.payloadType != PAYLOAD_TYPE:
        raise Rejected(one_line(f"{FILE}: payloadType: expected {PAYLOAD_TYPE}, not {envelope.payloadType}"))
    if len(envelope.signatures) > 1:
        raise Rejected(f"{FILE}: signatures: {len(envelope.signatures)}, and zbench leaves one")
    payload = _bytes("payload", envelope.payload)
    claimed = envelope.signatures[0].keyid if envelope.signatures else ""
    if key is not None:
        _check(envelope, payload, key)
    try:
        return parse(payload, ENVELOPE_MOST), claimed
    except ValueError as error:
        raise Rejected(one_line(f"{FILE}: payload: {error}")) from error


def _check(envelope: Envelope, payload: bytes, key: Ed25519PublicKey) -> None:
    from cryptography.exceptions import InvalidSignature

    if not envelope.signatures:
        raise Rejected(f"{FILE}: signatures: none, and a key was given to check one")
    (signature,) = envelope.signatures
    if signature.keyid != keyid(key):
        raise Rejected(
            one_line(f"{FILE}: signatures[0].keyid: {signature.keyid}, and the key given is {keyid(key)}")
        )
    try:
        key.verify(_bytes("signatures[0].sig", signature.sig), _to_be_signed(payload))
    except InvalidSignature:
        raise Rejected(
            f"{FILE}: signatures[0].sig: not this key's over this payload: either was changed"
        ) from None


def _to_be_signed(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: type and payload with their lengths."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _bytes(field: str, text: str) -> bytes:
    """Of base64, in its only form."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Rejected(f"{FILE}: {field}: no base64: {error}") from error
    if base64.b64encode(data).decode() != text:
        raise Rejected(f"{FILE}: {field}: not the base64 of any bytes: its last bits are set")
    return data


def private_key(path: Path) -> Ed25519PrivateKey:
    """Of a PEM file. Raises UsageError."""
    serialization, kinds, unsupported = _library()
    data = read_file(path, KEY_HINT, KEY_MOST)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, unsupported) as error:  # TypeError: it is encrypted
        raise UsageError(one_line(f"--sign {path}: no private key in PEM, or encrypted: {error}")) from None
    if not isinstance(key, kinds.Ed25519PrivateKey):
        raise UsageError(f"--sign {path}: no Ed25519 key; {KEY_HINT}")
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """Of a PEM file. Raises UsageError."""
    serialization, kinds, unsupported = _library()
    data = read_file(path, most_bytes=KEY_MOST)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, unsupported) as error:
        hint = "openssl pkey -in KEY.pem -pubout"
        raise UsageError(one_line(f"--key {path}: no public key in PEM ({hint}): {error}")) from None
    if not isinstance(key, kinds.Ed25519PublicKey):
        raise UsageError(f"--key {path}: no Ed25519 key")
    return key


KEY_HINT = f"make one with: {MAKE_A_KEY}"


def keyid(key: Ed25519PublicKey) -> str:
    serialization, *_ = _library()
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return digest(key.public_bytes(encoding, form))


def _library() -> tuple[Any, Any, type[Exception]]:
    """Its formats, its Ed25519, and what it raises for keys that it does not know. Raises ZbenchError where
    it is not installed."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise ZbenchError("signatures need the package cryptography: pip install 'zbench[sign]'") from None
    return serialization, ed25519, UnsupportedAlgorithm

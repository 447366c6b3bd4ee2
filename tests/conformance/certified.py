"""A log and its certificate as a run leaves them, made from outcomes; nothing is asked of anybody."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from zbench.conformance.attempts import Asked, Plan
from zbench.conformance.declaration import Declaration
from zbench.conformance.item import Failure, Outcome
from zbench.conformance.keeping import certify, kept

PASSED = Outcome("GE-21", "cpu", "card", "fp32", "PASS", "L1", tried=10, seconds=0.5)
FAILED = Outcome(
    "GE-21",
    "cpu",
    "card",
    "fp64",
    "FAIL",
    "L1",
    10,
    1,
    (Failure("1x1x1", "2 of 9 are wrong"),),
    "1x1x1: 2 of 9",
)
NOT_TRIED = Outcome("GE-21", "cpu", "card", "bf16", "NOT_SUPPORTED", "L1", why="no bf16")
LAUNCH = {"subject": "card cpu", "fingerprint": {"subjects": {"card": {"isa": "avx2"}}}}


def plan(*outcomes: Outcome, **fields: Any) -> Plan:
    tests = tuple((each.id, each.scope) for each in outcomes)
    fixed = {
        "zbench": "0.1.0",
        "suite": {"zbench-0.1.0": "a" * 64},
        "level": "L1",
        "whole": False,
        "hours": "0",
        "seed": "7",
        "nonce": "",
        "asked": (Asked("card", "cpu", Declaration(1, "cpu"), "", tests),),
        "waivers_sha256": "",
        "environment": {},
        "preloads": (),
        "command": ("zbench", "conform"),
        "cut_bytes": 0,
    }
    return msgspec.convert(fixed | fields, Plan)


def attempt(directory: Path, outcomes: Sequence[Outcome], **fields: Any) -> None:
    """One more attempt in a directory, with its end."""
    files = fields.pop("files", {})
    with kept(directory, plan(*outcomes, **fields), files) as log:
        log.add("launch", LAUNCH)
        for outcome in outcomes:
            log.add("outcome", outcome)
        log.add("libraries", {"/usr/lib/libm.so.6": "b" * 64, "/gone.so": "unreadable: gone"})


def certified(
    directory: Path, outcomes: Sequence[Outcome] = (PASSED,), key: Any = None, **fields: Any
) -> str:
    """The path of a certificate."""
    attempt(directory, outcomes, **fields)
    return str(certify(directory, key)[0])


def keys(directory: Path, name: str = "key") -> tuple[Ed25519PrivateKey, str, str]:
    """(private key, its PEM file, the public one's)."""
    key = Ed25519PrivateKey.generate()
    directory.mkdir(exist_ok=True)
    private, public = directory / f"{name}.pem", directory / f"{name}-public.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return key, str(private), str(public)

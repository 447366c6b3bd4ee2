"""Conditions as rows: nothing unknown is left out, nothing shared is said twice."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from zbench.report.conditions import flat, machine, machines, settings
from zbench.report.findings import Findings


def test_unknown_facts_are_called_unknown() -> None:
    """The fingerprint is flattened; what could not be read is not left out."""
    facts = {"cpu": "x", "governor": None, "libraries": {"numpy": "2", "blas": ""}, "mask": [0, 1]}
    assert flat(facts) == [
        ("cpu", "x"),
        ("governor", "unknown"),
        ("libraries.numpy", "2"),
        ("libraries.blas", "unknown"),
        ("mask", "0, 1"),
    ]


def test_what_all_fingerprints_share_is_said_once(findings: Findings) -> None:
    """Then what each has of its own; two hosts are both named."""
    run = msgspec.structs.replace(
        findings.run,
        fingerprints={
            "f1": {"host": "n1", "cpu": "x", "libraries": {"numpy": "2"}},
            "f2": {"host": "n2", "cpu": "x", "libraries": {"numpy": "2"}},
        },
    )
    assert machines(run) == [
        ("Machine, in all 2 fingerprints", [("cpu", "x"), ("libraries.numpy", "2")]),
        ("Only f1", [("host", "n1")]),
        ("Only f2", [("host", "n2")]),
    ]
    assert machine(run) == "n1, x; n2, x"


def test_every_case_that_was_not_run_is_among_the_settings(findings: Findings) -> None:
    """With its reason; the remark at the top only counts."""
    run = msgspec.structs.replace(findings.run, not_run={"cpu gemm/a": "no time", "cpu gemm/b": "no memory"})
    rows = settings(replace(findings, run=run))
    assert rows[-2:] == [("not run: cpu gemm/a", "no time"), ("not run: cpu gemm/b", "no memory")]
    assert ("cards", "cpu, cpu:generic, numpy") in rows

"""A run of three cards and two fabrics, made from a seed, and a look at its charts: nothing is measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest

from zbench.case import Case
from zbench.judge.choices import worlds
from zbench.judge.claims import load_claims
from zbench.judge.facts import HOST_CONDITIONS, RunFacts
from zbench.judge.peers import against_best
from zbench.judge.ratios import aa_floor, ratios
from zbench.judge.scaling import scaling
from zbench.judge.stragglers import votes
from zbench.judge.summary import Summary, summarise
from zbench.judge.verdicts import judge
from zbench.records.schema import Choices, Probe, Record, Run, Verification
from zbench.report import svg
from zbench.report.chart import Chart, Missing
from zbench.report.draw import draw
from zbench.report.findings import Findings
from zbench.schedules.table import ALGORITHMS
from zbench.workloads import workload
from zbench.workloads.card_cases import Place, card_cases
from zbench.workloads.messages import PERFORMED
from zbench.workloads.profiles import KIB, MIB, PROFILES, fabric_cases

LAUNCHES = 5
PEAK = {"fp32": 152.8e9, "fp64": 76.4e9, "bf16": 152.8e9, "int8": 611.6e9}
"""FLOP/s of one thread."""
CARDS: dict[str, Callable[[int], float]] = {
    "cpu": lambda n: 0.90 * n / (n + 40),
    "cpu:generic": lambda n: 0.085 * n / (n + 20) * (1 - 0.1 * (n > 1000)),
    "numpy": lambda n: 0.80 * n / (n + 60),
}
"""Share of the peak that each card's GEMM reaches at size n."""
FABRICS = {"shm": (0.31e-6, 7.9e9), "shm:ring": (0.36e-6, 6.1e9)}
"""Start-up time in s and bandwidth in B/s."""
ROUNDS = 200


NAMES = [
    "claims",
    "gemm",
    "decode",
    "precision-ladder",
    "roofline",
    "latency",
    "latency-distribution",
    "bandwidth",
    "busbw",
    "algorithms",
    "scaling-efficiency",
]
"""The charts of this run, in their order."""


def run(**changes: object) -> Run:
    settings: dict[str, object] = dict(  # noqa: C408  (keywords read like the struct)
        zbench="0.1.0",
        created="2026-11-21T02:40:00Z",
        command=["zbench", "run", "--card", "cpu", "--card", "cpu:generic", "--card", "numpy"],
        profile="quick",
        seed=7,
        suites=["card", "fabric", "scaling"],
        cards=list(CARDS),
        fabrics=list(FABRICS),
        ranks=2,
        launches=LAUNCHES,
        claims="zbench/judge/claims/zhenwu-10k.toml",
        fingerprints={
            "f1": {
                "cpu": "Example CPU @ 2.39 GHz",
                "cores": 2,
                "kernel": "6.1.0",
                "governor": None,
                "libraries": {"numpy": "2.4.6", "openblas": "0.3.31"},
            }
        },
        tables=_tables(),
        state="complete",
    )
    return Run(**(settings | changes))  # type: ignore[arg-type]


def records(seed: int = 7, launches: int = LAUNCHES) -> list[Record]:
    """One record per case, subject and launch, and a second launch of the first subject on anchor cases."""
    rng = np.random.default_rng(seed)
    made = []
    for subject, share in CARDS.items():
        asked = card_cases("quick", Place((1, 2), 32 * MIB))
        asked = [c for c in asked if c.dtype in PEAK and c.parameters.get("transb") != "t"]
        for case in {case.key: case for case in (*asked, *_narrow_cases())}.values():
            made += _bursts(rng, "card", case, subject, _card_ns(case, share), launches, {"isa": "avx512"})
    for subject, (alpha, beta) in FABRICS.items():
        for case in _fabric_cases():
            made += _bursts(
                rng, "fabric", case, subject, _fabric_ns(case, alpha, beta), launches, _algorithm(case)
            )
    for case in _step_cases():
        made += _bursts(rng, "scaling", case, "cpu+shm", _step_ns(case), launches, {})
    for suite, subject, key in (
        ("card", "cpu", "gemm/fp32/1024x1024x1024/threads=1"),
        ("fabric", "shm", "pingpong/byte/8/ranks=2"),
        ("scaling", "cpu+shm", "step/fp32/512x1024x1024/ranks=2"),
    ):
        first = next(r for r in made if r.key == key and r.subject == subject)
        ns = float(np.median(first.samples_ns)) / first.batch
        made += _bursts(rng, suite, first.case, subject, ns, launches, first.variant, role="anchor")
    return made


def _fabric_cases() -> list[Case]:
    extra = [Case("pingpong", "byte", (size,), {"ranks": 2}) for size in (64, 128 * KIB, 8 * MIB)]
    extra += [
        Case(kind, "byte", (size,), {"ranks": 2})
        for kind in ("unidirectional", "bidirectional")
        for size in (512, 8 * KIB, 1 * MIB, 64 * MIB)
    ]
    cases = fabric_cases(PROFILES["quick"], 2) + extra
    cases += [Case("allreduce", "fp32", (size,), {"ranks": 4}) for size in (8, 64 * KIB, 4 * MIB, 64 * MIB)]
    return sorted({case.key: case for case in cases}.values(), key=lambda case: case.key)


def _narrow_cases() -> list[Case]:
    """Other dtypes, and y = x W^T of a few and of many rows with its weights in memory."""
    square = [Case("gemm", dtype, (1024, 1024, 1024), {"threads": 2}) for dtype in ("bf16", "int8")]
    rows: dict[str, int | str] = {"threads": 2, "transb": "t", "cache": "cold"}
    return square + [
        Case("gemm", dtype, (m, 4096, 4096), rows) for dtype in ("fp32", "bf16") for m in (1, 8, 512)
    ]


def _step_cases() -> list[Case]:
    sizes = [(512, p) for p in (1, 2, 4, 8)] + [(512 // p, p) for p in (2, 4, 8)]
    return [Case("step", "fp32", (m, 1024, 1024), {"ranks": p}) for m, p in sizes]


def _card_ns(case: Case, share: Callable[[int], float]) -> float:
    if case.workload == "gemm":
        threads, work = case.threads**0.93, workload("gemm")
        arithmetic_s = work.flops(case) / (PEAK[case.dtype] * share(case.size[0]) * threads)
        memory_s = work.bytes(case) / (20e9 * share(4096)) * (case.get("transb") == "t")
        return max(arithmetic_s, memory_s) * 1e9
    return workload(case.workload).bytes(case) / (21e9 * (0.9 + 0.1 * share(2048))) * 1e9


def _fabric_ns(case: Case, alpha: float, beta: float) -> float:
    """ns of one execution."""
    size, ranks = (case.size[0], case.ranks)
    operations = workload(case.workload).operations(case)
    slower = 1 + 0.6 * (size > 16 * MIB)
    if case.workload in ("barrier", "message_rate"):
        return alpha * 1e9 * (1.2 if case.workload == "barrier" else 0.2 * operations)
    if case.workload in ("bcast", "allreduce"):
        return (alpha * np.log2(ranks) * 1.5 + 2 * size * (ranks - 1) / ranks / beta * slower) * 1e9
    overlap = 1.0 if case.workload == "pingpong" else 0.55
    return float((alpha * overlap + size / beta * overlap * slower) * operations * 1e9)


def _algorithm(case: Case) -> dict[str, str]:
    if case.workload == "allreduce":
        return {"algorithm": "recursive-doubling" if case.size[0] <= 64 * KIB else "ring"}
    operation = PERFORMED.get(case.workload, case.workload)
    return {} if operation == "barrier" else {"algorithm": next(iter(ALGORITHMS[operation]))}


def _tables() -> dict[str, Choices]:
    """Trials of two algorithms of an allreduce on shm: each is 20 % faster than the other at its sizes."""
    asked = [case for case in _fabric_cases() if case.workload == "allreduce" and case.ranks == 2]
    times = {}
    for case in asked:
        ns, ran = _fabric_ns(case, *FABRICS["shm"]), _algorithm(case)["algorithm"]
        times[case.key] = {
            name: ns * (1.0 if name == ran else 1.2) for name in ("recursive-doubling", "ring")
        }
    chosen = {case.key: _algorithm(case)["algorithm"] for case in asked}
    return {"shm ranks=2": Choices(cases=sorted(times), chosen=chosen, median_ns=times, hash="0" * 16)}


def _step_ns(case: Case) -> float:
    m, n, k = case.size
    return (6 * m * n * k / 120e9 * (1 + 0.03 * (case.ranks - 1)) + 0.002 * (1 - 1 / case.ranks)) * 1e9


def _batch(ns: float) -> int:
    return max(1, round(2000 / ns))


def _probe(rng: np.random.Generator, case: Case) -> Probe:
    noise = 1 + 0.02 * rng.standard_normal(2)
    if case.workload in ("gemm", "step"):
        unit, value = "FLOP/s", PEAK[case.dtype] * case.threads**0.97
    elif case.workload in ("pingpong", "barrier", "message_rate"):
        unit, value = "ns", 180.0
    else:
        unit, value = "B/s", 22e9 if case.workload in ("read", "copy", "triad") else 11e9
    return Probe(unit, value * float(noise[0]), value * float(noise[1]))


def _bursts(
    rng: np.random.Generator,
    suite: str,
    case: Case,
    subject: str,
    ns: float,
    launches: int,
    variant: dict[str, str],
    role: str = "measure",
) -> list[Record]:
    batch = _batch(ns)
    made = []
    for launch in range(launches):
        level = ns * batch * (1 + 0.012 * abs(rng.standard_normal()))
        samples = level * (
            1 + 0.01 * rng.gamma(1.2, size=ROUNDS) + (rng.random(ROUNDS) < 0.01) * rng.gamma(2, 2, ROUNDS)
        )
        parts = {}
        if case.workload == "step":
            parts = {
                name: [int(s * part) for s in samples]
                for name, part in (("compute", 0.85), ("wait", 0.05), ("communication", 0.1))
            }
        made.append(
            Record(
                suite=suite,  # type: ignore[arg-type]
                key=case.key,
                case=case,
                subject=subject,
                variant=variant,
                role=role,  # type: ignore[arg-type]
                block=launch,
                launch=launch + (100 if role == "anchor" else 0),
                order=0,
                ranks=case.ranks,
                batch=batch,
                slots=2,
                warmup_rounds=10,
                samples_ns=[int(s) for s in samples],
                parts_ns=parts,
                probe=_probe(rng, case),
                clock_cost_ns=22.0,
                verification=Verification("freivalds" if suite == "card" else "exact", 3, ROUNDS, True, 1e-4),
                fingerprint="f1",
                started="2026-11-21T02:40:00Z",
            )
        )
    return made


def judged(records: Sequence[Record], run: Run, directory: Path = Path("results/example")) -> Findings:
    """What the judge makes of these records."""
    subjects = [*run.cards, *run.fabrics]
    summaries, claims = summarise(records), load_claims("zhenwu-10k")
    compared, scaled = ratios(records, subjects), scaling(summaries)
    facts = RunFacts(ranks=8, profile=run.profile, subjects=tuple(subjects), conditions=HOST_CONDITIONS)
    return Findings(
        directory=directory,
        run=run,
        records=records,
        summaries=summaries,
        ratios=compared,
        claims=claims,
        verdicts=judge(claims, summaries, compared, scaled, facts),
        floors=aa_floor(records),
        scaling=scaled,
        peers=against_best(summaries, subjects),
        worlds=worlds(run, summaries),
        votes=votes(records),
    )


def spoilt(records: Sequence[Record], key: str, subject: str) -> list[Record]:
    """The records with one wrong answer, samples kept."""
    why = "7 of 2048 rows are wrong, the first is row 3"
    found = False
    changed = []
    for record in records:
        if not found and (record.key, record.subject) == (key, subject) and record.verification:
            found = True
            failed = msgspec.structs.replace(record.verification, passed=False, why=why)
            record = msgspec.structs.replace(record, verification=failed, status="wrong", why=why)
        changed.append(record)
    assert found
    return changed


@pytest.fixture(scope="session")
def few_launches() -> Callable[[int], Findings]:
    """A smoke run of so many launches."""
    return lambda launches: judged(records(launches=launches), run(launches=launches, profile="smoke"))


WRONG = ("gemm/fp32/2048x2048x2048/threads=1", "numpy")


@pytest.fixture(scope="session")
def findings() -> Findings:
    """Three cards, two fabrics and their scaling, all answers right."""
    return judged(records(), run())


@pytest.fixture(scope="session")
def charts(findings: Findings) -> list[Chart | Missing]:
    return draw(findings)


@pytest.fixture(scope="session")
def wrong() -> Findings:
    """The same run, but numpy's largest fp32 GEMM on one thread was wrong in one launch."""
    return judged(spoilt(records(), *WRONG), run())


def drawn(chart: Chart | Missing) -> Chart:
    assert isinstance(chart, Chart), chart
    return chart


def of(findings: Findings, key: str, subject: str) -> Summary:
    return next(s for s in findings.summaries if (s.key, s.subject) == (key, subject))


def svg_texts(chart: Chart) -> list[str]:
    """Everything that is written in the picture."""
    root = ElementTree.fromstring(chart.svg)
    return ["".join(element.itertext()) for element in root.iter(f"{{{svg.SVG}}}text")]


def heights(chart: Chart) -> tuple[float, float]:
    """Width and height of the picture in points."""
    _, _, width, height = (
        float(part) for part in ElementTree.fromstring(chart.svg).attrib["viewBox"].split()
    )
    return width, height


def bands(chart: Chart) -> int:
    """Areas that are filled and half transparent."""
    return len(re.findall(r"fill-opacity: 0.16", chart.svg))


def recase(s: Summary) -> Summary:
    """With the key of its case."""
    return msgspec.structs.replace(s, key=s.case.key)

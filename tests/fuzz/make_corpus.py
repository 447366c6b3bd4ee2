"""Writes the seeds of tests/fuzz/corpus: small good ones, so that mutations begin where readers read on.

Run again where a format changes: `python tests/fuzz/make_corpus.py`. What a fuzzer has found is kept beside
them by hand, under a name that says what it is.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

HERE = Path(__file__).parent
TESTS = HERE.parent
sys.path.append(str(TESTS.parent))  # last: the package that is installed has the C code

from tests.conformance.certified import FAILED, PASSED, certified, keys  # noqa: E402
from tests.judge.conftest import Make  # noqa: E402
from zbench.case import Case  # noqa: E402
from zbench.conformance import chain  # noqa: E402
from zbench.conformance.canonical import canonical  # noqa: E402
from zbench.conformance.certificate import kept_name, statement  # noqa: E402
from zbench.conformance.chain import digest  # noqa: E402
from zbench.conformance.waivers import signature  # noqa: E402
from zbench.native import shm  # noqa: E402
from zbench.records import schema  # noqa: E402
from zbench.records.schema import Record, Sheet  # noqa: E402
from zbench.schedules.compile import ACTION  # noqa: E402

SEEDS = HERE / "corpus"
LAUNCHES = 2
PAIRS = schema.PairTimes(
    pairs=[(0, 1), (2, 3)], median_ns=[900.0, 950.0], p99_ns=[None, 2e3], hosts=["a"] * 4, cores=[0, 1, 2, 3]
)
CLOCK = schema.RankClock(
    rank=1,
    at_ns=10**12,
    offset_ns=80.0,
    offset_error_ns=50.0,
    drift_ppm=0.1,
    drift_error_ppm=0.05,
    plain_offset_ns=70.0,
    plain_error_ns=90.0,
    residual_p50_ns=5.0,
    residual_max_ns=9.0,
    checks=4,
)
CONGESTED = schema.Congestion(
    victims=[2, 0], congestors=[1, 3], congestor_batch=3, idle_ns=[1000] * 4, loaded_ns=[2000] * 4
)
TELEMETRY = schema.Telemetry(
    method="nvml",
    rate_hz=10.0,
    readings=2,
    window_ns=3000,
    energy_j=0.5,
    energy_from="counter",
    throttle={"power": 1},
    samples=[
        schema.Sample(at_ns=10, power_w=300.0, clock_hz=1e9),
        schema.Sample(at_ns=2000, temperature_c=50.0),
    ],
)
WAIVER = b"""version = 1
[[waiver]]
id = "GE-21"
subject = "cpu"
scope = "fp64"
reason = "known"
link = "https://example.org/1"
suite = ">=0.1, <0.3"
described = { isa = "avx*" }
signature = "%s"
approver = "somebody"
expires = 2030-01-01
"""
TEXTS = {
    "plan": b'version = 1\nsuites = ["card"]\nprofile = "smoke"\ncards = ["cpu"]\nranks = 2\nminutes = 1.5\n',
    "declaration": b"""version = 1
subject = "cpu"
lacks = ["GE-04: no such strides"]
[[gemms]]
dtypes = ["fp32", "fp64"]
isas = ["avx*"]
accumulator_bits = 24
rounding = "nearest"
determinism = ["D0", "D1"]
[collectives]
accumulator = "fp32"
nan = "propagate"
""",
    "arguments": b"check\nzhenwu-10k\nresults/x\n--baseline\ny\n--format\njson\n--strict",
}
FILES = (
    ("nccl-tests", "nccl-tests.json"),
    ("osu", "osu.txt"),
    ("mamf", "mamf-2.txt"),
    ("mamf", "mamf-4.txt"),
)
"""(importer, one of the tool's own files)"""
ARGUMENTS = (
    "run --card cpu --ranks 2 --launches 5 --case gemm/* --time-limit 5min --minutes 3 --out /nowhere",
    "conform --card cpu --level L1 --seed 3 --test GE-21 --dtype fp32 --ranks 2 --attempt *",
    "import osu file --ranks 2 --dtype bf16",
    "report --help",
    "--version",
)
MESSAGES = (
    {"type": "hello", "fingerprint": {"cpu": "x"}},
    {"type": "burst", "key": "gemm/fp32/8x8x8", "number": 0},
    {"type": "share", "data": "AAAA"},
    {"type": "record", "record": {"key": "x"}},
    {"type": "rank", "rank": 0},
    {"type": "failed", "why": "no"},
    {"type": "done"},
)

LINES = (
    ("inline", 16, (1, 16, 1, 2)),
    ("copied", 40_000, (2, 0, 16384, 40_000), (2, 0, 16384, 40_000), (2, 0, 7232, 40_000)),
    ("registered", 2000, (3, 0, 64, 2000)),
)
"""What a message's lines tell in wire.c: (name, its bytes, lines of kind, inline bytes and two words)."""


def records() -> Iterator[Record]:
    """Of each kind that there is, in some launches."""
    allreduce = Case("allreduce", "fp32", (8,), {"ranks": 2})
    for launch in range(LAUNCHES):
        times = [1000 + launch, 1010, 990, 1005, 1000]
        probe = Make.probe(2e12)
        yield Make.record(Make.GEMM, launch, times, fingerprint="f1", probe=probe, telemetry=TELEMETRY)
        yield Make.record(Make.GEMM, launch, times, "numpy", variant={"isa": "avx2"})
        parts = {"compute": times, "wait": [0] * 5, "communication": [0] * 5}
        for ranks in (1, 2):
            yield Make.record(Make.step(ranks), launch, times, "cpu+shm", parts_ns=parts if ranks > 1 else {})
        starts = schema.Starts(skew_p50_ns=5.0, skew_max_ns=90.0, span_p50_ns=1e3)
        yield Make.record(allreduce, launch, times, "shm", starts=starts, slowest_rank=[2, 3])
        yield Make.record(Make.PINGPONG, launch, times, "shm", batch=10)
        paired = Case("pairs_latency", "byte", (8,), {"ranks": 4})
        yield Make.record(paired, launch, times, "shm", pairs=PAIRS)
        clocks = schema.Clocks(method="HCA3", rounds=20, ranks=[CLOCK])
        asked = Case("clocks", "byte", (0,), {"ranks": 2})
        yield Make.record(asked, launch, [], "shm", clocks=clocks, verification=None)
        load = {"ranks": 4, "victim": "pingpong", "congestor": "alltoall"}
        yield Make.record(Case("congestion", "byte", (8,), load), launch, [], "shm", congestion=CONGESTED)
    bcast = Case("bcast", "byte", (64,), {"ranks": 8})
    yield Make.record(bcast, 0, [], "mpi", sheet=Sheet("mean", 5e3, {"p99": 9e3}), verification=None)
    yield Make.record(Make.gemm(8), 0, [], status="skipped", why="not offered", verification=None)


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """(reader, name, bytes)."""
    suites = ["card", "fabric", "scaling"]
    run = Make.kept("x", [], suites=suites, cards=["cpu", "numpy"], fabrics=["shm"], ranks=2).run
    run.state, run.launches = "complete", LAUNCHES
    chosen = schema.Choices(chosen={"allreduce/fp32/8/ranks=2": "ring"}, median_ns={}, hash="0")
    run.tables = {"shm ranks=2": chosen}
    yield "run", "whole", msgspec.json.format(msgspec.json.encode(run))
    yield "records", "whole", b"".join(msgspec.json.encode(record) + b"\n" for record in records())
    stored = TESTS / "records" / "fixtures" / "v1"
    old = json.loads((stored / "run.json").read_bytes())
    old |= {"fingerprints": {"f1": {"cpu": "x"}}, "tables": {}}
    yield "run", "version-1", json.dumps(old).encode()
    claims = resources.files("zbench.judge") / "claims"
    for name in ("guidelines", "zhenwu-10k"):
        yield "claims", name, (claims / f"{name}.toml").read_bytes()[:3000].rpartition(b"[[claim]]")[0]
    models = (resources.files("zbench.workloads") / "models.toml").read_bytes()
    yield "models", "first", models[:2500].rpartition(b"\n[")[0]
    sheets = (resources.files("zbench.cards") / "catalogue.toml").read_bytes()
    yield "datasheets", "first", sheets[:3000].rpartition(b"[[card]]")[0]
    for tool, file in FILES:
        yield tool, file, (TESTS / "records" / "importers" / "files" / file).read_bytes()
    for reader, text in TEXTS.items():
        yield reader, "first", text
    for words in ARGUMENTS:
        yield "arguments", words.split()[0].strip("-"), "\n".join(words.split()).encode()
    waivers = WAIVER % signature(FAILED).encode()
    yield "waivers", "first", waivers
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = {kept_name("waivers", digest(waivers)): waivers}
        path = certified(folder, (PASSED, FAILED), files=files, waivers_sha256=digest(waivers))
        yield "log", "whole", (folder / chain.FILE).read_bytes()
        yield "certificate", "unsigned", Path(path).read_bytes()
        yield "certificate", "payload", canonical(statement(folder))
        yield "key", "public", Path(keys(folder)[2]).read_bytes()
    yield "messages", "all", b"".join(json.dumps(each).encode() + b"\n" for each in MESSAGES)
    rows = [(0, 0, 1, 0, 0, 0, 0, 16), (0, 1, 1, 1, 0, 0, 0, 16), (1, 2, 1, 1, 16, 0, 16, 16)]
    rows += [(2, 4, -1, 1, 0, 0, 0, 32), (2, 5, -1, 1, 0, 2, 0, 32), (3, 8, -1, 1, 0, 1, 0, 64)]
    rows += [(4, 6, 0, 0, 0, 0, 0, 0)]
    yield "actions", "every-kind", bytes((1, 0, 1, 1)) + np.array(rows, ACTION).tobytes()
    for name, size, *lines in LINES:
        told = b"".join(
            struct.pack("<BBxxxxxxQQ", kind << 6 | inline, 0, *pair) for kind, inline, *pair in lines
        )
        yield "wire", name, size.to_bytes(2, "little") + bytes((0, 3)) + told
    fd = shm.create(2, shm.PAGE_BYTES)
    with open(fd, "rb") as file:
        yield "segment", "header", file.read(1024)


if __name__ == "__main__":
    for reader, name, data in seeds():
        (SEEDS / reader).mkdir(parents=True, exist_ok=True)
        (SEEDS / reader / name).write_bytes(data)

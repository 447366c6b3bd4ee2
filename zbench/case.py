"""The case: one question, as data.

Every other room speaks of cases, so this file stands on the ground floor and imports none of them.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

from zbench.dtypes import RESULTS

DEFAULTS: dict[str, int | str] = {
    "transa": "n",
    "transb": "n",
    "alpha": "1",
    "beta": "0",
    "batch": 1,
    "cache": "warm",
    "data": "random",
    "weights": "plain",
    "skew": "even",
    "memory": "pageable",
    "peer": "none",
    "together": 1,
    "root": 0,
    "redop": "sum",
    "inplace": "no",
}
"""Parameters whose default value is left out of the key: operands as they are, C = A B, one product, two
slots of buffers that stay in whatever cache they fit, random data, B as the user stores it, experts that are
all asked as often, copies from and to memory that the system may move, or on one card, a card that computes
while its siblings in the host are idle, and collectives from or to rank 0 that add, from one buffer to
another."""

FINDINGS = ("clocks", "congestion")
"""Workloads that are no message of their own, but a question about the ranks of a world."""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked: operation, dtype, size and parameters (ranks, threads, ...).

    `size` holds (m, n, k) for a GEMM, a grouped one and a training step, (bytes,) for messages, streams and
    copies, (batch, heads, q_len, kv_len, head_dim) for attention.
    """

    workload: str
    dtype: str
    size: tuple[int, ...]
    parameters: dict[str, int | str] = {}

    @property
    def key(self) -> str:
        """`workload/dtype/size/name=value/...`; only equal keys may be compared."""
        parameters = [
            f"{name}={value}"
            for name, value in sorted(self.parameters.items())
            if self.default(name) != value
        ]
        return "/".join([self.workload, self.dtype, "x".join(map(str, self.size)), *parameters])

    def get(self, name: str) -> int | str:
        """The parameter, or its default. Raises KeyError if it has neither."""
        if name in self.parameters:
            return self.parameters[name]
        default = self.default(name)
        if default is None:
            raise KeyError(name)
        return default

    def default(self, name: str) -> int | str | None:
        """`out`, the dtype of a product, is by default what its operands make it; attention has a head of
        keys for each head of queries and is causal where there is more than one query to a sequence; a copy
        between a card and pageable memory blocks, others queue up."""
        if self.workload == "attention" and name == "kv_heads":
            return self.size[1]
        if self.workload == "attention" and name == "causal":
            return "yes" if self.size[2] > 1 else "no"
        if name == "blocking" and self.workload.startswith("copy_"):
            host = self.workload != "copy_d2d"
            return "yes" if host and self.get("memory") == "pageable" else "no"
        if name == "out" and self.workload != "attention" and self.dtype in RESULTS:
            return RESULTS[self.dtype][0]
        return DEFAULTS.get(name)

    @property
    def is_result(self) -> bool:
        """Whether it has a rate that tells of the subject. Zeros draw less power and run up to 15 % faster
        (baidu-research/DeepBench#104): a finding about power, and no result. Nor are findings about a
        world's clocks, and about what its ranks do to each other."""
        return self.workload not in FINDINGS and self.get("data") != "zeros"

    def matches(self, glob: str) -> bool:
        """Whether the key matches a shell pattern; `*` crosses `/`."""
        return fnmatchcase(self.key, glob)

    @property
    def ranks(self) -> int:
        return int(self.parameters.get("ranks", 1))

    @property
    def threads(self) -> int:
        return int(self.parameters.get("threads", 1))

    @property
    def root(self) -> int:
        """The rank that a collective comes from or goes to."""
        return int(self.get("root"))

    @property
    def redop(self) -> str:
        """What a collective combines by."""
        return str(self.get("redop"))

    @property
    def in_place(self) -> bool:
        """Whether a collective finds its operand where it leaves its result."""
        return self.get("inplace") == "yes"

    @property
    def together(self) -> int:
        """Cards of this host that compute it at the same time, each for itself."""
        return int(self.get("together"))

    @property
    def processes(self) -> int:
        """That answer it at the same time: the ranks of a world, or a worker for each card."""
        return max(self.ranks, self.together)

    @property
    def alone(self) -> Case:
        """The same question, asked of one card while its siblings are idle."""
        said = {name: value for name, value in self.parameters.items() if name != "together"}
        return Case(self.workload, self.dtype, self.size, said)

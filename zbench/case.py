"""The case: one question, as data.

Every other room speaks of cases, so this file stands on the ground floor and imports none of them.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

DEFAULTS: dict[str, int | str] = {"transa": "n", "transb": "n"}
"""Parameters whose default value is left out of the key."""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked: operation, dtype, size and parameters (ranks, threads, ...).

    `size` holds (m, n, k) for a GEMM and a training step, (bytes,) for messages and streams.
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
            if DEFAULTS.get(name) != value
        ]
        return "/".join([self.workload, self.dtype, "x".join(map(str, self.size)), *parameters])

    def get(self, name: str) -> int | str:
        """The parameter, or its default. Raises KeyError if it has neither."""
        return self.parameters[name] if name in self.parameters else DEFAULTS[name]

    def matches(self, glob: str) -> bool:
        """Whether the key matches a shell pattern; `*` crosses `/`."""
        return fnmatchcase(self.key, glob)

    @property
    def ranks(self) -> int:
        return int(self.parameters.get("ranks", 1))

    @property
    def threads(self) -> int:
        return int(self.parameters.get("threads", 1))

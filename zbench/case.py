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
    "batch": 1,
    "cache": "warm",
    "data": "random",
    "weights": "plain",
}
"""Parameters whose default value is left out of the key: operands as they are, one product, two slots of
buffers that stay in whatever cache they fit, random data, and B as the user stores it."""


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
            if self._default(name) != value
        ]
        return "/".join([self.workload, self.dtype, "x".join(map(str, self.size)), *parameters])

    def get(self, name: str) -> int | str:
        """The parameter, or its default. Raises KeyError if it has neither."""
        if name in self.parameters:
            return self.parameters[name]
        default = self._default(name)
        if default is None:
            raise KeyError(name)
        return default

    def _default(self, name: str) -> int | str | None:
        """`out`, the dtype of a product, is by default what its operands make it."""
        if name == "out" and self.dtype in RESULTS:
            return RESULTS[self.dtype][0]
        return DEFAULTS.get(name)

    def matches(self, glob: str) -> bool:
        """Whether the key matches a shell pattern; `*` crosses `/`."""
        return fnmatchcase(self.key, glob)

    @property
    def ranks(self) -> int:
        return int(self.parameters.get("ranks", 1))

    @property
    def threads(self) -> int:
        return int(self.parameters.get("threads", 1))

"""Write the cffi module from the headers: they are the contract, and nothing repeats them.

Usage: python generate_cffi.py OUT.c

The public part of a header stands between the lines `/* public */` and `/* end */`. It is plain C
without preprocessor lines, so that cffi reads it as it stands.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import cffi

CSRC = Path(__file__).parent
# Order matters only where a header uses another's types.
HEADERS = sorted(
    (path.relative_to(CSRC) for path in CSRC.rglob("*.h")),
    key=lambda path: (path.parts[0] != "core", str(path)),
)
PUBLIC = re.compile(r"^/\* public \*/$(.*?)^/\* end \*/$", re.DOTALL | re.MULTILINE)


def main(out: str) -> None:
    ffi = cffi.FFI()
    included = []
    for header in HEADERS:
        parts = PUBLIC.findall((CSRC / header).read_text())
        if parts:
            included.append(f'#include "{header}"')
            ffi.cdef("\n".join(parts))
    ffi.set_source("zbench.native._zbench", "\n".join(included))
    ffi.emit_c_code(out)


if __name__ == "__main__":
    main(sys.argv[1])

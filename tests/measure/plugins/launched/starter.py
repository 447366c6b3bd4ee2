"""Stands in for mpiexec: `starter.py HOW RANKS COMMAND...`. Its ranks have sessions of their own, as Hydra's,
and it ends with the first that dies."""

from __future__ import annotations

import os
import subprocess
import sys


def main(how: str, ranks: int, command: list[str]) -> int:
    if how == "fails":
        print("starter: no slots left", file=sys.stderr)
        return 7
    numbers = [0] * ranks if how == "twice" else range(ranks - (how == "short"))
    started = [
        subprocess.Popen(
            command,
            env=os.environ | {"STARTED_AS": str(rank)},
            start_new_session=True,
        )
        for rank in numbers
    ]
    codes = [0]
    for _ in started:
        code = os.waitstatus_to_exitcode(os.wait()[1])
        if code < 0:
            return 128 - code
        codes.append(code)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))

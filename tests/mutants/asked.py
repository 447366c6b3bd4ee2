"""Inside a mutated tree: asks its zbench for some tests of the catalogue, one JSON line for each outcome.

`python asked.py ORDER`: a JSON object with kind, spec, tests, level, seed, dtypes, ranks, tree, stop.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path

BAD = ("FAIL", "MISTRUSTED", "TIMEOUT", "CRASH")
"""Said here once more: in the tree, this very list may be what is wrong."""


def main(order: dict[str, object]) -> None:
    import zbench
    from zbench.conformance.catalogue import BY_ID, SCHEDULES
    from zbench.conformance.launches import Ask, conform
    from zbench.subject import SCHEDULES as OURS
    from zbench.subject import parse

    if not Path(zbench.__file__).is_relative_to(str(order["tree"])):
        raise SystemExit(
            f"zbench is taken from {zbench.__file__}: another installation stands before the tree"
        )
    known = [id for id in BY_ID if any(fnmatchcase(id, glob) for glob in order["tests"])]
    print(json.dumps({"known": known}), flush=True)
    if order["tests"] and not known:
        return
    proved = {item.id for item in SCHEDULES} & {*known}
    asks = []
    if not order["tests"] or proved < {*known}:
        subject = parse(order["kind"], order["spec"])
        tests = tuple(id for id in known if id not in proved)
        limits = tuple(order["dtypes"]), tuple(order["ranks"])
        asks.append(Ask(subject, order["level"], order["seed"], tests, *limits))
    if proved:
        asks.append(Ask(OURS, order["level"], order["seed"], tuple(proved)))
    for ask in asks:
        with closing(conform(ask)) as outcomes:
            for each in outcomes:
                told = {"id": each.id, "scope": each.scope, "status": each.status, "why": each.why}
                print(json.dumps(told), flush=True)
                if order["stop"] and each.status in BAD:
                    return


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""The sentence for each verdict."""

from __future__ import annotations

import pytest

from zbench.fabrics.blame import sentence
from zbench.native.shm import NOBODY, PARENT, Call, Verdict

MINE, OTHER, NONE = Call(12, "allreduce by ring"), Call(11, "bcast by flat"), Call(0, "")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict("gave up", PARENT, NOBODY, NONE, NONE), "the parent gave up"),
        (Verdict("gave up", 3, NOBODY, MINE, NONE), "rank 3 gave up"),
        (Verdict("other call", 0, 1, MINE, OTHER), "rank 1 is in call 11 (bcast by flat)"),
        (
            Verdict("other call", 0, 1, MINE, OTHER, Call(11, "bcast by tree")),
            "rank 1 is in call 11 (bcast by flat), where rank 0 was in bcast by tree",
        ),
        (Verdict("other call", 0, 1, MINE, OTHER, OTHER), "rank 1 is in call 11 (bcast by flat)"),
        (Verdict("other call", 0, 1, MINE, Call(12, "")), "rank 1 is in call 12 (without a name)"),
        (
            Verdict("ended", 0, 1, MINE, OTHER),
            "rank 1 has ended; its last was call 11 (bcast by flat)",
        ),
        (
            Verdict("silent", 0, 1, MINE, MINE),
            "rank 1 did not answer within 2.5 s; it was in the same call",
        ),
        (
            Verdict("silent", 0, 1, MINE, NONE),
            "rank 1 did not answer within 2.5 s; it had begun no call",
        ),
        (Verdict("silent", 0, 1, MINE, Call(-1, "")), "rank 1 did not answer within 2.5 s; it never came"),
        (
            Verdict("ended", 2, 1, MINE, OTHER),
            "rank 2, in call 12 (allreduce by ring), found that rank 1 has ended; "
            "its last was call 11 (bcast by flat)",
        ),
    ],
)
def test_rank_0_says(verdict: Verdict, words: str) -> None:
    """What it found itself, and what another rank found."""
    assert sentence(0, verdict, 2.5) == words

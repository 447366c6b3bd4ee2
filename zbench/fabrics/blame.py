"""What a rank says when waiting for its peers had no point any more."""

from __future__ import annotations

from zbench.native.shm import NOBODY, PARENT, Call, Verdict


def sentence(rank: int, verdict: Verdict, timeout_s: float) -> str:
    """Who found what about whom, and what both were in, for `rank` to tell."""
    if verdict.whom == NOBODY:
        return "the parent gave up" if verdict.who == PARENT else f"rank {verdict.who} gave up"
    found = f"rank {verdict.whom} {_finding(verdict, timeout_s)}"
    if verdict.who == rank:
        return found
    return f"rank {verdict.who}, in {_name(verdict.who_call)}, found that {found}"


def _finding(verdict: Verdict, timeout_s: float) -> str:
    call = verdict.whom_call
    if verdict.why == "silent":
        return f"did not answer within {timeout_s:g} s; {_last(call, verdict.who_call)}"
    if verdict.why == "ended":
        return f"has ended; {_last(call, verdict.who_call)}"
    then = verdict.who_then
    left = f", where rank {verdict.who} was in {then.text}" if then and then.text != call.text else ""
    return f"is in {_name(call)}{left}"


def _last(call: Call, others: Call) -> str:
    """How far it had come, seen from the call of the rank that waited."""
    if call.sequence < 0:
        return "it never came"
    if call.sequence == 0:
        return "it had begun no call"
    return "it was in the same call" if call == others else f"its last was {_name(call)}"


def _name(call: Call) -> str:
    return f"call {call.sequence} ({call.text or 'without a name'})"

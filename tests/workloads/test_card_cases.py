"""What each profile asks of a card: every key once, pairs that are pairs, and brief where it must be."""

import pytest

from zbench.case import Case
from zbench.dtypes import RESULTS
from zbench.measure.estimate import case_s
from zbench.workloads import workload
from zbench.workloads.card_cases import CARD_CASES, MIB, Place, card_cases
from zbench.workloads.models import built_in, model
from zbench.workloads.profiles import PROFILES
from zbench.workloads.slots import SLOTS, slot_count

HOST, DEVICE = Place((1, 2), 32 * MIB), Place((), 50 * MIB)


def keys(profile: str, place: Place = HOST) -> list[str]:
    return [case.key for case in card_cases(profile, place)]


def test_every_profile_asks_something_of_cards() -> None:
    """One table of cases, one of lengths."""
    assert set(PROFILES) == set(CARD_CASES)


@pytest.mark.parametrize("place", [HOST, DEVICE], ids=["host", "device"])
@pytest.mark.parametrize("profile", sorted(CARD_CASES))
def test_every_case_is_asked_once_and_says_no_default(profile: str, place: Place) -> None:
    """Equal keys would be compared with themselves; what is said by default would part equal cases."""
    cases = card_cases(profile, place)
    assert len({case.key for case in cases}) == len(cases)
    for case in cases:
        assert not [name for name, value in case.parameters.items() if case.default(name) == value]
        assert workload(case.workload).suite == "card"
        assert workload(case.workload).bytes(case) > 0


@pytest.mark.parametrize("profile", sorted(CARD_CASES))
def test_a_device_of_its_own_has_no_threads(profile: str) -> None:
    """Every case of a host card names its threads, no case of a device does."""
    assert all("threads" in case.parameters for case in card_cases(profile, HOST))
    assert not any("threads" in case.parameters for case in card_cases(profile, DEVICE))


def test_full_asks_every_precision_and_every_workload() -> None:
    """And C in fp32 where peers return nothing else."""
    cases = card_cases("full", HOST)
    assert {case.dtype for case in cases if case.workload == "gemm"} == set(RESULTS) - {"fp8e5m2"}
    assert {case.workload for case in cases} == {"gemm", "grouped_gemm", "attention", "read", "copy", "triad"}
    assert "gemm/bf16/4096x4096x4096/out=fp32/threads=2" in keys("full")


@pytest.mark.parametrize(("parameter", "value"), [("cache", "cold"), ("data", "zeros")])
def test_full_has_pairs_that_differ_in_one_thing(parameter: str, value: str) -> None:
    """Cold against warm caches, zeros against random data."""
    asked = set(keys("full"))
    pairs = [
        case.key
        for case in card_cases("full", HOST)
        if case.parameters.get(parameter) == value and case.key.replace(f"/{parameter}={value}", "") in asked
    ]
    assert len(pairs) >= 2


CACHES = {"l1": 48 << 10, "l2": 2 * MIB, "l3": 32 * MIB}


def test_full_streams_in_each_cache_and_in_memory() -> None:
    """One thread in each, all threads in what they share; what takes turns lies in half of it."""
    cases = [
        case
        for case in card_cases("full", Place((1, 2), 32 * MIB, caches=CACHES))
        if workload(case.workload).metric == "bandwidth"
    ]
    places = {(case.get("cache"), case.threads) for case in cases}
    assert places == {("warm", 1), ("warm", 2), ("l1", 1), ("l2", 1), ("l3", 1), ("l3", 2)}
    assert len(cases) == 3 * len(places)
    for case in cases:
        taken = SLOTS * workload(case.workload).bytes(case)
        cache = CACHES.get(str(case.get("cache")))
        assert cache is None or cache / 4 < taken <= cache / 2
        assert cache is not None or taken > 4 * CACHES["l3"]
        assert slot_count(case, 32 * MIB) == SLOTS


def copied(profile: str, place: Place) -> list[str]:
    return [case.key for case in card_cases(profile, place) if case.workload.startswith("copy_")]


def test_a_card_in_the_hosts_memory_is_asked_for_no_copies() -> None:
    """There is nothing to copy between."""
    assert not [key for profile in CARD_CASES for key in copied(profile, HOST)]


def test_quick_copies_each_way_once() -> None:
    """As fast as it goes, and to each card that this one reaches."""
    each = [
        "copy_h2d/byte/67108864/memory=pinned",
        "copy_d2h/byte/67108864/memory=pinned",
        "copy_d2d/byte/67108864",
    ]
    assert copied("quick", DEVICE) == each
    assert copied("quick", Place((), 50 * MIB, (1, 3))) == [
        *each,
        "copy_d2d/byte/67108864/peer=1",
        "copy_d2d/byte/67108864/peer=3",
    ]


def test_full_copies_from_bytes_to_a_gibibyte() -> None:
    """Five ways, six sizes; and where copies queue up, the smallest one at a time."""
    keys = copied("full", DEVICE)
    assert len(keys) == 5 * 6 + 3
    assert "copy_h2d/byte/8" in keys
    assert "copy_d2h/byte/1073741824/memory=pinned" in keys
    assert [key for key in keys if "blocking" in key] == [
        "copy_h2d/byte/8/blocking=yes/memory=pinned",
        "copy_d2h/byte/8/blocking=yes/memory=pinned",
        "copy_d2d/byte/8/blocking=yes",
    ]


def test_limits_is_the_target_table() -> None:
    """Each row of it: products on one thread and on all, layers on one."""
    asked = set(keys("limits"))
    for threads in (1, 2):
        assert f"gemm/fp64/4096x4096x4096/threads={threads}" in asked
        assert f"gemm/fp16/1024x1024x1024/out=fp32/threads={threads}" in asked
    assert "gemm/u8s8/16x4096x4096/cache=cold/threads=1/transb=t/weights=prepacked" in asked
    assert "gemm/bf16/1x4096x4096/cache=cold/out=fp32/threads=1/transb=t" in asked
    assert {key.split("/")[-1] for key in asked if key.startswith("read/")} == {"threads=1", "threads=2"}


def test_quick_stays_quick() -> None:
    """Five cases beside those in two precisions, for less than half a minute in five launches."""
    added = [case for case in card_cases("quick", HOST) if case.dtype not in ("fp32", "fp64")]
    assert len(added) == 5
    warm = [case for case in added if case.get("cache") == "warm"]
    assert len(warm) == 4
    assert 5 * sum(case_s(case, PROFILES["quick"]) for case in warm) < 20


def test_smoke_stays_brief() -> None:
    """It runs in every test of an installation."""
    assert len(keys("smoke")) == 12


@pytest.mark.parametrize("name", sorted(built_in()))
def test_a_model_asks_its_own_shapes(name: str) -> None:
    """Decoding and prefill in full, single tokens in smoke; experts only of a mixture."""
    full = card_cases("full", HOST, model(name))
    assert {case.size[0] for case in full if case.workload == "gemm"} == {1, 8, 16, 64, 512, 4096}
    assert {case.size[0] for case in card_cases("smoke", HOST, model(name)) if case.workload == "gemm"} == {1}
    assert any(case.workload == "grouped_gemm" for case in full) == bool(model(name).experts)
    assert all(isinstance(case, Case) and case.dtype == "bf16" for case in full)

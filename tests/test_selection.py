"""Which cases answer a request: what was asked, what a card has, what fits in memory and in the time."""

import os
import re
from pathlib import Path

import pytest

from zbench.errors import UsageError
from zbench.judge.claims import load_claims
from zbench.measure.estimate import groups_s
from zbench.measure.plan import Group
from zbench.native import cpu
from zbench.request import ask
from zbench.selection import OUT_OF_TIME, fitting, in_time, offering, operations, place_of, select, validate
from zbench.subject import Subject, parse
from zbench.workloads.card_cases import Place
from zbench.workloads.profiles import PROFILES


def test_the_default_request_is_the_embedded_default() -> None:
    """Card cpu, fabric shm, and both together."""
    groups = select(ask())
    assert {group.subject for group in groups} == {"cpu", "shm", "cpu+shm"}
    assert {group.suite for group in groups} == {"card", "fabric", "scaling"}


def test_a_glob_selects_cases_of_all_suites() -> None:
    """`*` crosses slashes; groups without a case are gone."""
    groups = select(ask(cases=["*/ranks=2"]))
    assert all(case.key.endswith("ranks=2") for group in groups for case in group.cases)
    assert {group.suite for group in groups} == {"fabric", "scaling"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("allreduce/int32/4096/redop=max", "allreduce/int32/4096/ranks=3/redop=max"),
        ("bcast/byte/12/root=2/*", "bcast/byte/12/ranks=3/root=2"),
        ("reduce/bf16/6/inplace=yes/ranks=3/redop=sum", "reduce/bf16/6/inplace=yes/ranks=3"),
        ("alltoallv/byte/0/skew=zipf", "alltoallv/byte/0/ranks=3/skew=zipf"),
    ],
)
def test_a_case_between_ranks_may_be_named_in_full(text: str, key: str) -> None:
    """Beside what a glob selects of the profile, once; of every fabric, and of no other suite."""
    fabrics = ["shm", "shm:private"]
    groups = select(ask(ranks=3, fabrics=fabrics, cases=[text, key, "barrier/*"]))
    assert [group.subject for group in groups] == fabrics
    assert [[case.key for case in group.cases] for group in groups] == [["barrier/byte/0/ranks=3", key]] * 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("allreduce/fp32/7/*", "7 bytes are no whole elements of fp32; give a multiple of 4, such as 8"),
        ("alltoall/byte/7", "no whole elements of byte for 3 ranks; give a multiple of 3, such as 6"),
        ("allreduce/byte/8", "allreduce takes fp64, fp32, .*, not 'byte'"),
        ("allreduce/fp32/8/redop=band", r"redop=band: of integers only \(int8, .*\), not of fp32"),
        ("allreduce/int32/8/redop=bnd", r"no redop 'bnd' \(did you mean 'band'\?\)"),
        ("bcast/byte/8/root=3", "root=3: the ranks of this world are 0 to 2"),
        ("bcast/byte/8/root=one", "root is a whole number, not 'one'"),
        ("bcast/byte/8/root=1/root=2", "root is given twice"),
        ("allreduce/fp32/8/root=1", r"allreduce has no parameter 'root' \(known: inplace, ranks, redop\)"),
        ("allreduce/fp32/8/inplace=y", "no inplace 'y'"),
        ("allreduce/fp32/8/ranks=2", "2 of 3 ranks would leave 1 out; give --ranks 2"),
        ("allreduce/fp32/8/ranks=4", "4 ranks in a world of 3; give --ranks 4"),
        ("allreduce/fp32/" + "9" * 5000, "the size is a number of bytes"),
        ("allreduce/fp32/1KiB", "the size is a number of bytes, not '1KiB'"),
        ("barrier/byte/8", "a barrier moves no bytes"),
        ("pingpong/byte/0", "a message has 1 byte or more"),
        ("allreduce/fp32/7?", "no case of this run matches$"),
        ("alreduce/fp32/8", r"no case of this run matches \(did you mean 'allreduce'\?\)"),
    ],
)
def test_a_case_that_cannot_be_is_told_before_anything_starts(text: str, told: str) -> None:
    """In one line that says what, where and what to do."""
    with pytest.raises(UsageError, match=f"^--case {re.escape(text)}: .*{told}") as error:
        select(ask(ranks=3, suites=["fabric"], cases=[text]))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("gemm/fp32/1000x3x7", "gemm/fp32/1000x3x7/threads=2"),
        ("gemm/bf16/64x64x64/threads=1/*", "gemm/bf16/64x64x64/threads=1"),
        ("gemm/bf16/9x8x7/transb=t/out=fp32", "gemm/bf16/9x8x7/out=fp32/threads=2/transb=t"),
        ("gemm/fp64/9x8x7/transa=n/batch=3/cache=cold", "gemm/fp64/9x8x7/batch=3/cache=cold/threads=2"),
    ],
)
def test_a_product_may_be_named_in_full(text: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every card, and of no other suite; with all threads where none are said."""
    monkeypatch.setattr(cpu, "usable_cpus", lambda: 2)
    groups = select(ask(cards=["cpu", "numpy"], cases=[text, key]))
    assert [(group.suite, group.subject) for group in groups] == [("card", "cpu"), ("card", "numpy")]
    assert [[case.key for case in group.cases] for group in groups] == [[key]] * 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gemm/fp31/8x8x8", "gemm takes fp64, fp32, .*, not 'fp31'"),
        ("gemm/fp32/8x8", "the size of a product is m x n x k, as 64x64x64, not '8x8'"),
        ("gemm/fp32/8x0x8", "not '8x0x8'"),
        ("gemm/fp32/8x-1x8", "not '8x-1x8'"),
        ("gemm/fp32/" + "9" * 5000 + "x1x1", "the size of a product is m x n x k"),
        ("gemm/fp32/8x8x8/out=bf16", "out=bf16: C of a product of fp32 is fp32"),
        ("gemm/fp32/8x8x8/threads=0", "threads is 1 to 2 here"),
        ("gemm/fp32/8x8x8/threads=3", "threads is 1 to 2 here"),
        ("gemm/fp32/8x8x8/batch=0", "batch is 1 to 1000000 here"),
        ("gemm/fp32/8x8x8/transb=x", "no transb 'x'"),
        ("gemm/fp32/8x8x8/root=1", "gemm has no parameter 'root'"),
        ("gemm/fp32/8x8x8/alpha=2", "gemm has no parameter 'alpha'"),
    ],
)
def test_a_product_that_cannot_be_is_told_before_anything_starts(
    text: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line that says what, where and what to do."""
    monkeypatch.setattr(cpu, "usable_cpus", lambda: 2)
    with pytest.raises(UsageError, match=f"^--case {re.escape(text)}: .*{told}") as error:
        select(ask(suites=["card"], cases=[text]))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_guidelines_ask_what_they_compare(ranks: int) -> None:
    """Whatever the profile asks: every operation in the same sizes, once."""
    (group,) = select(ask(suites=["fabric"], ranks=ranks, claims="guidelines"))
    keys = [case.key for case in group.cases]
    assert len(keys) == len(set(keys))
    sizes = {-(-size // (4 * ranks)) * 4 * ranks for size in (8, 64 << 10, 4 << 20)}
    for op in (
        "allreduce",
        "reduce",
        "bcast",
        "reduce_scatter",
        "allgather",
        "gather",
        "scatter",
        "alltoall",
    ):
        assert {case.size[0] for case in group.cases if case.workload == op} >= sizes
    (before,) = select(ask(suites=["fabric"], ranks=ranks))
    assert not {case.key for case in before.cases} - set(keys)


def test_a_pair_needs_two_ranks() -> None:
    """A world of one has none."""
    with pytest.raises(UsageError, match="it needs two ranks; give --ranks 2"):
        select(ask(ranks=1, suites=["fabric"], cases=["pingpong/byte/12"]))


def test_an_algorithm_of_an_option_must_do_something_that_is_asked() -> None:
    """Of the others it leaves the choice to the table, and says so nowhere."""
    with pytest.raises(UsageError, match=r"--fabric shm:private[+]chain: chain cannot do allreduce, barrier"):
        select(ask(fabrics=["shm:private+chain"], cases=["allreduce/*", "barrier/*"]))
    assert select(ask(suites=["fabric"], fabrics=["shm:chain"], cases=["allreduce/*", "bcast/*"]))


def test_more_ranks_than_a_fabric_has_are_told() -> None:
    """By the fabric itself, before any is started."""
    with pytest.raises(UsageError, match="shm: 5000 ranks; give 1 to 4096"):
        validate([parse("fabric", "shm")], 5000)


def test_what_does_not_fit_in_memory_is_refused_and_named() -> None:
    """The rest is measured; each refusal says how much it would need."""
    kept, refused = fitting(select(ask(suites=["fabric"])), 1 << 30)
    assert any("67108864" in key for key in refused)
    assert all("GiB" in why for why in refused.values())
    assert all(case.size[0] < 67108864 for group in kept for case in group.cases)


def test_a_case_of_one_card_that_does_not_fit_says_how_much_it_needs() -> None:
    """No ranks to save there; with nothing left, the run is refused."""
    groups = select(ask(suites=["card"], model="deepseek-v3", profile="full", cases=["grouped_gemm/*"]))
    with pytest.raises(
        UsageError, match=r"no case fits in memory: .* needs \d+\.\d GiB, 8.0 GiB are available$"
    ):
        fitting(groups, 8 << 30)


def test_a_world_whose_processes_do_not_fit_is_refused() -> None:
    """Before any of them is started."""
    with pytest.raises(UsageError, match="ask for at most 12 ranks"):
        fitting(select(ask(suites=["fabric"], ranks=64)), 1 << 30)


DEVICE = """
from zbench.cards.host import HostCard
class Device(HostCard):
    last_level_cache_bytes = 50 << 20
    @classmethod
    def threaded(cls, option): return False
    def operations(self): return {"gemm": ("bf16",)}
    def prepare(self, case, slots): ...
    def enqueue(self, plan, slot): ...
"""
"""An accelerator, as far as the choice of cases goes."""


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """A vendor's card of a kind that has no host threads to count."""
    (tmp_path / "selected").mkdir()
    (tmp_path / "selected" / "device.py").write_text(DEVICE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return parse("card", "selected.device:Device")


def test_a_card_of_the_host_is_asked_on_one_thread_and_on_all() -> None:
    """So is one that lives in another environment and is unknown here."""
    host = place_of(Subject("card", "cpu"))
    assert host.threads[0] == 1
    assert place_of(Subject("card", "unknown-here", venv="/elsewhere")) == host
    with pytest.raises(UsageError, match="no card 'unknown-here'"):
        place_of(Subject("card", "unknown-here"))


def test_a_device_of_its_own_is_asked_without_threads(device: Subject) -> None:
    """And at sizes that fill it."""
    assert place_of(device) == Place((), 50 << 20)
    (group,) = select(ask(suites=["card"], cards=[device.label]))
    assert {name for case in group.cases for name in case.parameters} == {
        "transb",
        "cache",
        "weights",
        "memory",
    }
    assert max(case.size for case in group.cases if case.workload == "gemm") == (8192, 8192, 8192)


def test_what_a_card_does_not_offer_is_left_out_with_one_reason(device: Subject) -> None:
    """One for each dtype or workload, not one for each case."""
    groups = select(ask(suites=["card"], cards=[device.label]))
    (kept,), refused = offering(groups, operations([device]))
    assert {(case.workload, case.dtype) for case in kept.cases} == {("gemm", "bf16")}
    assert refused[f"{device.label} gemm/fp64/*"] == "no fp64 gemm (has: bf16)"
    assert refused[f"{device.label} triad/*"] == "no triad (offers: gemm)"
    assert len(refused) == 9  # fp32, fp64, int8; read, copy, triad; three ways to copy


def test_a_card_that_lives_elsewhere_is_asked_everything() -> None:
    """Another build may have what this one has not; its worker tells."""
    elsewhere = Subject("card", "cpu", venv="/elsewhere")
    groups = [Group("card", (elsewhere,), 1, select(ask(suites=["card"]))[0].cases)]
    assert operations([elsewhere]) == {}
    assert offering(groups, operations([elsewhere])) == (groups, {})


def test_a_request_that_no_card_can_answer_says_what_they_have(device: Subject) -> None:
    """A dtype this card lacks, with the list of what it has."""
    groups = select(ask(suites=["card"], cards=[device.label], cases=["gemm/fp64/*"]))
    with pytest.raises(UsageError, match=r"selected.device:Device: no fp64 gemm \(has: bf16\)"):
        offering(groups, operations([device]))


def test_a_model_brings_its_shapes_in_place_of_the_profiles() -> None:
    """Other suites are asked as ever."""
    groups = select(ask(profile="smoke", model="qwen3-8b"))
    card = next(group for group in groups if group.suite == "card")
    assert {case.workload for case in card.cases} == {"gemm", "attention"}
    assert {case.size[1:] for case in card.cases if case.workload == "gemm"} >= {(6144, 4096), (4096, 12288)}
    assert {group.suite for group in groups} == {"card", "fabric", "scaling"}


CLAIMS = load_claims("zhenwu-10k")
QUICK = PROFILES["quick"]


def seconds(groups: list[Group], launches: int) -> float:
    return launches * groups_s(groups, QUICK, 2)


def test_enough_time_leaves_nothing_out() -> None:
    """An hour for a plan of minutes."""
    groups = select(ask())
    assert in_time(groups, QUICK, 5, 3600.0, 2, CLAIMS) == (groups, {})


@pytest.mark.parametrize("budget_s", [10.0, 20.0, 60.0, 120.0])
def test_what_is_kept_fits_the_time(budget_s: float) -> None:
    """Starts of launches included; and each case is either kept or named as left out."""
    groups = select(ask(ranks=2))
    kept, refused = in_time(groups, QUICK, 5, budget_s, 2, CLAIMS)
    assert seconds(kept, 5) <= budget_s
    assert sum(len(group.cases) for group in kept) + len(refused) == sum(len(g.cases) for g in groups)
    assert set(refused.values()) <= {OUT_OF_TIME}


def test_cases_that_a_claim_speaks_of_are_kept_before_others() -> None:
    """The ping-pong of 8 bytes is what the latency claim is about, the barrier nobody claims anything of."""
    barrier, pingpong = "barrier/byte/0/ranks=2", "pingpong/byte/8/ranks=2"
    only = select(ask(suites=["fabric"], ranks=2, cases=[pingpong]))
    groups = select(ask(suites=["fabric"], ranks=2, cases=[barrier, pingpong]))
    kept, refused = in_time(groups, QUICK, 5, seconds(only, 5) + 0.01, 2, CLAIMS)
    assert [case.key for group in kept for case in group.cases] == [pingpong]
    assert list(refused) == [f"shm {barrier}"]


def test_a_case_stays_with_all_its_subjects_or_goes() -> None:
    """Ratios pair within blocks: half a pair is of no use."""
    groups = select(ask(suites=["card"], cards=["cpu", "cpu:generic"]))
    kept, _ = in_time(groups, QUICK, 5, 40.0, 2)
    first, second = (tuple(case.key for case in group.cases) for group in kept)
    assert first == second
    assert len(first) < len(groups[0].cases)


def test_a_scaling_series_stays_whole() -> None:
    """An efficiency is made of two steps."""
    groups = select(ask(suites=["scaling"], ranks=2))
    kept, _ = in_time(groups, QUICK, 5, seconds(groups, 5) + 1, 2)
    assert kept == groups
    with pytest.raises(UsageError, match="no room for a single case"):
        in_time(groups, QUICK, 5, seconds(groups, 5) - 1, 2)


def test_no_time_at_all_says_what_to_do() -> None:
    """One line, with the ways out."""
    with pytest.raises(UsageError, match="give more time, or fewer --launches, or select with --case"):
        in_time(select(ask()), QUICK, 5, 1.0, 2)

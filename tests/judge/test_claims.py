"""Claim files are read strictly; each error names file, key and value."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from zbench.errors import UsageError
from zbench.judge.claims import Baseline, built_in, directory_of, load_claims, parse_claims
from zbench.judge.conditions import CONDITIONS
from zbench.workloads.card_cases import CARD_CASES, Place, card_cases

GOOD = """
version = 1
[[claim]]
id = "fabric-latency"
text = "ultra-low latency of just 4 microseconds"
source = { publisher = "Cybernews, quoting Alibaba", date = 2026-04-08 }
metric = "latency"
case = "pingpong/*/8/*"
statistic = "p50"
operator = "<="
value = "4 us"
conditions = { endpoint = "device", path = "across hosts", load = "idle", in_flight = 1 }
evidence = "MEASURED"
assumed = ["statistic", "conditions"]
settles = "a measurement across hosts"
"""


def test_a_claim_is_read_in_full() -> None:
    """The example of the design, word for word."""
    (claim,) = parse_claims(GOOD, "mine.toml")
    assert (claim.id, claim.metric, claim.case) == ("fabric-latency", "latency", "pingpong/*/8/*")
    assert (claim.statistic, claim.operator, claim.limit, claim.unit) == ("p50", "<=", 4e-6, "s")
    assert claim.source.date == datetime.date(2026, 4, 8)
    assert claim.conditions == {"endpoint": "device", "path": "across hosts", "load": "idle", "in_flight": 1}
    assert (claim.ranks, claim.is_ratio, claim.to) == (1, False, None)


def test_a_ratio_claim_has_a_plain_number() -> None:
    """Whatever its metric's unit is."""
    text = (
        GOOD.replace('"4 us"', '"9.5"').replace('metric = "latency"', 'metric = "rate"')
        + 'of = "candidate"\nto = { card = "h20", source = "catalogue" }\n'
    )
    (claim,) = parse_claims(text, "mine.toml")
    assert (claim.is_ratio, claim.limit, claim.unit) == (True, 9.5, "1")
    assert claim.to == Baseline(card="h20", source="catalogue")


def with_line(line: str) -> str:
    """The good file, the line of the same key replaced, or added."""
    key = line.partition(" ")[0]
    kept = [old for old in GOOD.splitlines() if old.partition(" ")[0] != key]
    return "\n".join([*kept, line])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (with_line('operater = "<="'), "claim[0].operater: unknown key (did you mean 'operator'?)"),
        (with_line('operator = "=<"'), "claim[0].operator: unknown operator '=<' (known: <, <=, >, >=)"),
        (
            with_line('metric = "latencie"'),
            "claim[0].metric: unknown metric 'latencie' (did you mean 'latency'?)",
        ),
        (with_line('statistic = "p95"'), "claim[0].statistic: unknown statistic 'p95' (did you mean 'p99'?)"),
        (with_line('evidence = "MEASURD"'), "claim[0].evidence: unknown evidence 'MEASURD' (did you"),
        (with_line("value = 4"), "claim[0].value: expected `str`, got `int`"),
        (with_line("value = nan"), "claim[0].value: expected `str`, got `float`"),
        (with_line('value = "nan us"'), "claim[0].value: 'nan us' is not a number with a unit"),
        (with_line('value = "1e400 s"'), "claim[0].value: '1e400 s' is too large to be meant"),
        (with_line('value = "4 MB"'), "claim[0].value: '4 MB' is not a value in s"),
        (with_line('value = "4"'), "claim[0].value: '4' is not a value in s"),
        (with_line('value = "4 uss"'), "claim[0].value: '4 uss': unknown unit 'uss' (did you mean 'us'?)"),
        (with_line("conditions = { load = nan }"), "claim[0].conditions.load: nan is not a finite number"),
        (with_line('source = { publisher = "x" }'), "claim[0].source.date: missing"),
        (
            with_line('source = { publisher = "x", date = 2026-04-08, p = 3 }'),
            "claim[0].source.p: unknown key",
        ),
        (with_line('source = { publisher = "x", date = "April" }'), "claim[0].source.date: "),
        (with_line('settles = " "'), "claim[0].settles: empty"),
        (with_line("ranks = 0"), "claim[0].ranks: expected at least 1, found 0"),
        (with_line('of = "me"'), "claim[0].of: expected 'candidate', found 'me'"),
        (with_line('to = { run = "old" }'), "claim[0].to: a baseline needs of = 'candidate'"),
        (with_line('assumed = ["sttistic"]'), "claim[0].assumed: unknown key 'sttistic' (did you"),
        (GOOD.replace('id = "fabric-latency"\n', ""), "claim[0].id: missing"),
        (
            GOOD + GOOD.replace("version = 1", ""),
            "claim[1].id: 'fabric-latency' is taken by an earlier claim",
        ),
        (GOOD.replace("version = 1", "version = 2"), "version: expected 1, found 2"),
        (GOOD.replace("version = 1", "version = true"), "version: expected 1, found True"),
        (GOOD.replace("version = 1", ""), "version: expected 1, found nothing"),
        (GOOD.replace("version = 1", "version = 1\nname = 'x'"), "name: unknown key"),
        ("version = 1", "claim: expected at least one [[claim]] table"),
        ("version = 1\nclaim = [3]", "claim[0]: expected a table, found 3"),
        ("", "version: expected 1, found nothing"),
        (with_line("value = 1e400"), "claim[0].value: expected `str`, got `float`"),
        (with_line('value = "1e-400 s"'), "claim[0].value: '1e-400 s' is too small to be meant"),
        (with_line(f"ranks = {10**30}"), "claim[0]"),
        (with_line(f"ranks = {'9' * 5000}"), "not TOML: "),
        (with_line(f"ranks = 0x{'f' * 5000}"), ""),
        (
            with_line('conditions = { endpiont = "device memory" }'),
            "claim[0].conditions.endpiont: unknown condition (did you mean 'endpoint'?)",
        ),
        (
            with_line('conditions = { path = "accross hosts" }'),
            "claim[0].conditions.path: unknown value 'accross hosts' (did you mean 'across hosts'?)",
        ),
        (with_line("conditions = { load = 1e400 }"), "claim[0].conditions.load: inf is not a finite number"),
        ("version = ", "not TOML: "),
        (GOOD + 'id = "twice"', "not TOML: "),
        ("a = " + "[" * 5000, "not TOML: "),
    ],
)
def test_an_error_names_file_key_and_value(text: str, told: str) -> None:
    """In one line, with the near miss where there is one."""
    with pytest.raises(UsageError) as error:
        parse_claims(text, "mine.toml")
    assert str(error.value).startswith(f"mine.toml: {told}")
    assert "\n" not in str(error.value)


GUIDELINE = (
    with_line('metric = "time"')
    .replace('"4 us"', '"1"')
    .replace('"p50"', '"median"')
    .replace('conditions = { endpoint = "device", path = "across hosts", load = "idle", in_flight = 1 }', "")
)


def test_a_guideline_names_what_bounds_it() -> None:
    """Its value is a plain factor."""
    (claim,) = parse_claims(GUIDELINE + '\nat_most = ["reduce", "bcast"]', "mine.toml")
    assert (claim.is_guideline, claim.is_ratio, claim.limit, claim.unit) == (True, False, 1.0, "1")
    (claim,) = parse_claims(GUIDELINE + "\nmonotone = true", "mine.toml")
    assert claim.is_guideline


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('at_most = ["redcue"]', "at_most: no operation 'redcue' (did you mean 'reduce'?)"),
        ('at_most = "reduce"', "at_most: expected `array`, got `str`"),
        ('at_most = ["reduce"]\nmonotone = true', "monotone: at_most is given already"),
        ("monotone = 1", "monotone: expected `bool`, got `int`"),
        ("monotone = true\nranks = 8", "ranks: monotone needs 1, found 8"),
        ('monotone = true\nof = "candidate"', "of: monotone needs '', found 'candidate'"),
        ('at_most = ["bcast"]\nconditions = { load = "idle" }', "conditions: at_most needs {}"),
    ],
)
def test_a_guideline_has_nothing_else(lines: str, told: str) -> None:
    """No scale, no baseline, no conditions: it speaks of one run's own times."""
    with pytest.raises(UsageError) as error:
        parse_claims(f"{GUIDELINE}\n{lines}", "mine.toml")
    assert str(error.value).startswith(f"mine.toml: claim[0].{told}")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('metric = "time"', 'metric = "latency"', "metric: monotone needs 'time', found 'latency'"),
        ('"<="', '">="', "operator: monotone needs '<=', found '>='"),
        ('"median"', '"p99"', "statistic: monotone needs 'median', found 'p99'"),
        ('"1"', '"1 us"', "value: '1 us' is not a plain number"),
    ],
)
def test_a_guideline_is_of_median_times(old: str, new: str, told: str) -> None:
    """At most, and as a factor."""
    with pytest.raises(UsageError) as error:
        parse_claims(GUIDELINE.replace(old, new) + "\nmonotone = true", "mine.toml")
    assert str(error.value).startswith(f"mine.toml: claim[0].{told}")


def test_a_baseline_is_exactly_one_thing() -> None:
    """Not a card and a run, and not nothing."""
    ratio = GOOD.replace('"4 us"', '"2"') + 'of = "candidate"\n'
    for to in ("{}", '{ card = "h20", run = "old" }', '{ source = "catalogue" }'):
        with pytest.raises(UsageError, match=r"claim\[0\]\.to: expected exactly one of card, run, subject"):
            parse_claims(ratio + f"to = {to}\n", "mine.toml")


def test_files_that_are_none(tmp_path: Path) -> None:
    """Not there, a directory, binary, ten megabytes: each one line."""
    with pytest.raises(UsageError, match=r"no claims file 'zhenwu-10' \(did you mean 'zhenwu-10k'\?\)"):
        load_claims("zhenwu-10")
    with pytest.raises(UsageError, match=r"not a regular file, so not a claims file"):
        load_claims(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not text in UTF-8"):
        load_claims(tmp_path / "binary")
    (tmp_path / "junk").write_bytes(b"x" * 10_000_000)
    with pytest.raises(UsageError, match="larger than 256 KiB"):
        load_claims(tmp_path / "junk")


@pytest.mark.parametrize("line", ['metric = "{}"', "'{}' = 1", 'value = "{}"'])
def test_what_a_file_holds_makes_no_long_message(line: str) -> None:
    """A value of a megabyte, or one with the codes of terminals in it, is told in one short line."""
    with pytest.raises(UsageError) as error:
        parse_claims(with_line(line.format("x" * 1_000_000)), "mine.toml")
    assert len(str(error.value)) < 500
    with pytest.raises(UsageError) as error:
        parse_claims(with_line('"a\\nb\\u001b[31m" = 1'), "mine.toml")
    assert str(error.value).isprintable()


def test_a_file_from_another_system_is_read(tmp_path: Path) -> None:
    """With a byte order mark, and with the ends of lines that Windows writes."""
    (tmp_path / "mine.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_claims(tmp_path / "mine.toml") == parse_claims(GOOD, "mine.toml")


@pytest.mark.parametrize("profile", sorted(CARD_CASES))
@pytest.mark.parametrize("place", [Place((1, 2), 32 << 20), Place((), 50 << 20)], ids=["host", "device"])
def test_the_throughput_of_a_card_is_told_by_what_arithmetic_bounds(profile: str, place: Place) -> None:
    """By large products of every dtype; not by decoding, nor by batches of small ones."""
    (claim,) = [claim for claim in load_claims("zhenwu-10k") if claim.id == "single-card-throughput"]
    gemms = [case for case in card_cases(profile, place) if case.workload == "gemm"]
    asked = [case for case in gemms if case.matches(claim.case)]
    assert {case.dtype for case in asked} == {case.dtype for case in gemms}
    assert min(min(case.size[:2]) for case in asked) >= 100
    squares = [case for case in gemms if len({*case.size}) == 1 and case.size[0] >= 100]
    assert squares == [case for case in asked if len({*case.size}) == 1]


def test_every_condition_that_a_built_in_file_names_is_known() -> None:
    """And says what it means."""
    named = {name for file in built_in() for claim in load_claims(file) for name in claim.conditions}
    assert named <= CONDITIONS.keys()
    assert all(CONDITIONS.values())


def test_a_path_in_a_file_is_relative_to_the_file(tmp_path: Path) -> None:
    """Where the current directory is does not matter; a built-in file has no directory of one's own."""
    assert directory_of(tmp_path / "mine.toml") == tmp_path
    assert directory_of("zhenwu-10k") == Path()


def test_a_file_is_read_by_path(tmp_path: Path) -> None:
    """A claims file of one's own."""
    (tmp_path / "mine.toml").write_text(GOOD)
    assert [claim.id for claim in load_claims(tmp_path / "mine.toml")] == ["fabric-latency"]


def test_the_claims_that_come_with_it() -> None:
    """Seven, each with publisher, date, and what would settle it."""
    assert built_in() == ["guidelines", "none", "zhenwu-10k"]
    assert load_claims("none") == []
    claims = load_claims("zhenwu-10k")
    assert [claim.id for claim in claims] == [
        "fabric-latency",
        "training-and-inference-efficiency",
        "single-card-throughput",
        "ten-thousand-as-one",
        "hundreds-of-billions",
        "hundred-thousand-cards",
        "rent-by-card-or-hour",
    ]
    assert all(claim.source.publisher and claim.settles and claim.assumed for claim in claims)
    assert (claims[0].limit, len(claims[0].conditions)) == (4e-6, 7)

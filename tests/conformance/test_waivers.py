"""Waivers: a failure that is known, exactly that one, on these versions, until a day; anything else fails."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conformance.certified import FAILED, PASSED, certified
from zbench.cli import main
from zbench.conformance.certificate import kept_name, statement
from zbench.conformance.chain import digest
from zbench.conformance.item import Failure, Outcome
from zbench.conformance.waivers import apply, read_waivers, signature, within
from zbench.errors import UsageError

TODAY = date(2027, 1, 15)
DESCRIBED = {"card cpu": {"isa": "avx2", "driver": "5.0.6"}}
WAIVER = f"""
version = 1
[[waiver]]
id = "GE-21"
subject = "cpu"
scope = "fp64"
reason = "the vendor rounds twice"
link = "https://example.org/issues/7"
suite = ">=0.1, <0.3"
described = {{ driver = "5.0.*" }}
signature = "{signature(FAILED)}"
approver = "A. N. Engineer"
expires = 2027-01-15
"""


def applied(text: str = WAIVER, *outcomes: Outcome, today: date = TODAY, suite: str = "0.2.1") -> Any:
    return apply(read_waivers(text, "w.toml"), outcomes or (PASSED, FAILED), DESCRIBED, suite, today)


def test_a_known_failure_is_waived_and_says_by_whom() -> None:
    """Only that one."""
    outcomes, complaints = applied()
    assert [each.status for each in outcomes] == ["PASS", "WAIVED"]
    assert outcomes[1].why == (
        "FAIL, waived until 2027-01-15 by A. N. Engineer: the vendor rounds twice (https://example.org/issues/7)"
    )
    assert complaints == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"today": date(2027, 1, 16)}, "has expired on 2027-01-15"),
        ({"suite": "0.3.0"}, "is for zbench >=0.1, <0.3, this is 0.3.0"),
        ({"text": WAIVER.replace("5.0.*", "4.*")}, "is for driver '4.*', this is '5.0.6'"),
        ({"text": WAIVER.replace("driver", "firmware")}, "is for firmware '5.0.*', this is 'not told'"),
        ({"text": WAIVER.replace('"fp64"', '"bf16"')}, "nothing of this id, subject and scope was asked"),
        ({"text": WAIVER.replace('"fp64"', '"fp32"')}, "is not needed: the test ends with PASS"),
        ({"text": WAIVER.replace(signature(FAILED), "0" * 16)}, f"has the signature {signature(FAILED)}"),
    ],
)
def test_a_waiver_that_waives_nothing_is_named(arguments: dict[str, Any], told: str) -> None:
    """And what it was about stays a failure."""
    outcomes, complaints = applied(**arguments)
    assert [each.status for each in outcomes] == ["PASS", "FAIL"]
    assert len(complaints) == 1
    assert complaints[0].startswith("waiver GE-21 cpu ")
    assert told in complaints[0]


def test_a_signature_is_of_the_way_of_failing_and_not_of_its_numbers() -> None:
    """Another element and another value are the same failure; another sentence, test or status is not."""

    def failing(**fields: Any) -> str:
        return signature(msgspec.structs.replace(FAILED, **fields))

    first = failing(why="7x5x3: 3 of 35 wrong, the first at [1, 2]: expected 8, got 9 (0x41100000)")
    assert first == failing(why="33x65x129: 12 of 2145 wrong, the first at [0, 0]: expected 1, got 2 (0xff)")
    assert failing(why="error 2.5e-08, 0x1.8p+3") == failing(why="error -3, 0x0p+0")
    assert failing(why="0x5x3: lost") == failing(why="7x0x3: lost")
    others = [failing(why="7x5x3: NaN"), failing(why="7x5x3: 3 of 35 wrong"), failing(status="CRASH")]
    assert len({first, *others}) == 4
    assert failing(failures=(Failure("else", "else"),)) == signature(FAILED)


def test_a_card_and_a_fabric_of_one_name_are_two_subjects() -> None:
    """Each has its own versions."""
    described = {"card torch": {"version": "1"}, "fabric torch": {"version": "2"}}
    failed = msgspec.structs.replace(FAILED, id="CO-01", subject="torch", kind="fabric", scope="P=2")
    text = WAIVER.replace("GE-21", "CO-01").replace('"cpu"', '"torch"').replace('"fp64"', '"P=2"')
    text = text.replace('driver = "5.0.*"', 'version = "2"').replace(signature(FAILED), signature(failed))
    outcomes, complaints = apply(read_waivers(text, "w.toml"), [failed], described, "0.1.0", TODAY)
    assert [each.status for each in outcomes] == ["WAIVED"]
    assert complaints == []


@pytest.mark.parametrize(
    ("version", "bounds", "meets"),
    [
        ("0.1.0", ">=0.1", True),
        ("0.1.0", ">0.1", False),
        ("0.10.0", ">=0.2, <1", True),
        ("0.2.0rc1", "==0.2", True),
        ("1.0", "<1", False),
        ("unknown", ">=0", False),
    ],
)
def test_versions_are_compared_number_by_number(version: str, bounds: str, meets: bool) -> None:
    """0.10 is later than 0.2."""
    assert within(version, bounds) is meets


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("version = 1", "version = 2", "version"),
        ('reason = "the vendor rounds twice"', "", "missing required field `reason`"),
        ("approver", "approved_by", "unknown field `approved_by`"),
        ("the vendor rounds twice", " ", "reason: empty"),
        ("https://", "file://", "link: write one that begins with https://"),
        (">=0.1, <0.3", "0.*", "suite: write versions as"),
        ('{ driver = "5.0.*" }', "{}", "described: say which version"),
        ("5.0.*", "*", "described: say which version"),
        (signature(FAILED), "abc", "signature: 16 hexadecimal digits"),
        ("2027-01-15", '"never"', "expires"),
        ("[[waiver]]", "[[waiver]", "not TOML"),
        (WAIVER, WAIVER + WAIVER.replace("version = 1", ""), "stands there twice"),
    ],
)
def test_a_file_is_read_strictly(old: str, new: str, told: str) -> None:
    """Every key is asked for, none is made up, and the message names it."""
    with pytest.raises(UsageError, match=r"^w.toml: ") as refused:
        read_waivers(WAIVER.replace(old, new), "w.toml")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_ids_are_exact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No glob, and no id that there is not."""
    (tmp_path / "w.toml").write_text(WAIVER.replace("GE-21", "GE-*"))
    assert main(["conform", "--waivers", str(tmp_path / "w.toml")]) == 2
    assert "no such test 'GE-*'" in capsys.readouterr().err
    assert main(["conform", "--waivers", str(tmp_path / "nowhere")]) == 2


def test_a_certificate_tells_what_was_waived(tmp_path: Path) -> None:
    """By the copy of the file that was in force; one that does not fit makes it FAILED."""
    text = WAIVER.replace("2027-01-15", "9999-01-01").replace('driver = "5.0.*"', 'isa = "avx2"')
    for waivers, result in ((text, "WARNED"), (text.replace("avx2", "neon"), "FAILED")):
        sha256 = digest(waivers.encode())
        files = {kept_name("waivers", sha256): waivers.encode()}
        certified(tmp_path, (PASSED, FAILED), waivers_sha256=sha256, files=files)
        predicate = statement(tmp_path)["predicate"]
        assert predicate["result"] == result
    assert predicate["failedTests"][1] == "waiver GE-21 cpu fp64: is for isa 'neon', this is 'avx2'"


def test_the_example_of_the_page_is_one() -> None:
    """Every key, in the form that is asked for."""
    page = (Path(__file__).parents[2] / "docs/certificate.md").read_text()
    (waiver,) = read_waivers(page.partition("```toml\n")[2].partition("```")[0], "docs/certificate.md")
    assert waiver.name == "waiver GE-15 vendor.cards:Npu bf16"


PLUGINS = Path(__file__).parent / "plugins"


def test_a_broken_card_is_waived_by_the_signature_that_its_failure_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way: it fails, the line is pasted, it is waived; a healthy card does not need it."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(str(PLUGINS))
    words = ["conform", "--level", "L1", "--test", "GE-21", "--dtype", "fp32", "--card"]
    assert main([*words, "doubtful.cards:OneUlp"]) == 1
    printed = capsys.readouterr().out.partition('signature = "')[2].partition('"')[0]
    text = WAIVER.replace('"cpu"', '"doubtful.cards:OneUlp"').replace('"fp64"', '"fp32"')
    text = text.replace(signature(FAILED), printed).replace('driver = "5.0.*"', 'maker = "doubtful 1.*"')
    text = text.replace("2027-01-15", "9999-01-01")
    (tmp_path / "w.toml").write_text(text)
    waived = ["--waivers", str(tmp_path / "w.toml")]
    assert main([*words, "doubtful.cards:OneUlp", *waived, "--out", str(tmp_path / "out")]) == 0
    assert "WARNED at a part of L1" in capsys.readouterr().out
    (tmp_path / "w.toml").write_text(text.replace("doubtful.cards:OneUlp", "cpu"))
    assert main([*words, "cpu", *waived]) == 1
    assert "FAIL waiver GE-21 cpu fp32: is for maker 'doubtful 1.*'" in capsys.readouterr().out

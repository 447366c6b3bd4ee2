"""The certificate: it follows from the log, who signed it can be checked, and what was changed shows."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conformance.certified import FAILED, NOT_TRIED, PASSED, attempt, certified, keys, plan
from zbench.cli import main
from zbench.conformance.attempts import Asked, seed_of
from zbench.conformance.certificate import statement
from zbench.conformance.chain import Rejected
from zbench.conformance.declaration import Declaration, GemmDeclaration
from zbench.conformance.envelope import PAYLOAD_TYPE, sealed
from zbench.conformance.keeping import kept, plan_of
from zbench.conformance.launches import Ask, whole
from zbench.subject import parse

MARGINAL = msgspec.structs.replace(PASSED, scope="fp16", status="MARGINAL", why="near")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `zbench verify` says against a certificate."""
    assert main(["verify", *words]) == 1
    return capsys.readouterr().err


def test_it_is_an_in_toto_statement_of_test_results(tmp_path: Path) -> None:
    """Statement v1, predicate test-result v0.1; a test that was not tried is on no list of theirs."""
    certified(tmp_path, (PASSED, FAILED, NOT_TRIED, MARGINAL))
    told = statement(tmp_path)
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert told["subject"][0]["name"] == "attempts.jsonl"
    predicate = told["predicate"]
    assert predicate["result"] == "FAILED"
    assert predicate["passedTests"] == ["GE-21 cpu fp32"]
    assert predicate["warnedTests"] == ["GE-21 cpu fp16"]
    assert predicate["failedTests"] == ["GE-21 cpu fp64"]
    assert predicate["zbench"]["notSupportedTests"] == ["GE-21 cpu bf16"]
    assert {"name": "/usr/lib/libm.so.6", "digest": {"sha256": "b" * 64}} in predicate["configuration"]
    assert predicate["zbench"]["statuses"] == {"PASS": 1, "MARGINAL": 1, "NOT_SUPPORTED": 1, "FAIL": 1}


@pytest.mark.parametrize(
    ("outcomes", "result"),
    [
        ((PASSED,), "PASSED"),
        ((PASSED, NOT_TRIED), "PASSED"),
        ((PASSED, MARGINAL), "WARNED"),
        ((NOT_TRIED,), "FAILED"),
    ],
)
def test_the_result_is_that_of_the_worst_test(outcomes: tuple[Any, ...], result: str, tmp_path: Path) -> None:
    """And where nothing was tried, nothing has passed."""
    certified(tmp_path, outcomes)
    assert statement(tmp_path)["predicate"]["result"] == result


@pytest.mark.parametrize(
    ("level", "fields", "all_of_it"),
    [
        ("L1", {}, True),
        ("L1", {"tests": ("CO-01",)}, False),
        ("L1", {"ranks": (2,)}, False),
        ("L1", {"attempt": "x"}, False),
        ("L5", {"hours": 0.5}, False),
        ("L5", {"hours": 24.0}, True),
    ],
)
def test_a_part_of_a_level_does_not_pass_for_it(level: str, fields: dict[str, Any], all_of_it: bool) -> None:
    """And L5 is about a day."""
    made, _ = plan_of([Ask(parse("fabric", "shm"), level, 0, **fields)], 0, "", "", ())
    assert made.whole is all_of_it
    assert made.hours == f"{fields.get('hours', 0):g}"


def test_a_plan_that_is_called_whole_is_counted(tmp_path: Path) -> None:
    """Whoever signs may write what they like: whether all tests of a level stand there is looked up."""
    with pytest.raises(Rejected, match=r"plan: whole: cpu is not asked \d+ tests of L1, as GE-01 fp32"):
        certified(tmp_path / "part", whole=True)
    tests = sorted(whole("card", "L1", ["fp32"]))
    outcomes = [msgspec.structs.replace(PASSED, id=id, scope=dtype) for id, dtype in tests]
    certified(tmp_path / "all", outcomes, whole=True)
    assert statement(tmp_path / "all")["predicate"]["zbench"]["whole"] is True
    certified(tmp_path / "of another version", whole=True, zbench="0.0.1")


def test_a_plan_of_a_soak_that_is_called_whole_lasts_a_day(tmp_path: Path) -> None:
    """Whichever tests stand there."""
    soaked = msgspec.structs.replace(PASSED, level="L5")
    with pytest.raises(Rejected, match=r"plan: whole: L5 soaks for 24 hours, and not for 0\.5"):
        certified(tmp_path, (soaked,), whole=True, hours="0.5", level="L5")


@pytest.mark.parametrize(
    ("hours", "why"),
    [
        *((each, f"hours {each}$") for each in ("nan", "inf", "1e999", "-1")),
        ("a day", "could not convert string to float: 'a day'"),
    ],
)
def test_what_is_no_number_of_hours_is_no_plan(hours: str, why: str, tmp_path: Path) -> None:
    """Of a plan that is not whole, too."""
    with pytest.raises(Rejected, match=f"plan: {why}"):
        certified(tmp_path, hours=hours, level="L5")


def test_who_passes_a_soak_has_soaked(tmp_path: Path) -> None:
    """Each soaking test for its share of the hours; one that fails may end at once."""
    short = msgspec.structs.replace(PASSED, id="GE-37", level="L5", seconds=1799.0)
    other = msgspec.structs.replace(short, id="GE-38", seconds=1800.0)
    failed = msgspec.structs.replace(FAILED, id="GE-37", scope="fp32", level="L5", seconds=0.5)
    certified(tmp_path / "failed", (failed, other), hours="1", level="L5")
    near = msgspec.structs.replace(short, status="MARGINAL", why="near")
    for each in (short, near):
        with pytest.raises(Rejected, match="GE-37 fp32 took 1799 s, and its share of the hours is 1800"):
            certified(tmp_path / each.status, (each, other), hours="1", level="L5")


def test_what_is_declared_stands_in_a_file(tmp_path: Path) -> None:
    """Without one all is assumed: tolerances grow with what is declared, and nobody could look it up."""
    declared = Declaration(1, "cpu", gemms=(GemmDeclaration(("fp32",), accumulator_bits=8),))
    with pytest.raises(Rejected, match="plan: declaration of cpu: not what its file says"):
        certified(tmp_path, asked=(Asked("card", "cpu", declared, "", (("GE-21", "fp32"),)),))


def test_exit_codes_say_who_vouches_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 valid; 3 with --strict where no signature was checked; 1 where another key, or none, signed."""
    key, _, public = keys(tmp_path)
    _, _, other = keys(tmp_path, "other")
    signed, unsigned = certified(tmp_path / "a", key=key), certified(tmp_path / "b")
    assert main(["verify", signed, "--key", public, "--strict"]) == 0
    told = capsys.readouterr().out
    assert "PASSED at a part of L1" in told
    assert "It does not prove" in told
    assert main(["verify", str(tmp_path / "a")]) == 0
    assert "not checked" in capsys.readouterr().out
    assert main(["verify", signed, "--strict"]) == main(["verify", unsigned, "--strict"]) == 3
    assert "only accidents show" in capsys.readouterr().out
    assert "the key given is" in refused(capsys, signed, "--key", other)
    assert "signatures: none" in refused(capsys, unsigned, "--key", public)
    assert main(["verify", str(tmp_path / "nowhere")]) == 2
    assert main(["verify", signed, "--key", str(tmp_path / "key.pem")]) == 2
    assert "no public key" in capsys.readouterr().err


def test_another_program_can_check_the_signature(tmp_path: Path) -> None:
    """DSSE v1: Ed25519 over the pre-authentication encoding of type and payload."""
    key, _, _ = keys(tmp_path)
    envelope = json.loads(Path(certified(tmp_path / "a", key=key)).read_text())
    payload = base64.b64decode(envelope["payload"])
    signed = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(payload)).encode() + b" " + payload
    key.public_key().verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)
    assert envelope["payloadType"] == PAYLOAD_TYPE


def test_a_figure_that_does_not_follow_from_the_log_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SE-1: even where the key that signs is the right one."""
    key, _, public = keys(tmp_path)
    path = certified(tmp_path / "a", (PASSED, FAILED), key=key)
    told = statement(tmp_path / "a")
    told["predicate"]["zbench"]["statuses"] = {"PASS": 2}
    Path(path).write_bytes(sealed(told, key))
    assert "predicate.zbench.statuses.FAIL: is missing" in refused(capsys, path, "--key", public)
    told = statement(tmp_path / "a")
    told["predicate"]["result"] = "PASSED"
    Path(path).write_bytes(sealed(told, key))
    assert "the log comes to 'FAILED', not 'PASSED'" in refused(capsys, path, "--key", public)
    told = statement(tmp_path / "a")
    told["predicate"]["zbench"]["whole"] = 0
    Path(path).write_bytes(sealed(told, key))
    assert "whole: the log comes to False, not 0" in refused(capsys, path, "--key", public)


def test_an_old_certificate_does_not_answer_a_new_nonce(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SE-2: the nonce is in what is signed, and all data are made from it."""
    key, _, public = keys(tmp_path)
    path = certified(tmp_path / "a", key=key, nonce="of March")
    assert main(["verify", path, "--key", public, "--nonce", "of March"]) == 0
    assert "predicate.zbench.nonce" in refused(capsys, path, "--key", public, "--nonce", "of April")
    assert len({seed_of(7, ""), seed_of(7, "of March"), seed_of(7, "of April"), seed_of(8, "of April")}) == 4
    assert seed_of(7, "") == 7


def test_attempts_that_were_broken_off_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SE-3: an interrupted one, and the one before it that failed, stand in the certificate of the third."""
    attempt(tmp_path, (FAILED,))
    with pytest.raises(KeyboardInterrupt), kept(tmp_path, plan(PASSED), {}):
        raise KeyboardInterrupt
    with pytest.raises(Rejected, match="did not end: aborted"):
        statement(tmp_path)
    path = certified(tmp_path)
    assert main(["verify", path]) == 0
    told = capsys.readouterr().out
    assert "3 in this log, 2 of them complete" in told
    assert "before it: complete (1 FAIL); aborted (nothing asked)" in told
    made = statement(tmp_path)["predicate"]["zbench"]["attempts"]
    assert [(each["state"], each["statuses"]) for each in made] == [
        ("complete", {"FAIL": 1}),
        ("aborted", {}),
        ("complete", {"PASS": 1}),
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "x"], "L0 is a smoke test and leaves no certificate"),
        (["--level", "L1", "--sign", "x"], "say with --out where it is kept"),
        (["--level", "L1", "--nonce", "x"], "say with --out where it is kept"),
        (["--level", "L1", "--out", ""], "--out is empty"),
        (["--level", "L1", "--out", "x", "--nonce", "a\nb"], "printable"),
        (["--level", "L1", "--out", "x", "--sign", "nowhere"], "openssl genpkey"),
        (["--level", "L1", "--out", "x", "--sign", os.devnull], "not a regular file"),
        (["--level", "L1", "--card", "cpu", "--card", "cpu"], "named twice"),
    ],
)
def test_what_cannot_be_certified_is_refused(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked."""
    assert main(["conform", *words]) == 2
    assert told in capsys.readouterr().err


def test_without_cryptography_signing_says_what_to_install(tmp_path: Path) -> None:
    """In one line."""
    code = "import sys; sys.modules['cryptography'] = None; from zbench.cli import main; sys.exit(main())"
    words = ["conform", "--level", "L1", "--out", str(tmp_path / "x"), "--sign", "x"]
    ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd="/")
    assert ended.returncode == 4
    assert ended.stderr.count("\n") == 1
    assert "pip install 'zbench[sign]'" in ended.stderr


def test_another_directory_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One with something else in it is no place for a log."""
    (tmp_path / "mine.txt").write_text("")
    assert (
        main(["conform", "--level", "L1", "--test", "GE-21", "--dtype", "fp32", "--out", str(tmp_path)]) == 2
    )
    assert "holds something else" in capsys.readouterr().err


def test_a_certificate_cannot_steer_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SE-7: whoever wrote it chose the texts that are printed of it."""
    path = certified(tmp_path, nonce="\x1b[2J\x07", preloads=("\x9b31m",))
    assert main(["verify", path]) == 0
    assert all(letter.isprintable() or letter == "\n" for letter in capsys.readouterr().out)


HOSTILE = (
    b"",
    b"\n",
    b"null\n",
    b"[]\n",
    b'{"payload":"","payloadType":"application/vnd.in-toto+json","signatures":[]}\n',
    b'{"payload":"YQ==","payload":"YQ==","payloadType":"x","signatures":[]}\n',
    b'{"payload":"YQ==","payloadType":"x","signatures":[NaN]}\n',
    b'{"payload":"YR==","payloadType":"application/vnd.in-toto+json","signatures":[]}\n',
    b'{"payload":"MTAwMA","payloadType":"application/vnd.in-toto+json","signatures":[]}\n',
    b'{"payload":"../../etc/passwd","payloadType":"text/html","signatures":[]}\n',
    b"[" * 100_000,
    b"1" * 5000,
    b"\xef\xbb\xbf{}\n",
    b'"\\ud800"\n',
    b"\x00" * 4096,
)


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("file", ["certificate.json", "attempts.jsonl"])
def test_hostile_files_are_rejected_in_one_line(
    file: str, data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SE-7: in place of the certificate, and of the log."""
    path = certified(tmp_path)
    (tmp_path / file).write_bytes(data)
    told = refused(capsys, path)
    assert told.startswith(f"zbench: error: {file}")
    assert told.count("\n") == 1


def test_a_log_that_is_a_link_is_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SE-7: nor one that is no file."""
    path = certified(tmp_path)
    (tmp_path / "attempts.jsonl").rename(tmp_path / "elsewhere")
    (tmp_path / "attempts.jsonl").symlink_to(tmp_path / "elsewhere")
    assert "a link" in refused(capsys, path)
    (tmp_path / "attempts.jsonl").unlink()
    assert "missing" in refused(capsys, path)
    os.mkfifo(tmp_path / "attempts.jsonl")
    assert "not a regular file" in refused(capsys, path)

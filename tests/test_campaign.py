"""A plan file: read strictly, the same request each time."""

from pathlib import Path

import pytest

from zbench.campaign import load_campaign
from zbench.errors import UsageError
from zbench.request import ask

WHOLE = """
version = 1
suites = ["card", "fabric"]
profile = "full"
cards = ["cpu", "cpu:generic"]
fabrics = ["shm"]
ranks = 4
launches = 10
cases = ["gemm/*", "pingpong/*"]
model = "qwen3-8b"
search = true
claims = "zhenwu-10k"
time_limit = "1.5 h"
price_per_card_hour = 2.5
"""


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "plan.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_key_reaches_the_request(tmp_path: Path) -> None:
    """What the file says is what would have been asked on the command line."""
    planned = ask(**load_campaign(written(tmp_path, WHOLE)))
    words = ask(
        suites=["card", "fabric"], profile="full", cards=["cpu", "cpu:generic"], fabrics=["shm"], ranks=4,
        launches=10, cases=["gemm/*", "pingpong/*"], model="qwen3-8b", search=True, claims="zhenwu-10k",
        time_limit="90 min", price_per_card_hour=2.5, plan_sha256=planned.plan_sha256,
    )  # fmt: skip
    assert words == planned
    assert len(planned.plan_sha256) == 64


def test_what_is_left_out_is_the_default(tmp_path: Path) -> None:
    """A plan of one line is the default run."""
    planned = ask(**load_campaign(written(tmp_path, "version = 1\n")))
    assert ask(plan_sha256=planned.plan_sha256) == planned


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "version: expected 1, found nothing"),
        ("version = 2", "version: expected 1, found 2"),
        ("version = true", "version: expected 1, found True"),
        ('version = "\\n"', r"version: expected 1, found '\n'"),
        ("version = 1\nrank = 4", "rank: unknown key (did you mean 'ranks'?)"),
        ("version = 1\nranks = 'four'", "ranks"),
        ("version = 1\nranks = 4\nranks = 5", "not TOML"),
        ("version = 1\n[[cards]]\nname = 'cpu'", "cards"),
        ("version = 1\nprice_per_card_hour = nan\n", "price"),
        ("{", "not TOML"),
        (b"\xff\xfe\x00", "not text in UTF-8, so not a plan"),
        (b"#" * 2_000_000, "larger than 256 KiB, so not a plan"),
    ],
)
def test_a_wrong_plan_names_the_file_and_the_key(tmp_path: Path, text: str | bytes, told: str) -> None:
    """One line, before anything is measured."""
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        ask(**load_campaign(path))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    """So is a directory in its place."""
    with pytest.raises(UsageError, match=r"--plan .*nowhere\.toml: no such file"):
        load_campaign(tmp_path / "nowhere.toml")
    with pytest.raises(UsageError, match="not a regular file, so not a plan"):
        load_campaign(tmp_path)

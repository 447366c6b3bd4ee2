"""A plan file: the settings of `zbench run`, kept so that a campaign can be repeated. Read strictly."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import msgspec

from zbench.errors import UsageError, suggest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERSION = 1
LARGEST_FILE_BYTES = 1 << 16
"""A plan is written by hand; what is larger was not meant to be one."""


class Campaign(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The file, as `zbench run` would be asked; what is left out is the default."""

    version: int
    suites: list[str] = []
    profile: str = "quick"
    cards: list[str] = []
    fabrics: list[str] = []
    ranks: int | None = None
    launches: int | None = None
    cases: list[str] = []
    claims: str = ""
    baseline: str = ""
    time_limit: str = ""
    price_per_card_hour: float | None = None


def load_campaign(path: Path) -> dict[str, Any]:
    """Keyword arguments for `request.ask`. Raises UsageError that names the file and the key."""
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise UsageError(f"--plan {path}: larger than {LARGEST_FILE_BYTES >> 10} KiB, so not a plan")
        text = path.read_text("utf-8")
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"--plan {path}: not TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"--plan {path}: cannot be read ({error.strerror})") from None
    for key in table:
        if key not in Campaign.__struct_fields__:
            raise UsageError(f"--plan {path}: {key}: unknown key{suggest(key, Campaign.__struct_fields__)}")
    if table.get("version") != VERSION:
        raise UsageError(
            f"--plan {path}: version: expected {VERSION}, found {table.get('version', 'nothing')}"
        )
    try:
        campaign = msgspec.convert(table, Campaign)
    except msgspec.ValidationError as error:
        raise UsageError(f"--plan {path}: {error}") from None
    words: dict[str, Any] = msgspec.to_builtins(campaign)
    del words["version"]
    return words | {"plan_sha256": hashlib.sha256(text.encode()).hexdigest()}

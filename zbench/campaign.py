"""A plan file: the settings of `zbench run`, kept so that a campaign can be repeated. Read strictly."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from zbench.errors import UsageError, suggest
from zbench.handwritten import one_line, require_version, table_of, text_of

VERSION = 1


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
    model: str = ""
    search: bool = False
    claims: str = ""
    baseline: str = ""
    baseline_card: str = ""
    time_limit: str = ""
    minutes: float | None = None
    seed: int | None = None
    each: bool = False
    price_per_card_hour: float | None = None


def load_campaign(path: Path) -> dict[str, Any]:
    """Keyword arguments for `request.ask`. Raises UsageError that names the file and the key."""
    try:
        text = text_of(path, "a plan")
    except FileNotFoundError:
        raise UsageError(f"--plan {path}: no such file") from None
    table = table_of(text, str(path))
    for key in table:
        if key not in Campaign.__struct_fields__:
            raise UsageError(f"{path}: {key}: unknown key{suggest(key, Campaign.__struct_fields__)}")
    require_version(table, VERSION, f"--plan {path}")
    try:
        campaign = msgspec.convert(table, Campaign)
    except msgspec.ValidationError as error:
        raise UsageError(one_line(f"{path}: {error}")) from None
    words: dict[str, Any] = msgspec.to_builtins(campaign)
    del words["version"]
    return words | {"plan_sha256": hashlib.sha256(text.encode()).hexdigest()}

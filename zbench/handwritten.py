"""TOML files that people write (claims, plans): read without waiting for a pipe, told of in one line."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path
from typing import Any

from zbench.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LARGEST_FILE_BYTES = 1 << 18
"""What is larger was not written by hand; ours have up to 8 KB. Read within a second, whatever it holds."""
KEY_PARTS = 16
"""Of a dotted key; ours have two. tomllib's time grows with their square: a key of 200 kB takes it hours."""
_LONG_KEY = re.compile(rf"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{KEY_PARTS}}}""")
MESSAGE_LENGTH = 400
"""Characters of a message that quotes such a file; more is not a line any longer."""


def text_of(path: Path, what: str) -> str:
    """The file as it stands, without a byte order mark; `what` it should be: "a claims file".

    Raises FileNotFoundError, which its caller knows better what to say of, and UsageError.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # a pipe would be waited for, a device never ends
            raise UsageError(f"{path}: not a regular file, so not {what}")
        if about.st_size > LARGEST_FILE_BYTES:
            raise UsageError(f"{path}: larger than {LARGEST_FILE_BYTES >> 10} KiB, so not {what}")
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not text in UTF-8, so not {what}: {error.reason}") from None


def table_of(text: str, file: str) -> dict[str, Any]:
    """Raises UsageError, of one line."""
    if found := _LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise UsageError(f"{file}: line {line}: a key of more than {KEY_PARTS} parts")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, or int() of too many digits
        raise UsageError(one_line(f"{file}: not TOML: {error}")) from None


def require_version(table: dict[str, Any], wanted: int, file: str) -> None:
    """Raises UsageError, of one line, where the file is of another version of its format."""
    found = table.get("version")
    if type(found) is not int or found != wanted:  # True is 1, too
        told = repr(found) if "version" in table else "nothing"
        raise UsageError(one_line(f"{file}: version: expected {wanted}, found {told}"))


def one_line(text: str) -> str:
    """Whatever a file holds, a message that quotes it is one line of readable length."""
    shown = printable(text)
    half = MESSAGE_LENGTH // 2
    return shown if len(shown) <= MESSAGE_LENGTH else f"{shown[:half]} ... {shown[-half:]}"


def printable(text: str) -> str:
    """Without what moves a terminal's cursor or colours its letters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)

"""Digest of rows that a client was given: their number, and a sum that does not depend on their order."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any, Iterable

SUM_LIMIT = 1 << 64


def digest_rows(rows: Iterable[Iterable[Any]]) -> tuple[int, int]:
    """Return the number of rows, and the sum of the first 64 bits of the MD5 of each one's text."""
    count = total = 0
    for row in rows:
        text = "|".join(map(_text_of, row)).encode()
        total += int.from_bytes(hashlib.md5(text).digest()[:8], "big")  # noqa: S324  # no secret
        count += 1
    return count, total


def format_answers(count: int, total: int) -> str:
    """Return the digest as text: '<rows>:<sum>'."""
    return f"{count}:{total % SUM_LIMIT}"


def _text_of(value: Any) -> str:
    """Return a text that also tells the type: 12, '12' and a decimal 12 are different answers."""
    return f"decimal {value:f}" if isinstance(value, Decimal) else ascii(value)

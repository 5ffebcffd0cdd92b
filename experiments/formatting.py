"""Numbers and names as people read them: thousands separators, no more digits than mean something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

AXIS_NAMES: Mapping[str, str] = {
    "engine": "engine",
    "python": "Python",
    "gil": "GIL",
    "loader": "loader",
    "loop": "loop",
    "protocol": "protocol",
    "implementation": "implementation",
    "poolsize": "pool size",
    "postgres": "PostgreSQL",
    "data": "data",
    "transaction": "transaction",
    "inserts": "inserts",
    "resources": "cores",
    "sampling": "sampling",
}
NOTHING = "–"  # noqa: RUF001


def axis_name(axis: str) -> str:
    """The heading of an axis."""
    return AXIS_NAMES.get(axis, axis)


def axis_value(value: Any) -> str:
    """The value of an axis; an axis that does not apply has a dash."""
    return NOTHING if value is None else str(value)


def whole(value: float) -> str:
    """A number without decimals: 14,726."""
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A length of time: '45 s', '12 min', '1 h 05 min'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


def count(number: int, noun: str) -> str:
    """A number with its noun: '1 run', '2 runs'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def memory_size(size_bytes: int) -> str:
    """An amount of memory in the largest unit that leaves a whole number, 1024 kB to the MB: '64 MB'."""
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024)):
        if size_bytes % factor == 0:
            return f"{size_bytes // factor:,} {unit}"
    return f"{size_bytes:,} B"


def shortened(text: str, length: int) -> str:
    """One line of at most so many characters; what is left out at its end is an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"

"""Numbers and names for people: thousands separators, significant digits only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bigdata.registry import WORKLOADS

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
    "workload": "workload",
    "packages": "packages",
    "network": "network",
    "arrivals": "arrivals",
    "checkout": "checkout",
}
_UNIT = re.compile(r"\brows?\b(?=/s\b| per second)|(?<=\w/)row\b|(?<=\bper )row\b|(?<=time / )rows\b")
NOTHING = "–"  # noqa: RUF001


def axis_name(axis: str) -> str:
    """Return the heading of an axis."""
    return AXIS_NAMES.get(axis, axis)


def axis_value(value: Any) -> str:
    """Format the value of an axis; a dash if it does not apply."""
    return NOTHING if value is None else str(value)


def unit_of(workloads: Iterable[str]) -> str:
    """Return what the rates of these workloads count: 'row', 'operation', or 'row or operation'."""
    units = {WORKLOADS[name].unit if name in WORKLOADS else "operation" for name in workloads}
    return " or ".join(sorted(units, reverse=True)) or "row"


def in_units(text: str, unit: str) -> str:
    """Return a text about rows/s, µs/row and the like with another unit in the place of rows."""
    plural = " or ".join(f"{one}s" for one in unit.split(" or "))
    return _UNIT.sub(lambda match: plural if match[0].endswith("s") else unit, text)


def format_known(value: float | None, form: str, unknown: str = NOTHING) -> str:
    """Format a number; a dash if it is unknown."""
    return unknown if value is None else format(value, form)


def format_span(values: Collection[float], form: str = ".0%") -> str:
    """Format the smallest and the largest number: '93% to 94%', or '94%' where they look the same."""
    low, high = (format(end(values), form) for end in (min, max))
    return low if low == high else f"{low} to {high}"


def whole(value: float) -> str:
    """Format a number without decimals: 14,726."""
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Format a length of time: '45 s', '12 min', '1 h 05 min'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


def count(number: int, noun: str) -> str:
    """Format a number with its noun: '1 run', '2 runs'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def memory_size(size_bytes: int) -> str:
    """Format bytes in the largest unit that leaves a whole number, 1024 kB to the MB: '64 MB'."""
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024)):
        if size_bytes % factor == 0:
            return f"{size_bytes // factor:,} {unit}"
    return f"{size_bytes:,} B"


def shortened(text: str, length: int) -> str:
    """Shorten to one line of at most so many characters, ending with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"

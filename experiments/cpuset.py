"""Sets of cores as matrix.yaml writes them: '0-2,5', or 'rest' for those that the other side leaves."""

from __future__ import annotations

import re
from collections.abc import Iterable

REST = "rest"

_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?", re.ASCII)


def parse_cpuset(text: str) -> frozenset[int]:
    """Return the numbers in a list such as '0-2,5' (the kernel's format of cpu lists).

    Raises ValueError: it is no such list; the message says what is wrong with which part.
    """
    numbers: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part.strip()!r} is not a core: write numbers from 0 and ranges, such as '0-2,5'")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"the range {part.strip()!r} is empty: write the smaller number first")
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def format_cpuset(cpus: Iterable[int]) -> str:
    """Write cores as the kernel does, the inverse of ``parse_cpuset``: '0-2,5'."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)

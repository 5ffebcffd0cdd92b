"""Reasons why something did not come out, as few as tell them all: those that differ in numbers only are alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from experiments.formatting import shortened

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Reason:
    """A reason with how often it came out; ``alike`` where some of those differ from ``text`` in their numbers."""

    number: int
    text: str
    alike: bool

    def told(self, length: int) -> str:
        """': no wheels' or, for several that are alike, ', such as: 3 of 4', with the reason shortened to a length."""
        if not self.text:
            return ""
        return f"{', such as' if self.alike else ''}: {shortened(self.text, length)}"


def group_reasons(reasons: Iterable[str]) -> list[Reason]:
    """The reasons grouped, the most frequent first; of those that are alike, the text of the first."""
    groups: dict[str, list[str]] = {}
    for reason in reasons:
        groups.setdefault(_NUMBER.sub("#", reason), []).append(reason)
    found = [Reason(len(group), group[0], len(set(group)) > 1) for group in groups.values()]
    return sorted(found, key=lambda reason: -reason.number)

"""Text that fits a terminal: tables and lines are broken between words, never within one."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from itertools import zip_longest

UNLIMITED = 1_000_000
"""The width of what is no terminal: nothing is broken."""

_GAP = "  "
# An interval stays on one line, as it is read as one number, and so does what ends with a dot between two words.
_TOGETHER = re.compile(r"\([^()]{1,24}\)|\S+(?: ·)?")
_INDENTED = re.compile(r" *(?:- )?")

Rows = Sequence[Sequence[str]]


def fit_table(rows: Rows, headings: Sequence[str], align: str, width: int) -> str:
    """Return a table of at most this width; a list of its rows where even its words are too wide.

    ``align`` has the letter l or r for each column. Those before the first r are labels, broken last. If the table is
    too wide, the notes of a column behind the last r stand below their rows.
    """
    every = [headings, *([" ".join(text.split()) for text in row] for row in rows)]
    labels = len(align) - len(align.lstrip("l"))
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    if sum(widths) + len(_GAP) * (len(align) - 1) <= width:
        return _lay_out(every, widths, align)
    shown = len(align.rstrip("l")) or len(align)
    table = [row[:shown] for row in every]
    for kept in (labels, 0):
        if fitting := _choose_widths(table, kept, width):
            return _lay_out(table, fitting, align, [_GAP.join(row[shown:]).strip() for row in every], width)
    return wrap_lines(_stack(every, labels), width)


def wrap_lines(text: str, width: int) -> str:
    """Break the lines that are wider; what follows is indented as the line, or as the text of its bullet."""
    return "\n".join(_wrap(line, width) for line in text.split("\n"))


def _wrap(line: str, width: int) -> str:
    indent = " " * len((_INDENTED.match(line) or [""])[0])
    if len(line) <= width:
        return line
    return textwrap.fill(line, max(width, 1), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _choose_widths(rows: Rows, kept: int, width: int) -> list[int]:
    """Return the widths of the columns, of which the first are ``kept`` as wide as they are; nothing without room."""
    columns, room = list(zip(*rows, strict=True)), width - len(_GAP) * (len(rows[0]) - 1)
    natural = [max(map(len, column)) for column in columns]
    words = [max((len(word) for text in column for word in _TOGETHER.findall(text)), default=0) for column in columns]
    least = [*natural[:kept], *words[kept:]]
    for limit in range(max(natural), -1, -1):
        widths = [max(low, min(high, limit)) for low, high in zip(least, natural, strict=True)]
        if sum(widths) <= room:
            return widths
    return []


def _lay_out(rows: Rows, widths: Sequence[int], align: str, notes: Sequence[str] = (), width: int = 0) -> str:
    """Return the lines of a table: the headings, a rule, and each row with its note below it."""
    lines: list[str] = []
    for place, row in enumerate(rows):
        broken = [_break(text, wide) for text, wide in zip(row, widths, strict=True)]
        for cells in zip_longest(*broken, fillvalue=""):
            padded = [
                text.ljust(wide) if side == "l" else text.rjust(wide)
                for text, wide, side in zip(cells, widths, align, strict=False)
            ]
            lines.append(_GAP.join(padded).rstrip())
        lines += [_GAP.join("-" * wide for wide in widths)] if place == 0 else []
        lines += [_wrap(f"    {notes[place]}", width)] if place and notes and notes[place] else []
    return "\n".join(lines)


def _break(text: str, width: int) -> list[str]:
    """Break a cell between its words."""
    lines = [""]
    for word in _TOGETHER.findall(text):
        joined = f"{lines[-1]} {word}".lstrip()
        lines = [*lines[:-1], joined] if len(joined) <= width or not lines[-1] else [*lines, word]
    return lines


def _stack(rows: Rows, labels: int) -> str:
    """Return each row as lines: its labels, and below them each other value with its heading."""
    headings, *values = rows
    return "\n\n".join(
        "\n".join(
            [
                ", ".join(row[:labels]),
                *(f"  {name}: {text}" for name, text in zip(headings[labels:], row[labels:], strict=True) if text),
            ]
        )
        for row in values
    )

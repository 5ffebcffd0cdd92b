"""Errors that end the harness, and the one that skips a cell."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BadInput(Exception):
    """An error of the user's input: exit code 2, shown without a traceback.

    The message names the place, what was found, what is allowed and what to do.
    """


class Failure(Exception):
    """A failure of work that was begun: exit code 1, shown without a traceback."""


class EngineLost(Failure):
    """The end of an engine in mid-campaign, which interrupts the campaign: no failure of a run."""


class Unsupported(Exception):
    """The reason why one cell cannot run here, shown in its row; the campaign goes on."""


_SHOWN_NAMES = 50
_SHOWN_CHARACTERS = 100


def shorten(text: str, characters: int = _SHOWN_CHARACTERS) -> str:
    """Return a text for a message: on one line, of characters that can be printed, and not long."""
    short = _cut(text, characters)
    return short if short.isprintable() else repr(short)[1:-1]


def quote(text: str) -> str:
    """Return a text in quotes for a message, escaped and not long."""
    return repr(_cut(text, _SHOWN_CHARACTERS))


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]}..."


def join_known(known: Iterable[object]) -> str:
    """Return the first names in one line, or 'none'."""
    names = [shorten(str(name)) for name in known]
    more = [f"and {len(names) - _SHOWN_NAMES:,} more"] if len(names) > _SHOWN_NAMES else []
    return ", ".join([*names[:_SHOWN_NAMES], *more]) or "none"


def suggest(found: object, known: Iterable[str]) -> str:
    """Return '(did you mean X? known: A, B)', without the question where nothing is close."""
    names = list(known)
    # A number that is close to another one is no slip of the pen.
    close = [] if str(found).isdigit() else difflib.get_close_matches(str(found), names)
    # Of those that are equally close: 'pool' is the beginning of poolsize, not four letters of protocol.
    close.sort(key=lambda name: not name.startswith(str(found)))
    question = f"did you mean {shorten(close[0])}? " if close else ""
    return f"({question}known: {join_known(names)})"

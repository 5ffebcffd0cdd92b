"""How the harness ends without success, and how it says that one cell cannot run."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BadInput(Exception):
    """The user's input cannot be used: exit code 2, shown without a traceback.

    The message names the place, what was found, what is allowed and what to do.
    """


class Failure(Exception):
    """The work was begun and could not be completed: exit code 1, shown without a traceback."""


class Unsupported(Exception):
    """One cell cannot run here. The message is the reason that its row shows; the campaign goes on."""


def suggest(found: object, known: Iterable[str]) -> str:
    """Return '(did you mean X? known: A, B)', without the question where nothing is close."""
    names = list(known)
    # A number that is close to another one is no slip of the pen.
    close = [] if str(found).isdigit() else difflib.get_close_matches(str(found), names)
    # Of those that are equally close: 'pool' is the beginning of poolsize, not four letters of protocol.
    close.sort(key=lambda name: not name.startswith(str(found)))
    question = f"did you mean {close[0]}? " if close else ""
    return f"({question}known: {', '.join(names) or 'none'})"

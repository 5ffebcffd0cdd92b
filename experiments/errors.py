"""How the harness ends without success, and how it says that one cell cannot run."""

from __future__ import annotations


class BadInput(Exception):
    """The user's input cannot be used: exit code 2, shown without a traceback.

    The message names the place, what was found, what is allowed and what to do.
    """


class Failure(Exception):
    """The work was begun and could not be completed: exit code 1, shown without a traceback."""


class Unsupported(Exception):
    """One cell cannot run here. The message is the reason that its row shows; the campaign goes on."""

"""Errors that end the loader program, each with its exit code."""

from __future__ import annotations


class BadInput(Exception):
    """User input that cannot be used: exit code 2.

    The message names the place, what was found, what is allowed and what to do. It is shown without a traceback.
    """

    exit_code = 2


class Unsupported(BadInput):
    """A combination of interpreter, driver and event loop that does not work, found by trying it.

    The message is the reason, in the words of whoever refused.
    """


class LoadFailed(Exception):
    """Work that was begun and could not be completed: exit code 1.

    The message says which record, which statement and why.
    """

    exit_code = 1


class Interrupted(LoadFailed):
    """Ctrl-C or SIGTERM during the work: the exit code that shells give a program which SIGINT has ended."""

    exit_code = 130


INTERRUPTED = "interrupted before the work was complete"
"""Message after Ctrl-C or SIGTERM."""


def driver_error(error: BaseException) -> BaseException:
    """Return the error of the driver that SQLAlchemy has packed into one of its own, or the error itself."""
    return getattr(error, "orig", None) or error

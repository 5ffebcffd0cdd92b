"""The ways in which the loader program ends without success, each with its exit code."""

from __future__ import annotations


class BadInput(Exception):
    """The user's input cannot be used: exit code 2.

    The message names the place, what was found, what is allowed and what to do. It is shown without a traceback.
    """

    exit_code = 2


class Unsupported(BadInput):
    """What is asked for cannot be done by this interpreter, driver and event loop together; found by trying.

    The message is the reason, in the words of whoever refused.
    """


class LoadFailed(Exception):
    """The work was begun and could not be completed: exit code 1.

    The message says which record, which statement and why.
    """

    exit_code = 1


INTERRUPTED = "interrupted: stopped before all was done"
"""What Ctrl-C or SIGTERM leaves to say."""

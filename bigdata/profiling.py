"""--profile: one profile per thread that runs a hot loop, printed as one."""

from __future__ import annotations

import cProfile
import profile
import pstats
import sys
import time
from typing import Any, Callable, List, TextIO

SHOWN_FUNCTIONS = 25


class Profiler:
    """Calls functions and remembers where their time went; from any number of threads."""

    def __init__(self) -> None:
        self._profiles: List[Any] = []

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call it under a profile of its own."""
        own = _new_profile()
        self._profiles.append(own)
        return own.runcall(function, *arguments)

    def print_top(self, stream: TextIO) -> None:
        """The functions that took most time in themselves, over all calls."""
        statistics = pstats.Stats(*self._profiles, stream=stream)
        statistics.strip_dirs().sort_stats("tottime").print_stats(SHOWN_FUNCTIONS)


def _new_profile() -> Any:
    """From Python 3.12 on cProfile takes the calls of all threads for those of one, and only one can be active.

    The profile module, slower by itself, still keeps to its thread.
    """
    if sys.version_info < (3, 12):
        return cProfile.Profile()
    return profile.Profile(time.perf_counter)

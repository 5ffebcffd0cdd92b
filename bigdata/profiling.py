"""--profile: one profile per thread that runs a hot loop, printed as one."""

from __future__ import annotations

import cProfile
import profile
import pstats
import sys
import time
from typing import Any, Callable, TextIO

SHOWN_FUNCTIONS = 25


class Profiler:
    """Calls functions and remembers where their time went; from any number of threads."""

    def __init__(self) -> None:
        self._profiles: list[Any] = []

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call it under a profile of its own."""
        if sys.version_info < (3, 12):
            own = cProfile.Profile()
            self._profiles.append(own)
            return own.runcall(function, *arguments)
        return self._call_in_this_thread(function, *arguments)

    def _call_in_this_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """From Python 3.12 on cProfile takes the calls of all threads for those of one, and only one can be active.

        The profile module, slower by itself, still keeps to its thread. But its first event must be a call, where the
        interpreter may begin with the return from ``setprofile``.
        """
        own: Any = profile.Profile(time.perf_counter)
        own.set_cmd(repr(function))
        self._profiles.append(own)

        def begin(frame: Any, event: str, argument: Any) -> None:
            if event == "call":
                sys.setprofile(own.dispatcher)
                own.dispatcher(frame, event, argument)

        sys.setprofile(begin)
        try:
            return function(*arguments)
        finally:
            sys.setprofile(None)
            # Else the time until the statistics are asked for would go to the last function.
            own.simulate_cmd_complete()

    def print_top(self, stream: TextIO) -> None:
        """The functions that took most time in themselves, over all calls."""
        statistics = pstats.Stats(*self._profiles, stream=stream)
        statistics.strip_dirs().sort_stats("tottime").print_stats(SHOWN_FUNCTIONS)

"""Profiler for --profile: one profile per thread that runs a hot loop, printed as one."""

from __future__ import annotations

import sys
from time import perf_counter
from types import ModuleType
from typing import Any, Callable, Dict, TextIO, Tuple

SHOWN_FUNCTIONS = 25

Function = Tuple[str, int, str]
"""File, line and name of a function, as in pstats."""
Statistics = Dict[Function, Tuple[int, int, float, float, Dict[Any, Any]]]
"""Calls (twice, as pstats separates recursive ones), own seconds, total seconds, callers (not recorded)."""


class Profiler:
    """A profiler of function calls from any number of threads."""

    def __init__(self) -> None:
        self._of_calls: list[Statistics] = []

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the function under a profile of its own."""
        profile = _Profile()
        sys.setprofile(profile.note)
        try:
            return function(*arguments)
        finally:
            sys.setprofile(None)
            self._of_calls.append(profile.statistics())

    def take(self) -> list[Statistics]:
        """Return the statistics so far, for another process to ``add``."""
        return self._of_calls

    def add(self, statistics: list[Statistics]) -> None:
        """Add the statistics of another process."""
        self._of_calls.extend(statistics)

    def print_top(self, stream: TextIO) -> None:
        """Print the functions with the most time of their own, over all calls."""
        # Nothing that is not wanted is imported.
        import pstats

        profiles: list[Any] = [_Created(statistics) for statistics in self._of_calls]
        total = pstats.Stats(*profiles, stream=stream)
        total.strip_dirs().sort_stats("tottime").print_stats(SHOWN_FUNCTIONS)


class _Created:
    """A profile in the form that pstats reads."""

    def __init__(self, statistics: Statistics) -> None:
        self.stats = statistics

    def create_stats(self) -> None:
        """Do nothing: the statistics exist already."""


class _Call:
    """One function call that has not returned."""

    __slots__ = ("began_s", "function", "own_s")

    def __init__(self, function: Function, began_s: float) -> None:
        self.function = function
        self.began_s = began_s
        self.own_s = 0.0


class _Profile:
    """The calls of one thread, with a stack for each of its greenlets.

    Not cProfile: it takes the calls of all greenlets for those of one, and from Python 3.12 on those of all threads.
    """

    def __init__(self) -> None:
        greenlet = sys.modules.get("greenlet")
        self._current: Callable[[], Any] = (lambda: None) if greenlet is None else greenlet.getcurrent
        self._stacks: dict[Any, list[_Call]] = {}
        self._running: list[_Call] = []
        self._since_s = perf_counter()
        self._done: dict[Function, list[float]] = {}

    def note(self, frame: Any, event: str, argument: Any) -> None:
        """Handle an event of ``sys.setprofile``: the time since the last one belongs to the running function."""
        now_s = perf_counter()
        if self._running:
            self._running[-1].own_s += now_s - self._since_s
        self._running = self._stacks.setdefault(self._current(), [])
        if event == "call":
            code = frame.f_code
            self._running.append(_Call((code.co_filename, code.co_firstlineno, code.co_name), now_s))
        elif event == "c_call":
            self._running.append(_Call(_built_in(argument), now_s))
        elif self._running:
            self._end(self._running.pop(), now_s)
        self._since_s = perf_counter()

    def _end(self, call: _Call, now_s: float) -> None:
        done = self._done.setdefault(call.function, [0, 0.0, 0.0])
        done[0] += 1
        done[1] += call.own_s
        done[2] += now_s - call.began_s

    def statistics(self) -> Statistics:
        """Return the statistics for pstats; calls that have not returned end now."""
        for stack in self._stacks.values():
            while stack:
                self._end(stack.pop(), self._since_s)
        return {
            function: (int(calls), int(calls), own_s, in_all_s, {})
            for function, (calls, own_s, in_all_s) in self._done.items()
        }


def _built_in(function: Any) -> Function:
    owner = getattr(function, "__self__", None)
    if owner is None or isinstance(owner, ModuleType):
        return ("~", 0, f"<built-in method {function.__module__}.{function.__name__}>")
    kind = owner if isinstance(owner, type) else type(owner)
    place = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return ("~", 0, f"<method '{function.__name__}' of '{place}{kind.__qualname__}' objects>")

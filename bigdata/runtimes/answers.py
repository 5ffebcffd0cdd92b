"""Answers that a hot loop gets of its driver, digested in an untimed phase over the same loop.

What the loop is given there is its connection in a cover, which looks at the rows that pass through it.
"""

from __future__ import annotations

import mmap
import re
from functools import partial
from multiprocessing import get_context
from typing import Any, Callable, Generator

from bigdata.census.answers import SUM_LIMIT, digest_rows, format_answers

# Methods of the drivers that return a row, or a value of one; others of such a name return many rows.
_ONE = ("fetchone", "fetchrow", "one")
_VALUE = ("fetchval", "scalar")
_FETCHING = re.compile("fetch(all|many|one|row|val)?|one|all|scalar")
# Those that give something else to fetch by: a cursor, or a pool's connection.
_OPENING = ("acquire", "connection", "cursor")
# Those whose answer may have rows to be fetched.
_EXECUTING = re.compile("execute|scalars")


class Answers:
    """Number and digest of the rows of all workers, which may be processes."""

    def __init__(self) -> None:
        self._sums = memoryview(mmap.mmap(-1, 16)).cast("Q")
        self._lock = get_context("fork").Lock()

    def watched(self, hot_loop: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """Return the loop with its connection in a cover."""
        return lambda connection, records: hot_loop(Cover(connection, self.add), records)

    def add(self, method: str, answer: Any) -> None:
        """Add what a method of the driver has returned."""
        rows = [(answer,)] if method in _VALUE else [answer] if method in _ONE else answer
        count, total = digest_rows(row for row in rows if row is not None)
        with self._lock:
            self._sums[0] += count
            self._sums[1] = (self._sums[1] + total) % SUM_LIMIT

    def digest(self) -> str:
        """Return the digest of all so far, as for the files."""
        return format_answers(self._sums[0], self._sums[1])


class Cover:
    """A connection or cursor that hands everything on, and hands fetched rows to ``receive`` besides."""

    def __init__(self, target: Any, receive: Callable[[str, Any], None]) -> None:
        self._target = target
        self._receive = receive

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name in _OPENING:
            return lambda *arguments, **options: Cover(found(*arguments, **options), self._receive)
        watched = _EXECUTING.fullmatch(name) or _FETCHING.fullmatch(name)
        return partial(self._call, name, found) if watched else found

    def _call(self, name: str, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        answer = method(*arguments, **options)
        return self._wait(name, answer) if hasattr(answer, "__await__") else self._look_at(name, answer)

    async def _wait(self, name: str, waiting: Any) -> Any:
        return self._look_at(name, await waiting)

    def _look_at(self, name: str, answer: Any) -> Any:
        if _EXECUTING.fullmatch(name):
            return Cover(answer, self._receive)
        self._receive(name, answer)
        return answer

    def __enter__(self) -> Cover:
        return Cover(self._target.__enter__(), self._receive)

    def __exit__(self, *error: Any) -> Any:
        return self._target.__exit__(*error)

    async def __aenter__(self) -> Cover:
        return Cover(await self._target.__aenter__(), self._receive)

    async def __aexit__(self, *error: Any) -> Any:
        return await self._target.__aexit__(*error)

    def __await__(self) -> Generator[Any, Any, Cover]:
        return Cover((yield from self._target.__await__()), self._receive)

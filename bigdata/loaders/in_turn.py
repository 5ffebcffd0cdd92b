"""Connecting to one server after the other, as libpq does, for asynchronous drivers that cannot."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Sequence

from bigdata.database.conninfo import Parameters


async def connect_in_turn(
    servers: Sequence[Parameters],
    connect: Callable[[Parameters], Awaitable[Any]],
    errors: tuple[type[BaseException], ...],
    timeout_s: float | None,
    has_answered: Callable[[BaseException], bool],
) -> Any:
    """Return the connection to the first server that lets us in, waiting for each ``timeout_s`` at most.

    Raises the last server's error, or that of a server that ``has_answered``: after a refusal libpq asks no other.
    """
    caught: tuple[type[BaseException], ...] = (*errors, asyncio.TimeoutError)
    for position, server in enumerate(servers, 1):
        connecting = asyncio.ensure_future(connect(server))
        # Where another worker's error cancels this one, it may fail all the same: of that asyncio would complain.
        connecting.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.wait_for(connecting, timeout_s)
        except caught as error:
            if position == len(servers) or has_answered(error):
                if isinstance(error, asyncio.TimeoutError):
                    raise OSError(f"no answer within {timeout_s} s (timeout expired)") from error
                raise
    raise AssertionError("there is at least one server")

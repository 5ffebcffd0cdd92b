"""Event loops by the name that the command line and the matrix give them."""

from __future__ import annotations

import asyncio
from typing import Callable


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes a new event loop: 'asyncio' or 'uvloop'. Raises ImportError where uvloop is not installed."""
    if name == "asyncio":
        return asyncio.new_event_loop
    if name == "uvloop":
        import uvloop

        factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
        return factory
    raise ValueError(f"no event loop is called {name!r}")

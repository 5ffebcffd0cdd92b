"""Event loops by their names on the command line and in the matrix."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Callable

from bigdata.registry import LOOP_PACKAGES


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the factory of 'asyncio', 'uvloop' or 'rloop'. Raises ImportError if that is not installed."""
    if name == "asyncio":
        return asyncio.new_event_loop
    if name in LOOP_PACKAGES:
        factory: Callable[[], asyncio.AbstractEventLoop] = import_module(name).new_event_loop
        return factory
    raise ValueError(f"unknown event loop {name!r}")

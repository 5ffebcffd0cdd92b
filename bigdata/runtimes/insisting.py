"""Repeated stop requests to another thread, as a single one may come too early."""

from __future__ import annotations

import time
from threading import Event
from typing import Callable

from bigdata.runtimes.aside import Aside
from bigdata.runtimes.job import CANCEL_AGAIN_AFTER_S


def insist(stop: Callable[[], None], over: Event, within_s: float) -> None:
    """Call ``stop`` repeatedly, without waiting for it, until ``over`` is set or the time is up."""

    def call(number: int) -> None:
        stop()

    deadline_s = time.monotonic() + within_s
    aside = Aside()
    while not over.is_set() and time.monotonic() < deadline_s:
        aside.call(call, [0])
        over.wait(CANCEL_AGAIN_AFTER_S)

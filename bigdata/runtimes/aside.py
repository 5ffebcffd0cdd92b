"""Calls in a separate thread, because a cancel request can block if the server does not answer."""

from __future__ import annotations

import threading
from typing import Callable, Sequence


class Aside:
    """A thread for calls that may block, with one round of calls at a time."""

    def __init__(self) -> None:
        self._round: threading.Thread | None = None

    def call(self, function: Callable[[int], None], numbers: Sequence[int]) -> None:
        """Call the function with each of the numbers, unless the previous round still runs."""
        if self._round is None or not self._round.is_alive():
            self._round = threading.Thread(target=_call_each, args=(function, numbers), daemon=True)
            self._round.start()


def _call_each(function: Callable[[int], None], numbers: Sequence[int]) -> None:
    for number in numbers:
        function(number)

"""Calls that nobody may wait for: a server that has stopped answering would keep whoever asks it to cancel."""

from __future__ import annotations

import threading
from typing import Callable, Sequence


class Aside:
    """Makes calls in a thread of its own, one round of them at a time."""

    def __init__(self) -> None:
        self._round: threading.Thread | None = None

    def call(self, function: Callable[[int], None], numbers: Sequence[int]) -> None:
        """Call it with each of the numbers, unless the round before this one has not come to its end."""
        if self._round is None or not self._round.is_alive():
            self._round = threading.Thread(target=_call_each, args=(function, numbers), daemon=True)
            self._round.start()


def _call_each(function: Callable[[int], None], numbers: Sequence[int]) -> None:
    for number in numbers:
        function(number)

"""Counting statements, for --echo; of no use to a load that is measured."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Callable


def counter_of(statements: Counter[str]) -> Callable[..., None]:
    """What counts its arguments there, from any thread."""
    counting = threading.Lock()

    def count(*sent: str) -> None:
        with counting:
            statements.update(sent)

    return count

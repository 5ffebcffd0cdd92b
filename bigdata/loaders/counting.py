"""Statement counter for --echo, never used in a measured load."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Callable


def counter_of(statements: Counter[str]) -> Callable[..., None]:
    """Return a function that counts its arguments there, from any thread."""
    counting = threading.Lock()

    def count(*sent: str) -> None:
        with counting:
            statements.update(sent)

    return count

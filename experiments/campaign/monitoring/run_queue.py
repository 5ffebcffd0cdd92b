"""Run-queue wait of a PostgreSQL's backends: the time that they were ready to run but waited for a core."""

from __future__ import annotations

import contextlib
from pathlib import Path

from experiments.engines.postgres import DATABASE, backend_title
from experiments.engines.processes import arguments, children

PROC = Path("/proc")

_BACKEND = backend_title(DATABASE)


def find_missing_account(root: Path = Path("/")) -> str | None:
    """Return the notice that this kernel keeps no account of run queues; None if it does."""
    account = root / "proc/self/schedstat"
    if account.exists() and not account.read_text().startswith("0 0 0"):
        return None
    return "this kernel keeps no account of run queues (schedstat): how long processes wait for a core is not known"


class BackendWaits:
    """A growing counter: seconds that all backends so far of the loader's database have waited for a core.

    What a backend waited after the last reading before its end is not in it.
    """

    def __init__(self, postmaster: int | None) -> None:
        self._postmaster = postmaster
        self._waits: dict[int, float] = {}
        self._others: set[int] = set()

    @property
    def is_known(self) -> bool:
        """Return whether any backend was seen, and the kernel keeps the account."""
        return bool(self._waits)

    def __call__(self) -> float:
        """Read the counter; 0 of a server on another machine."""
        for pid in () if self._postmaster is None else children(self._postmaster):
            # One that has just ended keeps what was read last.
            with contextlib.suppress(OSError):
                if pid in self._waits or self._is_backend(pid):
                    self._waits[pid] = int((PROC / str(pid) / "schedstat").read_text().split()[1]) / 1e9
        return sum(self._waits.values())

    def _is_backend(self, pid: int) -> bool:
        if pid in self._others:
            return False
        title = "".join(arguments(pid)[:1])
        if not title.startswith("postgres: "):
            # It is still being made; it gets its title later.
            return False
        if not (found := bool(_BACKEND.match(title))):
            self._others.add(pid)
        return found

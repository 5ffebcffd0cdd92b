"""Session that a connection got: database, server and settings, which must be the same for set-up and every driver."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import Any, Callable, Dict, Iterable, Mapping, Tuple

from bigdata.errors import BadInput

Session = Dict[str, str]
Rows = Iterable[Tuple[str, Any]]

REPORTED = (
    *("database", "tls", "client_encoding", "default_transaction_isolation", "default_transaction_read_only", "jit"),
    *("lock_timeout", "plan_cache_mode", "search_path", "statement_timeout", "synchronous_commit", "TimeZone"),
)
"""What of a session is published in a report: no address, and no setting that a load does not depend on."""


def session_of(rows: Rows) -> Session:
    """Return the rows of ``statements.SESSION`` as a dictionary."""
    return {str(name): "" if value is None else str(value) for name, value in rows}


def reported(session: Mapping[str, str]) -> Session:
    """Return the part of the session that a report has."""
    return {name: session[name] for name in REPORTED if name in session}


def check_session(driver: str, found: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Raise BadInput if the driver's session differs from that of set-up."""
    differences = [
        f"{name} is {found.get(name)!r}, not {expected.get(name)!r}"
        for name in sorted({*found, *expected})
        if found.get(name) != expected.get(name)
    ]
    if differences:
        raise BadInput(
            f"--dburl: {driver} does not get the session that set-up gets: {'; '.join(differences[:3])}; write host, "
            "port, database and options into the URL, and unset PG* variables"
        )


class CheckedDriver:
    """A driver that compares the session of each new connection with that of set-up."""

    def __init__(self, driver: Any, name: str, expected: Callable[[], Session]) -> None:
        self._driver = driver
        self._name = name
        self._expected = expected

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def connect(self, url: str, **options: Any) -> Any:
        """Connect and compare; to be awaited if the driver is asynchronous."""
        if iscoroutinefunction(self._driver.connect):
            return self._connect_asynchronously(url, options)
        connection = self._driver.connect(url, **options)
        check_session(self._name, session_of(self._driver.session(connection)), self._expected())
        return connection

    async def _connect_asynchronously(self, url: str, options: Mapping[str, Any]) -> Any:
        connection = await self._driver.connect(url, **options)
        check_session(self._name, session_of(await self._driver.session(connection)), self._expected())
        return connection

"""Errors and statement counters for asyncpg."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, Mapping

import asyncpg

from bigdata.database.conninfo import Parameters
from bigdata.errors import BadInput
from bigdata.loaders.counting import counter_of
from bigdata.loaders.tracing import statement_with_values

# It lets the system's errors of a connection through as they are.
Error: Any = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


# Parameters that libpq sends as settings of the session.
_SETTINGS = ("application_name", "options", "datestyle", "timezone", "geqo")

# asyncpg takes files of TLS from a URL only.
_OF_TLS = ("sslcert", "sslkey", "sslrootcert", "sslcrl", "ssl_min_protocol_version", "ssl_max_protocol_version")

_HONOURED = (
    *("host", "hostaddr", "port", "user", "password", "dbname", "passfile", "sslmode", "target_session_attrs"),
    # The loaders set the one, and the other has no effect.
    *("client_encoding", "fallback_application_name"),
    *_SETTINGS,
    *_OF_TLS,
)

# Values that ask for what asyncpg does in any case.
_AS_IT_IS = {("gssencmode", "disable"), ("channel_binding", "disable"), ("load_balance_hosts", "disable")}


def connection_arguments(parameters: Mapping[str, str], server: Mapping[str, str]) -> dict[str, Any]:
    """Return asyncpg's arguments for one server, each of libpq's parameters by its own name.

    asyncpg reads URLs and some variables by other rules than libpq. Raises BadInput for what it cannot honour.
    """
    for name, value in parameters.items():
        if name not in _HONOURED and (name, value) not in _AS_IT_IS:
            raise BadInput(
                f"--dburl: asyncpg cannot honour the parameter {name}; remove it from the URL or the environment, "
                "or use a loader with another driver"
            )
    user = parameters.get("user") or _system_user()
    arguments: dict[str, Any] = {
        "host": server.get("hostaddr") or server.get("host"),
        "port": int(server.get("port", 5432)),
        "user": user,
        "password": parameters.get("password"),
        "database": parameters.get("dbname") or user,
        "ssl": parameters.get("sslmode", "prefer"),
        "server_settings": {name: parameters[name] for name in _SETTINGS if name in parameters},
    }
    for name in ("passfile", "target_session_attrs"):
        if name in parameters:
            arguments[name] = parameters[name]
    of_tls = {name: parameters[name] for name in _OF_TLS if name in parameters}
    return {**arguments, **({"dsn": _url_of(of_tls)} if of_tls else {})}


def _system_user() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def _url_of(parameters: Parameters) -> str:
    from urllib.parse import quote, urlencode

    return f"postgresql://?{urlencode(parameters, quote_via=quote)}"


def has_answered(error: BaseException) -> bool:
    """Return True for a server's refusal after which libpq asks no other server."""
    return isinstance(error, asyncpg.PostgresError) and not isinstance(error, asyncpg.CannotConnectNowError)


def statement_of(error: BaseException) -> str | None:
    """Return the statement and its values."""
    return statement_with_values(error, "args")


def connection_class(statements: Counter[str] | None) -> Any:
    """Return asyncpg's connection class, or with ``statements`` one that counts there what it sends.

    The semicolon behind BEGIN, which no other driver sends, is not counted.
    """
    if statements is None:
        return asyncpg.Connection
    count = counter_of(statements)

    class CountingConnection(asyncpg.Connection):  # type: ignore[misc]
        """A connection that counts its statements, including those of asyncpg's transactions."""

        async def execute(self, query: str, *arguments: Any, **options: Any) -> Any:
            count(query.rstrip(";"))
            return await super().execute(query, *arguments, **options)

        async def fetch(self, query: str, *arguments: Any, **options: Any) -> Any:
            count(query)
            return await super().fetch(query, *arguments, **options)

        async def fetchval(self, query: str, *arguments: Any, **options: Any) -> Any:
            count(query)
            return await super().fetchval(query, *arguments, **options)

    return CountingConnection

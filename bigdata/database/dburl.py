"""The database URL: checks, set-up connections with psycopg2, and messages without the password."""

from __future__ import annotations

import re
from contextlib import contextmanager
from select import select
from typing import Any, Iterator

from bigdata.database.cancelling import cancel
from bigdata.database.conninfo import check_ports, effective_parameters, parse_url, with_connect_timeout
from bigdata.errors import BadInput, LoadFailed, driver_error

VARIABLE = "BIGDATA_DBURL"
SCHEMES = ("postgresql://", "postgres://")
EXAMPLE = "postgresql://user:password@localhost:5432/database"

_REMEDIES = {
    "42501": "; let the role create tables (GRANT CREATE ON SCHEMA public TO ...), or name a database that it owns",
    "22P05": "; name a database that can hold it, such as one created with ENCODING 'UTF8' TEMPLATE template0",
}
"""Way out by the server's error code: insufficient_privilege, untranslatable_character."""

# psycopg2 would take the database's, which may be SQL_ASCII, and refuse to send a text with any other letter.
CLIENT_ENCODING = "UTF8"


def check_url(url: str | None) -> str:
    """Return the URL unchanged, for libpq. Raises BadInput if it is missing or not PostgreSQL's.

    Nothing is printed that may be part of a password.
    """
    if not url:
        raise BadInput(f"--dburl: no database given; use --dburl {EXAMPLE} or set {VARIABLE}")
    if not url.startswith(SCHEMES):
        scheme = re.match(r"([A-Za-z][\w+.-]*)://", url)
        found = f"{scheme.group(1)}://..." if scheme else "something without '://'"
        raise BadInput(f"--dburl: found {found}, expected a PostgreSQL URL such as {EXAMPLE}")
    check_ports(parse_url(url))
    return url


def database_name(url: str) -> str:
    """Return the database that libpq will open: from the URL, else from the environment or the user's name."""
    parameters = effective_parameters(url)
    return parameters.get("dbname") or parameters.get("user") or ""


def connect(url: str, **parameters: Any) -> Any:
    """Return a psycopg2 connection in autocommit mode, for set-up and checks; ``parameters`` override the URL.

    Raises BadInput with libpq's reason if there is no such server or database, or the password is wrong.
    """
    import psycopg2

    try:
        connection = psycopg2.connect(
            url, client_encoding=CLIENT_ENCODING, **{**with_connect_timeout(url), **parameters}
        )
    except psycopg2.Error as error:
        raise cannot_connect(url, error) from None
    connection.autocommit = True
    return connection


def connect_aside(url: str, **parameters: Any) -> Any:
    """Connect to another database of the server, where queries do not add to the counters of this one.

    Raises BadInput if it cannot be opened.
    """
    return connect(url, dbname="template1" if database_name(url) == "postgres" else "postgres", **parameters)


def hide_password(url: str) -> tuple[str, dict[str, str]]:
    """Return the URL for a command line and the environment variables, which carry the password for libpq.

    A list of processes shows command lines to everybody, and their variables to nobody else.
    """
    import psycopg2.extensions

    parameters = psycopg2.extensions.parse_dsn(url)
    password = parameters.pop("password", None)
    database = psycopg2.extensions.make_dsn(**with_connect_timeout(url), **parameters)
    return database, {} if password is None else {"PGPASSWORD": password}


@contextmanager
def open_connection(url: str) -> Iterator[Any]:
    """Connect for set-up or checks: Ctrl-C cancels the statement, on the server too.

    Raises LoadFailed with the server's message for whatever fails while the connection is open.
    """
    import psycopg2
    from psycopg2.extensions import set_wait_callback

    connection = connect(url)
    set_wait_callback(_wait_for_server)
    try:
        yield connection
    except psycopg2.Error as error:
        raise LoadFailed(f"the server refused to prepare or check its tables: {server_reason(error)}") from error
    finally:
        set_wait_callback(None)
        connection.close()


def server_reason(error: Any) -> str:
    """Return the server's message in one sentence, with the way out if there is a known one."""
    reason = error.diag.message_primary or str(error).strip()
    return f"{reason}{_REMEDIES.get(error.pgcode, '')}"


def _wait_for_server(connection: Any) -> None:
    """Wait as psycopg2 does, but let signals interrupt it. The like in psycopg2.extras takes long to import."""
    from psycopg2.extensions import POLL_OK, POLL_WRITE

    try:
        while True:
            state = connection.poll()
            if state == POLL_OK:
                return
            ready_to_send = [connection] if state == POLL_WRITE else []
            select([] if ready_to_send else [connection], ready_to_send, [])
    except KeyboardInterrupt:
        cancel(connection)
        raise


def cannot_connect(url: str, error: BaseException) -> BadInput:
    """Return the error for a connection that could not be made, with libpq's reason and without the password."""
    reason = without_password(url, str(driver_error(error)).strip()) or type(error).__name__
    return BadInput(f"--dburl: cannot connect: {reason}")


def without_password(url: str, text: str) -> str:
    """Return the text, or a remark in its place if it contains the URL's password."""
    # Costs more to import than all else here, and is needed for errors only.
    from urllib.parse import quote, unquote

    password = parse_url(url).get("password")
    written = {password, unquote(password), quote(password, safe="")} if password else set()
    if url in text or any(f":{form}@" in text or f'"{form}"' in text or f"={form}" in text for form in written):
        return "libpq cannot read this URL (its words are left out because they hold the password)"
    return text

"""PostgreSQL settings shared by both engines: role, database, initdb's options, final log messages."""

import re
import signal

HOST = "127.0.0.1"
"""Every server listens on a loopback interface only: this machine's, or that of its own network namespace."""
USER = "bigdata"
DATABASE = "bigdata"

MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})
MEMORY_NEEDED_BYTES = 2 * 1024**3
"""For ``storage: tmpfs``: the data of the shipped campaigns and the write-ahead log between two CHECKPOINTs, with room
to spare."""

INITDB_OPTIONS = (
    f"--username={USER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    # Text sorts and compares alike on every machine.
    "--locale=C",
    # Only the new, empty cluster is left to the kernel to write out; the server itself syncs as ever.
    "--no-sync",
)
"""Besides the place of the data and of the password file."""

_READY = "database system is ready to accept connections"
# What it tells each of its clients, who are many, about an end that has other causes; and what it does all the time.
_NO_CAUSE = ("the database system is ", "terminating connection ", "checkpoint ")
_LAST_MESSAGES = 5


class NotStarted(Exception):
    """The end of a PostgreSQL before it accepted connections, in its own words."""


def error_messages(log: str) -> str:
    """Return why a server did not start, from its log; else the end of the log."""
    found = re.findall(r"(?:FATAL|PANIC|ERROR|DETAIL|HINT):\s+(.*)", log)
    return "; ".join(found) or " ".join(log.split()[-60:]) or "(it wrote nothing)"


def describe_end(number: int, log: str) -> str:
    """Describe the end of a server: the signal, or its final messages if there is none (0) or SIGABRT after a PANIC."""
    if number in (0, signal.SIGABRT):
        return final_messages(log)
    return f"signal {number} ({signal.strsignal(number)})"


def final_messages(log: str) -> str:
    """Return why a running server ended: the last of its most severe messages."""
    # A server that could recover from a crash says again that it is ready: what was before did not end it.
    found = re.findall(r"(PANIC|FATAL|LOG):\s+(.*)", log.rpartition(_READY)[2])
    said = [(kind, text) for kind, text in found if not text.startswith(_NO_CAUSE)]
    for kind in ("PANIC", "FATAL", "LOG"):
        if words := list(dict.fromkeys(text for which, text in said if which == kind)):
            return "; ".join(words[-_LAST_MESSAGES:])
    return error_messages(log)


def backend_title(database: str) -> re.Pattern[str]:
    """Return the pattern of its backends' process titles: cluster name (if set), user, database and client."""
    return re.compile(rf"postgres: (\S+: )?{USER} {database} {re.escape(HOST)}\(\d+\)")

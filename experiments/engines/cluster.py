"""What every PostgreSQL of the harness is, whichever engine serves it: role, database, initdb's options, last words."""

from __future__ import annotations

import re

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


class NotStarted(Exception):
    """PostgreSQL ended before it accepted connections. The message is its own words."""


def own_words(log: str) -> str:
    """The messages in a server's log that say why it ended; the end of the log where there are none."""
    found = re.findall(r"(?:FATAL|PANIC|ERROR|DETAIL|HINT):\s+(.*)", log)
    return "; ".join(found) or " ".join(log.split()[-60:]) or "(it wrote nothing)"

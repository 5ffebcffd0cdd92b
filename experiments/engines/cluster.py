"""What every PostgreSQL of the harness is, whichever engine serves it: role, database, initdb's options, last words."""

from __future__ import annotations

import re

USER = "bigdata"
DATABASE = "bigdata"

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


def own_words(log: str) -> str:
    """The messages in a server's log that say why it ended; the end of the log where there are none."""
    found = re.findall(r"(?:FATAL|PANIC|ERROR|DETAIL|HINT):\s+(.*)", log)
    return "; ".join(found) or " ".join(log.split()[-60:]) or "(it wrote nothing)"

from __future__ import annotations

import pytest

from experiments.engines.postgres import describe_end, final_messages

READY = "2026-11-22 20:57:11.183 UTC [1] LOG:  database system is ready to accept connections\n"
FULL = 'could not write to file "pg_wal/xlogtemp.77": No space left on device'
FULL_TMPFS = f"""{READY}
2026-11-22 20:58:11.183 UTC [77] PANIC:  {FULL}
2026-11-22 20:58:11.183 UTC [77] STATEMENT:  INSERT INTO geo_record VALUES (1)
2026-11-22 20:58:11.200 UTC [1] LOG:  server process (PID 77) was terminated by signal 6: Aborted
2026-11-22 20:58:11.210 UTC [78] FATAL:  the database system is in recovery mode
2026-11-22 20:58:12.000 UTC [79] FATAL:  could not extend file: No space left on device
2026-11-22 20:58:12.001 UTC [1] LOG:  startup process (PID 79) exited with exit code 1
2026-11-22 20:58:12.002 UTC [1] LOG:  aborting startup due to startup process failure
"""


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (FULL_TMPFS, FULL),
        # It could recover from that, and was asked to stop later.
        (
            f"{FULL_TMPFS}{READY}UTC [1] LOG:  received fast shutdown request\n"
            "UTC [82] LOG:  checkpoint starting: shutdown immediate\n"
            "UTC [80] FATAL:  terminating connection due to administrator command\n"
            "UTC [81] LOG:  shutting down\nUTC [1] LOG:  database system is shut down\n",
            "received fast shutdown request; shutting down; database system is shut down",
        ),
        (READY + "UTC [1] FATAL:  out of memory\n" * 100, "out of memory"),
        ("", "(it wrote nothing)"),
    ],
)
def test_why_a_server_ended_is_said_by_the_worst_messages_since_it_was_last_ready(log: str, words: str) -> None:
    assert final_messages(log) == words


@pytest.mark.parametrize(("number", "words"), [(9, "signal 9 (Killed)"), (6, FULL), (0, FULL)])
def test_a_signal_from_outside_is_the_cause_whatever_the_server_had_said(number: int, words: str) -> None:
    assert describe_end(number, FULL_TMPFS) == words

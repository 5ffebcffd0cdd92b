"""The same-SQL ledger: what the server must have seen of a load, whichever loader made it, and how to compare.

The golden ledger is computed from the program's statements and the counts of the files: no loader has a say in it.
What the server saw is ``pg_stat_statements``: texts with the values taken out, how often, how many rows. Texts are
compared, never ``queryid``, which depends on the ids of tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bigdata.database.statements import BEGIN, CLEAR, COMMIT, INSERT_ELEMENT, INSERT_GEO, SELECT_GEO_ID, SELECT_ITEM_IDS
from bigdata.registry import DriverStatement, Loader

__all__ = [
    "CLEAR",
    "INSERT_ELEMENT",
    "TRANSACTIONS",
    "Amount",
    "Entry",
    "Verdict",
    "compare",
    "forget_query",
    "golden_ledger",
    "read_ledger",
    "same_text",
    "seen_query",
    "shown",
    "workload_of",
]

TRANSACTIONS = ("autocommit", "per_record")
"""The ways of committing, as the axis of the matrix has them."""

SHOWN_CHARACTERS = 100

# Text, and what stands in it before the first parameter and behind the last.
_WORKLOAD = tuple(
    (text, text.partition("$")[0], re.split(r"\$\d+", text)[-1])
    for text in (INSERT_GEO, SELECT_GEO_ID, SELECT_ITEM_IDS, INSERT_ELEMENT)
)


@dataclass(frozen=True)
class Entry:
    """One text that the server saw: how often, and how many rows it gave or made."""

    text: str
    calls: int
    rows: int


@dataclass(frozen=True)
class Amount:
    """How much a fixture has of everything."""

    geo_records: int
    data_records: int
    rows: int


@dataclass(frozen=True)
class Verdict:
    """How a ledger compares: ``differences`` are named one by one, ``of_driver`` is what is allowed beyond it."""

    differences: tuple[str, ...]
    of_driver: tuple[Entry, ...]


def golden_ledger(amount: Amount, transaction: str) -> tuple[Entry, ...]:
    """What every loader must make the server see for such a load, and nothing else."""
    geo, data, rows = amount.geo_records, amount.data_records, amount.rows
    entries = [
        Entry(INSERT_GEO, geo, geo),
        Entry(SELECT_GEO_ID, data, data),
        Entry(SELECT_ITEM_IDS, data, rows),
        Entry(INSERT_ELEMENT, rows, rows),
    ]
    if transaction == "per_record":
        entries += [Entry(BEGIN, geo + data, 0), Entry(COMMIT, geo + data, 0)]
    return tuple(entries)


def seen_query(database: str) -> str:
    """The query for what the server saw of a database, as JSON. To be asked in another one."""
    return (
        "SELECT coalesce(json_agg(json_build_object('text', query, 'calls', calls, 'rows', rows)), '[]') "  # noqa: S608 - own name
        f"FROM pg_stat_statements JOIN pg_database ON oid = dbid WHERE datname = '{database}'"
    )


def forget_query(database: str) -> str:
    """The query that empties ``pg_stat_statements`` for a database."""
    return f"SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = '{database}'"  # noqa: S608


def read_ledger(answer: str) -> tuple[Entry, ...]:
    """The entries in the answer to ``seen_query``, each text once.

    Drivers that give each value the smallest type that holds it make several of one text.
    """
    sums: dict[str, Entry] = {}
    for row in json.loads(answer):
        text = same_text(row["text"])
        known = sums.get(text, Entry(text, 0, 0))
        sums[text] = Entry(text, known.calls + row["calls"], known.rows + row["rows"])
    return tuple(sums[text] for text in sorted(sums))


def same_text(text: str) -> str:
    """The text without what means nothing: a semicolon at its end, more than one blank (psycopg2: before a minus)."""
    return re.sub(r"\s+", " ", text).strip().rstrip(";").rstrip()


def compare(seen: Iterable[Entry], golden: Iterable[Entry], loader: Loader, connections: int = 1) -> Verdict:
    """Hold what the server saw against the golden ledger and what the registry allows the driver."""
    found = {entry.text: entry for entry in seen}
    expected = {same_text(entry.text): entry for entry in golden}
    allowed = {same_text(statement.text): statement for statement in loader.driver_statements}
    differences = [line for text, entry in expected.items() for line in _of_workload(found.get(text), entry)]
    differences += [line for text, one in allowed.items() for line in _of_driver(found.get(text), one, connections)]
    differences += [_stranger(entry) for text, entry in found.items() if text not in {*expected, *allowed}]
    return Verdict(tuple(differences), tuple(found[text] for text in allowed if text in found))


def workload_of(statement: str) -> str | None:
    """The text of the workload that a statement on the wire is, with or without its values put in; None for others."""
    for golden, begins, ends in _WORKLOAD:
        if statement.startswith(begins) and statement.endswith(ends):
            return golden
    return None


def _of_workload(found: Entry | None, expected: Entry) -> list[str]:
    calls, rows = (0, 0) if found is None else (found.calls, found.rows)
    if (calls, rows) == (expected.calls, expected.rows):
        return []
    counts = [f"{calls} of {expected.calls} calls"] if calls != expected.calls else []
    counts += [f"{rows} of {expected.rows} rows"] if rows != expected.rows else []
    return [f"{shown(expected.text)}: {', '.join(counts)}"]


def _of_driver(found: Entry | None, statement: DriverStatement, connections: int) -> list[str]:
    calls, expected = 0 if found is None else found.calls, statement.per_connection * connections
    if calls == expected:
        return []
    return [f"{shown(statement.text)}: {calls} calls, but the registry says that the driver makes {expected}"]


def _stranger(entry: Entry) -> str:
    return (
        f"{shown(entry.text)}: {entry.calls} calls, but it is neither of the workload nor among the driver's own "
        "statements in bigdata/registry.py"
    )


def shown(text: str) -> str:
    """The text, or its beginning where it is long."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."

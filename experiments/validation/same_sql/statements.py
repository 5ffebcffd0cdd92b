"""Statement log of a load: the expected one, the server's, and their comparison.

The expected log follows from the program's statements and the counts of the files, not from any loader. The server's
log is ``pg_stat_statements``: texts without values, calls and rows. Texts are compared, not ``queryid``, which depends
on the ids of tables.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import bigdata.database.statements as sql
from bigdata.database.statements import BEGIN, COMMIT, INSERT_GEO, SELECT_GEO_ID, SELECT_ITEM_IDS
from bigdata.database.statements import CLEAR as CLEAR
from bigdata.database.statements import INSERT_ELEMENT as INSERT_ELEMENT
from bigdata.registry import LOADERS, OPERATING, DriverStatement, Loader, Workload
from experiments.campaign.datasets import AskedOperations

TRANSACTIONS = ("autocommit", "per_record")
"""Values of the axis of the matrix."""

SHOWN_CHARACTERS = 100


def own_texts(loader: Loader) -> dict[str, str]:
    """Return the texts of statements of the workloads that the loader's layer over its driver makes, by the plain."""
    plain = {getattr(sql, one.statement): one.text for one in loader.wordings}
    return {text: own.replace("{}", text) for text, own in plain.items()}


_ROLLBACK = "ROLLBACK"
_CAST = re.compile(r"(?<=\d)::[A-Z]+(\(\d+, \d+\))?")

_INGEST = (INSERT_GEO, SELECT_GEO_ID, SELECT_ITEM_IDS, INSERT_ELEMENT)
_OTHERS: tuple[str, ...] = tuple(getattr(sql, name) for workload in OPERATING.values() for name in workload.statements)
# Each text as any loader has it, with its beginning up to the first parameter and its end after the last.
_TEXTS = {text: text for text in (*_INGEST, *_OTHERS)}
_TEXTS.update({own: text for loader in LOADERS.values() for text, own in own_texts(loader).items()})
_BEGINS_AND_ENDS = tuple(
    (golden, text.partition("$")[0], re.split(r"\$\d+", text)[-1]) for text, golden in _TEXTS.items()
)


@dataclass(frozen=True)
class Entry:
    """One statement of the log, with the rows that it returned or inserted."""

    text: str
    calls: int
    rows: int


@dataclass(frozen=True)
class Amount:
    """Counts of a data set."""

    geo_records: int
    data_records: int
    rows: int
    workloads: Mapping[str, AskedOperations] = field(default_factory=dict)


@dataclass(frozen=True)
class LogComparison:
    """Differences of a statement log from the expected one, and the allowed statements of the driver itself."""

    differences: tuple[str, ...]
    of_driver: tuple[Entry, ...]


def expected_log(amount: Amount, transaction: str) -> tuple[Entry, ...]:
    """Return the expected log of such a load, the same for every loader."""
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


def expected_operations(asked: AskedOperations, workload: Workload) -> tuple[Entry, ...]:
    """Return the expected log of these operations of a workload, the same for every loader."""
    calls = asked.operations + asked.checked
    fetched = asked.rows + int((asked.answers or "0").partition(":")[0])
    texts = [getattr(sql, name) for name in workload.statements]
    entries = [Entry(text, calls, fetched if text == sql.SELECT_ELEMENTS else calls) for text in texts]
    return tuple(entries) + (() if workload.autocommit else (Entry(BEGIN, calls, 0), Entry(COMMIT, calls, 0)))


def log_query(database: str) -> str:
    """Return the query for the log of a database, as JSON; to be run in another database."""
    return (
        "SELECT coalesce(json_agg(json_build_object('text', query, 'calls', calls, 'rows', rows)), '[]') "  # noqa: S608 - own name
        f"FROM pg_stat_statements JOIN pg_database ON oid = dbid WHERE datname = '{database}'"
    )


def forget_query(database: str) -> str:
    """Return the query that empties ``pg_stat_statements`` for a database."""
    return f"SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = '{database}'"  # noqa: S608


def read_log(answer: str) -> tuple[Entry, ...]:
    """Return the answer's entries, each text once: some drivers make several by the smallest type of a value."""
    sums: dict[str, Entry] = {}
    for row in json.loads(answer):
        text = same_text(row["text"])
        known = sums.get(text, Entry(text, 0, 0))
        sums[text] = Entry(text, known.calls + row["calls"], known.rows + row["rows"])
    return tuple(sums[text] for text in sorted(sums))


def same_text(text: str) -> str:
    """Return the text without a final semicolon and repeated blanks (psycopg2: before a minus)."""
    return re.sub(r"\s+", " ", text).strip().rstrip(";").rstrip()


def compare(seen: Iterable[Entry], golden: Iterable[Entry], loader: Loader, connections: int = 1) -> LogComparison:
    """Compare the server's log with the expected one and the driver's own statements in the registry.

    Those of an operation are expected as often as the first statement of the expected log.
    """
    golden = tuple(golden)
    operations = golden[0].calls if golden else 0
    found = {_without_casts(entry.text, loader): entry for entry in seen}
    own = own_texts(loader)
    expected = {same_text(own.get(one.text, one.text)): one for one in _with_first_transaction(golden, loader)}
    allowed = {same_text(statement.text): statement for statement in loader.driver_statements}
    differences = [line for text, entry in expected.items() for line in _of_workload(found.get(text), entry)]
    differences += [
        line for text, one in allowed.items() for line in _of_driver(found.get(text), one, connections, operations)
    ]
    differences += [_unexpected(entry) for text, entry in found.items() if text not in {*expected, *allowed}]
    return LogComparison(tuple(differences), tuple(found[text] for text in allowed if text in found))


def workload_of(statement: str) -> str | None:
    """Return the text of the workload for a statement of any loader, with or without values; None for others."""
    text = _CAST.sub("", same_text(statement))
    for golden, begins, ends in _BEGINS_AND_ENDS:
        if text.startswith(begins) and text.endswith(ends):
            return golden
    return None


def _without_casts(text: str, loader: Loader) -> str:
    return _CAST.sub("", text) if loader.casts_parameters else text


def _with_first_transaction(golden: Iterable[Entry], loader: Loader) -> list[Entry]:
    """Add the transaction in which a first connection asks about its server, to those of the workload."""
    entries = list(golden)
    if all(entry.text != BEGIN for entry in entries) or not any(one.per_process for one in loader.driver_statements):
        return entries
    counted = [replace(entry, calls=entry.calls + 1) if entry.text == BEGIN else entry for entry in entries]
    return [*counted, Entry(_ROLLBACK, 1, 0)]


def _of_workload(found: Entry | None, expected: Entry) -> list[str]:
    calls, rows = (0, 0) if found is None else (found.calls, found.rows)
    if (calls, rows) == (expected.calls, expected.rows):
        return []
    counts = [f"{calls} of {expected.calls} calls"] if calls != expected.calls else []
    counts += [f"{rows} of {expected.rows} rows"] if rows != expected.rows else []
    return [f"{shown(expected.text)}: {', '.join(counts)}"]


def _of_driver(found: Entry | None, statement: DriverStatement, connections: int, operations: int) -> list[str]:
    calls = 0 if found is None else found.calls
    expected = statement.per_connection * connections + statement.per_process + statement.per_operation * operations
    if calls == expected:
        return []
    return [f"{shown(statement.text)}: {calls} calls, but the registry has {expected} for this driver"]


def _unexpected(entry: Entry) -> str:
    return f"{shown(entry.text)}: {entry.calls} calls, but neither workload nor registry has it for this driver"


def shown(text: str) -> str:
    """Return the text, cut if it is long."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."

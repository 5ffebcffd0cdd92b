"""Loaders that do other work than they are asked for: copies of the package in which something was rewritten."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from experiments.environment.hashes import PROJECT

PSYCOPG2 = "loaders/psycopg2.py"
PSYCOPG = "loaders/psycopg.py"
AIOPG = "loaders/aiopg.py"
ASYNCPG = "loaders/asyncpg.py"


@dataclass(frozen=True)
class Sabotage:
    """``changes`` are texts of ``file`` below ``bigdata/``, each with what takes its place, wherever it stands.

    ``more`` is what the module has beyond that, at its end.
    """

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    more: str = ""


def copy_package(name: str, folder: Path) -> None:
    """Copy a folder of the project, with its bytecode: it is of the same files, as long as they have the same times."""
    # Python writes bytecode under another name at first.
    shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc.*"))


def sabotaged_copy(folder: Path, sabotage: Sabotage | None) -> Path:
    """A folder with a copy of the loader's package, which None leaves as it is.

    Fails where a text is not there any more: nothing would have been sabotaged.
    """
    copy_package("bigdata", folder)
    if sabotage is None:
        return folder
    module = folder / "bigdata" / sabotage.file
    text = module.read_text()
    for wanted, instead in sabotage.changes:
        assert wanted in text, f"{sabotage.name}: {sabotage.file} does not have {wanted!r} any more"
        text = text.replace(wanted, instead)
    text += sabotage.more
    # What is no Python any more would fail, too, but for no reason that matters.
    compile(text, sabotage.file, "exec")
    module.write_text(text)
    return folder


_SELECT_AND_USE = (
    "    cursor.execute(SELECT_ITEM_IDS, (record.segment,))\n"
    "    for (item_id,), value in zip(item_rows(record, cursor.fetchall()), record.values):"
)
_SELECT_ONCE = (
    "    if record.segment not in KNOWN:\n"
    "        cursor.execute(SELECT_ITEM_IDS, (record.segment,))\n"
    "        KNOWN[record.segment] = cursor.fetchall()\n"
    "    for (item_id,), value in zip(KNOWN[record.segment], record.values):"
)
_INSERT = "(INSERT_ELEMENT, (geo_id, item_id, value))"
_LOAD = "insert_elements(cursor, record)"
_VALUES = "record.values):\n        cursor.execute"


# What the 2014 demo did at its hand-off.
_UNLESS = "if record.logrecno != '0000002':"
DROPS_A_RECORD = {
    PSYCOPG2: Sabotage("drops a record", PSYCOPG2, ((f"            {_LOAD}", f"            {_UNLESS} {_LOAD}"),)),
    AIOPG: Sabotage("drops a record", AIOPG, ((f"            await {_LOAD}", f"            {_UNLESS} await {_LOAD}"),)),
    ASYNCPG: Sabotage(
        "drops a record", ASYNCPG, (("        await insert_elements(", f"        {_UNLESS} await insert_elements("),)
    ),
}
COMMITS_PER_STATEMENT = {
    PSYCOPG2: Sabotage(
        "commits per statement",
        PSYCOPG2,
        ((f"cursor.execute{_INSERT}", f"cursor.execute{_INSERT}; cursor.connection.commit()"),),
    ),
    AIOPG: Sabotage(
        "commits per statement",
        AIOPG,
        (("await cursor.execute(sql.BEGIN)", "pass"), ("await cursor.execute(sql.COMMIT)", "pass")),
    ),
    ASYNCPG: Sabotage(
        "commits per statement",
        ASYNCPG,
        (("await transaction.start()", "pass"), ("await transaction.commit()", "pass")),
    ),
}
SKIPS_A_SELECT = {
    PSYCOPG2: Sabotage("skips a SELECT", PSYCOPG2, ((_SELECT_AND_USE, _SELECT_ONCE),), "\n\nKNOWN = {}\n"),
    PSYCOPG: Sabotage("skips a SELECT", PSYCOPG, ((_SELECT_AND_USE, _SELECT_ONCE),), "\n\nKNOWN = {}\n"),
    AIOPG: Sabotage(
        "skips a SELECT",
        AIOPG,
        (
            (
                "    await cursor.execute(SELECT_GEO_ID, (record.fileid, record.stusab, record.logrecno))\n"
                "    geo_id = geo_record_id(record, await cursor.fetchone())\n",
                "    if not KNOWN:\n        await cursor.execute('SELECT stusab || logrecno, id FROM geo_record')\n"
                "        KNOWN.update(await cursor.fetchall())\n    geo_id = KNOWN[record.stusab + record.logrecno]\n",
            ),
        ),
        "\n\nKNOWN = {}\n",
    ),
    ASYNCPG: Sabotage(
        "skips a SELECT",
        ASYNCPG,
        (
            (
                "    items = item_rows(record, await connection.fetch(sql.SELECT_ITEM_IDS, record.segment))\n",
                "    if not KNOWN:\n        KNOWN.extend(await connection.fetch(sql.SELECT_ITEM_IDS, record.segment))\n"
                "    items = KNOWN\n",
            ),
        ),
        "\n\nKNOWN = []\n",
    ),
}
IS_SERIAL = {
    PSYCOPG2: Sabotage(
        "is serial in silence",
        PSYCOPG2,
        (
            ("            insert_elements(cursor, record)", "            with ONE: insert_elements(cursor, record)"),
            (
                "            cursor.execute(INSERT_GEO, record)",
                "            with ONE: cursor.execute(INSERT_GEO, record)",
            ),
        ),
        "\n\nimport threading\nONE = threading.Lock()\n",
    ),
    # Phase geo is as it should be.
    ASYNCPG: Sabotage(
        "is serial in silence",
        ASYNCPG,
        (("        await insert_elements(", "        async with ONE: await insert_elements("),),
        "\n\nONE = asyncio.Lock()\n",
    ),
}
LOADS_A_VALUE_WRONG = {
    PSYCOPG2: Sabotage("loads a value wrong", PSYCOPG2, ((_INSERT, _INSERT.replace("value", "value + (value == 0)")),)),
    PSYCOPG: Sabotage("loads a value wrong", PSYCOPG, ((_INSERT, _INSERT.replace("value", "value + (value == 0)")),)),
    ASYNCPG: Sabotage(
        "loads a value wrong", ASYNCPG, (("geo_id, item_id, value)", "geo_id, item_id, value + (value == 0))"),)
    ),
}
SWAPS_TWO_VALUES = Sabotage(
    "swaps two values of a record",
    PSYCOPG2,
    ((_VALUES, "(record.values[-1], *record.values[1:-1], record.values[0])):\n        cursor.execute"),),
)
LOADS_ONE_TWICE = Sabotage(
    "inserts one value twice and another not at all",
    PSYCOPG2,
    (
        (
            _SELECT_AND_USE,
            _SELECT_AND_USE.replace(
                "zip(item_rows(record, cursor.fetchall()), record.values)",
                "twice(list(zip(item_rows(record, cursor.fetchall()), record.values)))",
            ),
        ),
    ),
    "\n\ndef twice(pairs):\n    return [*pairs[:-1], pairs[0]]\n",
)
LOADS_A_RECORD_TWICE = Sabotage(
    "loads one record twice and another not at all",
    PSYCOPG2,
    ((f"            {_LOAD}", "            insert_elements(cursor, twice(record))"),),
    "\n\nFIRST = {}\n\n\ndef twice(record):\n    first = FIRST.setdefault(record.stusab, record)\n"
    "    return first if record.logrecno == '0000002' else record\n",
)
TAKES_ANOTHER_GEO_RECORD = Sabotage(
    "puts a record under another geo record",
    PSYCOPG2,
    (("record.logrecno))", "record.logrecno.replace('2', '1')))"),),
)
TAKES_ANOTHER_STATE = Sabotage(
    "forgets the state, as the demo did", PSYCOPG2, (("record.stusab, record.logrecno))", "'DE', record.logrecno))"),)
)
LOADS_A_GEO_VALUE_WRONG = Sabotage(
    "loads a value of a geo record wrong",
    PSYCOPG2,
    (("(INSERT_GEO, record)", "(INSERT_GEO, record._replace(hu100=record.hu100 + 1))"),),
)
LOADS_NULL_AS_TEXT = Sabotage(
    "loads an empty text for NULL",
    PSYCOPG2,
    (("(INSERT_GEO, record)", "(INSERT_GEO, ['' if value is None else value for value in record])"),),
)
SHARES_A_CONNECTION = Sabotage(
    "has one connection instead of several",
    PSYCOPG2,
    (),
    "\n\nimport threading\n_CONNECT, ONE, ONLY = connect, [], threading.Lock()\n\n\n"
    "def connect(url, **options):\n    with ONLY:\n        if not ONE:\n"
    "            ONE.append(_CONNECT(url, **options))\n"
    "    return ONE[0]\n",
)
SENDS_MORE = {
    ASYNCPG: Sabotage(
        "sends a statement more for each record",
        ASYNCPG,
        (("    geo_id = known_geo_id(", "    await connection.fetchval('SELECT 1')\n    geo_id = known_geo_id("),),
    ),
    # Not prepared, so that it is a transaction and nothing more.
    PSYCOPG: Sabotage(
        "sends a statement more for each record",
        PSYCOPG,
        (
            (
                "    geo_id = geo_record_id(record, cursor.fetchone())\n",
                "    geo_id = geo_record_id(record, cursor.fetchone())\n"
                "    cursor.execute('SELECT 1', prepare=False)\n",
            ),
        ),
    ),
}
COUNTS_TWICE = Sabotage("counts its rows twice", "runtimes/feed.py", (("self.rows += sum(", "self.rows += 2 * sum("),))
COUNTS_NOTHING = Sabotage(
    "counts none of its rows", "runtimes/feed.py", (("self.rows += sum(", "self.rows += 0 * sum("),)
)
SETS_ITS_SESSION = Sabotage(
    "asks for commits that do not wait for the disk",
    PSYCOPG2,
    (
        (
            "        url,\n        client_encoding=CLIENT_ENCODING,",
            "        url,\n        options='-c synchronous_commit=off',\n        client_encoding=CLIENT_ENCODING,",
        ),
    ),
)

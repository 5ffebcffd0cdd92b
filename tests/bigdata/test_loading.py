"""Whole loads: what is in the files is in the tables, by every loader, and the server counted what was expected."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bigdata.census.digest_files import digest_of
from bigdata.census.source import open_source
from bigdata.choice import check_choice
from bigdata.database import statements as sql
from bigdata.database.dburl import open_connection
from bigdata.database.verification import digest_tables
from bigdata.registry import LOADERS, LOOP_PACKAGES, expected_transactions, preparing_transactions
from bigdata.runtimes import feed
from bigdata.runtimes.job import Job
from experiments.validation.same_sql.statements import own_texts
from tests.bigdata import loader_program as program

pytestmark = pytest.mark.postgres

every_hot_loop = pytest.mark.parametrize("loader", program.HOT_LOOPS, ids=program.name_of)
every_runtime = pytest.mark.parametrize("loader", program.REPRESENTATIVES, ids=program.name_of)
# Besides the first one, which loaders use by themselves.
every_other_protocol = pytest.mark.parametrize(
    ("loader", "protocol"),
    [(pair, protocol) for pair in program.HOT_LOOPS for protocol in LOADERS[pair[0]].protocols[1:]],
    ids=lambda value: value if isinstance(value, str) else program.name_of(value),
)

# For loads in which the disk is not in question.
QUICK = "?options=-csynchronous_commit%3Doff"

VALUES = """
    SELECT logrecno, value::text FROM data_element
    JOIN geo_record ON geo_record.id = geo_record_id
    JOIN dictionary_item ON dictionary_item.id = dictionary_item_id JOIN matrix ON matrix.id = matrix_id
    WHERE segment_id = '{}' AND stusab = '{}' ORDER BY logrecno, sortkey, dictionary_item.index
"""


def lines_of(directory: Path, stem: str) -> list[list[str]]:
    with zipfile.ZipFile(directory / f"{stem}_uf1.zip") as archive:
        data = archive.read(archive.namelist()[0])
    return [line.rstrip("\r\n").split(",") for line in io.StringIO(data.decode("latin-1"), newline="")]


def expected_values(directory: Path, stem: str) -> list[tuple[str, str]]:
    return [(fields[4], value) for fields in lines_of(directory, stem) for value in fields[5:]]


def check_work(
    report: dict[str, Any], directory: Path, records: int | None = None, *, executemany: bool = False
) -> None:
    """The tables hold what the files do, and the server counted the transactions that the registry expects."""
    source, loader, work = open_source(directory, records=records), LOADERS[report["loader"]], report["work"]
    files, autocommit = digest_of(source), report["transaction"] == "autocommit"
    assert (work["digest"], work["data_records"], work["rows"]) == (files.digest, files.data_records, files.rows)
    least = expected_transactions(
        loader,
        geo_records=work["geo_records"],
        data_records=work["data_records"],
        rows=work["rows"],
        poolsize=report["poolsize"],
        autocommit=autocommit,
        executemany=executemany,
    )
    more = preparing_transactions(
        loader,
        files.inserts,
        data_records=work["data_records"],
        poolsize=report["poolsize"],
        autocommit=autocommit,
        protocol=report["protocol"],
        executemany=executemany,
    )
    assert work["transactions"] - least in more


@pytest.mark.parametrize("loader", program.LOADERS, ids=program.NAMES)
def test_every_loader_does_the_expected_work_and_reports_it(loader: program.Pair, dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=8)
    # Set-up and verification are processes of their own, which have the driver in common with a run, but no runtime.
    load = program.load if loader in program.HOT_LOOPS else program.load_prepared
    report = load(loader, directory, 3, "--records", "6", dburl=dburl)
    check_work(report, directory, records=6)
    check_parts(report, loader)


def check_parts(report: dict[str, Any], loader: program.Pair) -> None:
    """The report has what a report is to have, and numbers that can be."""
    assert set(report) == {
        "schema", "loader", "loop", "protocol", "poolsize", "transaction", "inserts", "phases", "client", "work",
        "session",
    }  # fmt: skip
    assert (report["schema"], report["loader"], report["loop"], report["transaction"]) == (1, *loader, "autocommit")
    assert report["phases"]["geo"]["rows"] == 6
    assert report["phases"]["data"]["rows"] == 1332
    data = report["phases"]["data"]
    times = {"wall_s", "started_s", "ended_s", "user_s", "system_s", "run_queue_s"}
    assert set(data) == {"rows", *times, "throttled_periods", "throttled_s", "throttling_quota"}
    assert report["phases"]["geo"]["ended_s"] <= data["started_s"] < data["ended_s"]
    assert report["client"]["cpu_s"] > data["user_s"] + data["system_s"]
    registered = LOADERS[loader[0]]
    assert report["protocol"] == registered.protocols[0]
    assert set(report["client"]["packages"]) == {*registered.modules, *({loader[1]} & set(LOOP_PACKAGES))}
    assert (report["client"]["libpq"] is None) == ("asyncpg" in registered.modules)
    assert (report["client"]["driver_implementation"] in registered.implementations) == bool(registered.implementations)
    assert 10_000_000 < report["client"]["peak_rss_bytes"] < 150_000_000
    assert report["work"]["records_read_ahead"] == 12
    assert report["work"]["records_streamed"] == 0
    rows, latency_s = report["client"]["rows_per_worker"], report["client"]["record_latency_s"]
    assert list(rows) == ["smallest", "largest"]
    assert rows["smallest"] % 222 == rows["largest"] % 222 == 0
    assert rows["smallest"] <= 1332 / report["poolsize"] <= rows["largest"] <= 1332
    assert list(latency_s) == ["p50", "p95", "p99"]
    # A class is 1.1% wide.
    wall_s = report["phases"]["data"]["wall_s"] * 1.01
    assert 0 < latency_s["p50"] <= latency_s["p95"] <= latency_s["p99"] <= wall_s


@every_hot_loop
def test_a_transaction_per_record_loads_the_same(loader: program.Pair, dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=3)
    report = program.load_prepared(loader, directory, 6, "--no-autocommit", dburl=dburl)
    assert report["transaction"] == "per_record"
    check_work(report, directory)


@every_other_protocol
def test_every_protocol_loads_the_same(loader: program.Pair, protocol: str, dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=3)
    report = program.load_prepared(loader, directory, 1, "--protocol", protocol, dburl=dburl)
    assert report["protocol"] == protocol
    assert report["work"]["digest"] == digest_of(open_source(directory)).digest


def load_again(loader: program.Pair, directory: Path, dburl: str, *options: str) -> dict[str, Any]:
    program.query(dburl, sql.CLEAR)
    return program.load_prepared(loader, directory, 1, *options, dburl=dburl)


@pytest.mark.parametrize(
    "loader", [pair for pair in program.HOT_LOOPS if LOADERS[pair[0]].prepares_apart], ids=program.name_of
)
def test_a_statement_that_is_prepared_apart_is_a_transaction_more(
    loader: program.Pair, dburl: str, tmp_path: Path
) -> None:
    directory = program.generate(tmp_path, records=3)
    counted = [
        load_again(loader, directory, dburl, "--protocol", protocol, *options)["work"]["transactions"]
        for protocol, *options in (("prepared",), ("extended",), ("prepared", "--no-autocommit"))
    ]
    # Each of four statements, the INSERTs again for values of other types: with one connection it is known exactly.
    inserts = digest_of(open_source(directory)).inserts
    assert counted[0] - counted[1] == len(inserts.geo) + 2 + len(inserts.data)
    assert counted[1] == 3 + 3 * 2 + 3 * 222 + 1
    assert counted[2] == 3 + 3 + 1


@every_hot_loop
def test_decimals_and_gaps_are_loaded_value_by_value(loader: program.Pair, dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, segments="02,12", records=4)
    report = program.load(loader, directory, 3, "--prepared", dburl=dburl)
    for segment in ("02", "12"):
        wanted = expected_values(directory, f"ri000{segment}")
        assert program.query(dburl, VALUES.format(segment, "RI")) == wanted
    assert report["work"]["data_records"] < 8  # the gaps of segment 12
    assert program.query(dburl, "SELECT count(*) > 0 FROM data_element WHERE scale(value) > 0") == [(True,)]


@every_runtime
def test_two_states_in_one_directory_are_kept_apart(loader: program.Pair, dburl: str, tmp_path: Path) -> None:
    program.generate(tmp_path, state="RI", records=3)
    program.generate(tmp_path, state="DE", records=4)
    program.load(loader, tmp_path, 4, "--prepared", dburl=dburl)
    assert program.query(dburl, VALUES.format("01", "RI")) == expected_values(tmp_path, "ri00001")
    assert program.query(dburl, VALUES.format("01", "DE")) == expected_values(tmp_path, "de00001")


@pytest.mark.parametrize("options", [(), ("--no-autocommit",)], ids=["autocommit", "per_record"])
@pytest.mark.parametrize(
    "loader", [pair for pair in program.HOT_LOOPS if LOADERS[pair[0]].executemany], ids=program.name_of
)
def test_executemany_loads_the_same(loader: program.Pair, options: tuple[str, ...], dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=4)
    report = program.load_prepared(loader, directory, 3, "--allow-executemany", *options, dburl=dburl)
    assert report["inserts"] == "executemany"
    check_work(report, directory, executemany=True)


@pytest.mark.parametrize(
    ("poolsize", "loader"),
    [
        (poolsize, pair)
        for pair in program.REPRESENTATIVES
        if pair in program.NOT_PATCHING
        # None, some and most of the workers have nothing to do.
        for poolsize in ((1, 7, 30) if LOADERS[pair[0]].concurrent else (1,))
    ],
    ids=lambda value: str(value) if isinstance(value, int) else program.name_of(value),
)
def test_nothing_is_lost_while_records_are_streamed(
    poolsize: int, loader: program.Pair, dburl: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed.Feed.fill, "__defaults__", (10,))
    monkeypatch.setattr(feed, "BATCH_RECORDS", 3)
    source = open_source(program.generate(tmp_path, segments="39", records=24))
    choice = check_choice(*loader, poolsize, executemany=False)
    phases = (
        ("geo", source.geo_records(), lambda record: 1),
        ("data", source.data_records(), lambda record: len(record.values)),
    )

    outcome = choice.run(
        Job(choice.driver, f"{dburl}{QUICK}", poolsize, True, False, protocol=choice.protocol, phases=phases)
    )

    assert (outcome.read_ahead, outcome.streamed) == (20, 28)
    with open_connection(dburl) as connection:
        assert digest_tables(connection).digest == digest_of(source).digest


def test_a_report_file_is_written_whole_and_the_summary_goes_to_standard_output(dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path / "files", records=5)
    arguments = program.load_arguments(("row_by_row_asyncio", None), directory, 2)
    done = program.run(*arguments, "--report", str(tmp_path / "report.json"), dburl=dburl)
    assert done.returncode == 0
    assert json.loads((tmp_path / "report.json").read_text())["loop"] == "asyncio"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["report.json"]
    assert done.stdout.splitlines()[0].startswith("row_by_row_asyncio on asyncio, protocol simple")
    assert "data rows per worker; a data record took" in done.stdout.splitlines()[3]
    assert "10 records were read and parsed before the clock started" in done.stdout


@every_hot_loop
def test_echo_counts_each_distinct_statement(loader: program.Pair, dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=2)
    done = program.run(
        *program.load_arguments(loader, directory, 2, "--echo", "--no-autocommit", "--prepared"), dburl=dburl
    )
    counts = {line.strip().split("  ", 1)[1]: line.split()[0] for line in done.stdout.splitlines()[5:]}
    own = {"SELECT t.oid, typarray FROM pg_type"}  # aiopg's, once per connection
    names = ("INSERT_ELEMENT", "INSERT_GEO", "SELECT_GEO_ID", "SELECT_ITEM_IDS", "BEGIN", "COMMIT")
    layers = own_texts(LOADERS[loader[0]])
    texts = [layers.get(text, text) for text in (getattr(sql, name) for name in names)]
    counted = {text: count for text, count in counts.items() if not any(map(text.startswith, own))}
    # Placeholders are the driver's: %s, of SQLAlchemy with names, or the server's own, which it casts.
    plain = {re.sub(r"%\(\w+\)s", "%s", re.sub(r"(?<=\d)::[A-Z]+(\(9, 6\))?", "", text)): text for text in counted}
    assert {sql.pyformat(text) if "$1" in text else text: counted[sent] for text, sent in plain.items()} == dict(
        zip(map(sql.pyformat, texts), ("444", "2", "2", "2", "4", "4"), strict=True)
    )


@every_runtime
def test_profile_shows_the_calls_of_every_worker(loader: program.Pair, dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=3)
    done = program.run(*program.load_arguments(loader, directory, 3, "--profile", "--prepared"), dburl=dburl)
    assert done.returncode == 0, done.stderr
    executed = [line for line in done.stdout.splitlines() if "method 'execute'" in line or ":0(execute)" in line]
    # Of three records: the geo INSERT, two SELECTs and 222 INSERTs; aiopg looks something up per connection.
    assert executed[0].split()[0] == str(3 + 3 * 224 + (3 if loader[1] else 0))


def test_a_changed_table_is_noticed(dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=5)
    program.query(
        dburl,
        "CREATE FUNCTION interfere() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.value := NEW.value + 1; RETURN NEW; END $$;"
        "CREATE TRIGGER interfere BEFORE INSERT ON data_element FOR EACH ROW EXECUTE FUNCTION interfere()",
    )
    done = program.run(*program.load_arguments(("row_by_row_threaded", None), directory, 2), dburl=dburl)
    assert done.returncode == 1
    assert "error: the tables do not hold what the files do" in done.stderr


@pytest.mark.sf1
# The driver that sends values as text, and the one that sends them in binary.
@pytest.mark.parametrize(
    "loader", [("row_by_row_threaded", None), ("row_by_row_asyncpg", "asyncio")], ids=program.name_of
)
def test_the_first_places_of_delaware_have_their_population(loader: program.Pair, dburl: str, sf1_dir: Path) -> None:
    program.load(loader, sf1_dir / "Delaware", 3, "--records", "8", "--prepared", dburl=f"{dburl}{QUICK}")
    wrong = """
        SELECT count(*), count(*) FILTER (WHERE value <> pop100) FROM data_element
        JOIN geo_record ON geo_record.id = geo_record_id
        JOIN dictionary_item ON dictionary_item.id = dictionary_item_id JOIN matrix ON matrix.id = matrix_id
        WHERE matrix.code = 'P1'
    """
    assert program.query(dburl, wrong) == [(8, 0)]

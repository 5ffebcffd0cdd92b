"""The ceilings: PostgreSQL's own programs load what the loaders load, as far as they can, and are measured alike."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bigdata.census.sf1 import DataRecord
from bigdata.database import statements as sql
from bigdata.database.dburl import hide_password, open_connection
from bigdata.errors import Unsupported
from bigdata.measurement.measure import Usage
from bigdata.registry import LOADERS, TypedInserts, expected_transactions, preparing_transactions
from bigdata.runtimes.pgbench import Script, find_step
from bigdata.runtimes.programs import FOLDER_VARIABLE, WAIT_AT_GATE, Program, divide_usage, find_program
from bigdata.runtimes.programs import _run as run_program
from experiments.engines.local.postgres_binaries import Binaries
from tests.bigdata import loader_program as program

CEILINGS = [loader.name for loader in LOADERS.values() if loader.ceiling]
every_ceiling = pytest.mark.parametrize("name", CEILINGS)


def record(logrecno: int, values: int = 222, segment: str = "01") -> DataRecord:
    return DataRecord("uSF1", "NY", "000", segment, f"{logrecno:07}", segment, (Decimal("1.5"),) * values)


class Client:
    """What pgbench does with one client: enough of its language for the script, none of its SQL."""

    def __init__(self, script: Script, number: int) -> None:
        self._lines = list(script.lines())
        self._variables: dict[str, int] = {"client_id": number, "left": 0, "turn": 0}
        self.sent: list[str] = []

    def go_through(self) -> None:
        taken: list[bool] = []
        for line in self._lines:
            word, _, rest = line.partition(" ")
            if word == "\\if":
                taken.append(all(taken) and bool(self._value(rest)))
            elif word == "\\else":
                outer = all(taken[:-1])
                taken[-1] = outer and not taken[-1]
            elif word == "\\endif":
                taken.pop()
            elif all(taken):
                self._do(line, word, rest)
        assert taken == []

    def _do(self, line: str, word: str, rest: str) -> None:
        if word == "\\set":
            name, _, expression = rest.partition(" ")
            self._variables[name] = self._value(expression)
        elif word == "\\shell":
            self.sent.append("gate")
        else:
            statement, _, into = line.partition(" \\")
            self.sent.append(re.sub(r":(\w+)", lambda found: str(self._variables.get(found[1], found[0])), statement))
            if into:
                self._variables["geo_id" if into == "gset geo_" else "last_id"] = 9000

    def _value(self, expression: str) -> int:
        # Nothing but numbers is left of it.
        return int(
            eval(re.sub(r":(\w+)", lambda found: str(self._variables[found[1]]), expression).replace(" = ", "=="))
        )


def sent_by(script: Script, clients: int) -> list[list[str]]:
    every = [Client(script, number) for number in range(clients)]
    for client in every:
        for _ in range(script.turns):
            client.go_through()
    return [client.sent for client in every]


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("clients", [1, 3, 7, 8])
def test_clients_of_pgbench_share_the_records_and_send_each_ones_selects_and_inserts(
    clients: int, *, prepared: bool
) -> None:
    records = [record(number) for number in range(1, 8)]
    script = Script(records, clients, prepared=prepared, autocommit=True)
    assert script.step == (6 if prepared else 222)
    everything = sent_by(script, clients)
    assert everything[0][0] == "gate"
    statements = [one for sent in everything for one in sent if one != "gate"]
    assert len(statements) == 7 * 224
    for number in range(1, 8):
        key = ("'uSF1'", "'NY'", f"'{number:07}'")
        assert statements.count(sql.with_values(sql.SELECT_GEO_ID, *key)) == 1
    assert statements.count(sql.with_values(sql.SELECT_ITEM_IDS, "'01'")) == 7
    inserts = [one for one in everything[0] if one.startswith("INSERT")][:222]
    assert inserts == [sql.with_values(sql.INSERT_ELEMENT, 9000, item, ":value") + ";" for item in range(8779, 9001)]


def test_segments_of_different_lengths_are_loaded_by_single_inserts() -> None:
    records = [record(1), record(1, 149, "04"), record(2)]
    script = Script(records, 2, prepared=False, autocommit=True)
    assert script.step == 1
    first, second = sent_by(script, 2)
    assert sum(one.startswith("INSERT") for one in first) == 444
    assert sum(one.startswith("INSERT") for one in second) == 149
    assert sql.with_values(sql.SELECT_ITEM_IDS, "'04'") in second


def test_a_transaction_per_record_is_begun_and_committed_within_the_script() -> None:
    (sent,) = sent_by(Script([record(1), record(2)], 1, prepared=False, autocommit=False), 1)
    assert [sent.count("BEGIN;"), sent.count("COMMIT;")] == [2, 2]
    assert (sent[1], sent[226]) == ("BEGIN;", "COMMIT;")


@pytest.mark.parametrize(
    ("rows", "prepared", "step"),
    [
        ([222], False, 222),
        ([222], True, 6),
        ([222, 149], False, 1),
        ([245], True, 7),
        ([222] * 500, True, 6),
        ([222] * 501, True, 37),
    ],
)
def test_a_script_has_as_many_inserts_as_go_into_every_record(rows: list[int], *, prepared: bool, step: int) -> None:
    assert find_step(rows, prepared=prepared) == step


@pytest.mark.parametrize(
    ("name", "poolsize", "autocommit", "expected"),
    [
        ("ceiling_pgbench", 20, True, 22_500 + 40 + 1),
        ("ceiling_pgbench", 20, False, 200 + 40 + 1),
        ("ceiling_psql_file", 1, True, 22_500 + 2 + 3),
        ("ceiling_psql_file", 1, False, 200 + 2 + 3),
        ("ceiling_copy", 1, True, 100 + 1 + 2 + 3),
    ],
)
def test_how_many_transactions_a_ceiling_takes(name: str, poolsize: int, *, autocommit: bool, expected: int) -> None:
    found = expected_transactions(
        LOADERS[name], geo_records=100, data_records=100, rows=22_200, poolsize=poolsize, autocommit=autocommit
    )
    assert found == expected


def test_pgbench_prepares_the_selects_of_ids_once_and_the_others_on_each_connection() -> None:
    def more(protocol: str) -> range:
        return preparing_transactions(
            LOADERS["ceiling_pgbench"],
            TypedInserts(),
            data_records=100,
            poolsize=20,
            autocommit=True,
            protocol=protocol,
        )

    assert more("simple") == range(1)
    assert more("prepared") == range(102, 100 + 20 * (39 + 8) + 1)


def test_a_program_that_is_not_there_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(
        Unsupported, match=rf"^pgbench was not found in {tmp_path}, which BIGDATA_PG_BIN names; install"
    ):
        find_program("pgbench")
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match=r"^psql was not found in PATH, and BIGDATA_PG_BIN is not set; install"):
        find_program("psql")


def test_a_program_that_does_not_start_is_told_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "psql"
    path.write_text("#!/bin/sh\necho no such library\nexit 127\n")
    path.chmod(0o755)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(Unsupported, match=r"psql does not start here: no such library$"):
        find_program("psql")


@pytest.mark.parametrize("url", ["postgresql://u:s%26cret@h:1/d", "postgresql://u@h:1/d?password=s%26cret"])
def test_a_password_is_in_a_variable_and_on_no_command_line(url: str) -> None:
    database, variables = hide_password(url)
    assert "cret" not in database
    assert "host=h" in database
    assert variables == {"PGPASSWORD": "s&cret"}


@pytest.fixture
def programs(binaries: Binaries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(binaries.folder))


def load(name: str, directory: Path, *options: str, dburl: str) -> dict[str, Any]:
    poolsize = 7 if LOADERS[name].concurrent else 1
    return program.load((name, None), directory, poolsize, *options, dburl=dburl)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, ()) for name in CEILINGS),
        ("ceiling_pgbench", ("--protocol", "prepared")),
        ("ceiling_pgbench", ("--no-autocommit",)),
        ("ceiling_psql_file", ("--no-autocommit",)),
    ],
)
def test_a_ceiling_does_the_work_that_is_asked_for_and_the_server_counts_it(
    name: str, options: tuple[str, ...], programs: None, dburl: str, tmp_path: Path
) -> None:
    report = load(name, program.generate(tmp_path, records=8), *options, dburl=dburl)
    work, phases = report["work"], report["phases"]
    assert (work["geo_records"], work["data_records"], work["rows"]) == (8, 8, 1776)
    autocommit = "--no-autocommit" not in options
    least = expected_transactions(
        LOADERS[name],
        geo_records=8,
        data_records=8,
        rows=1776,
        poolsize=report["poolsize"],
        autocommit=autocommit,
    )
    # With one segment each client prepares one SELECT and 6 INSERTs.
    assert work["transactions"] - least == (8 + 7 * 7 if "prepared" in options else 0)
    assert 0 < phases["data"]["user_s"] + phases["data"]["system_s"] <= phases["data"]["wall_s"]
    assert set(report["client"]["packages"]) == {"psycopg2", "pgbench" if "pgbench" in name else "psql"}
    assert report["client"]["record_latency_s"] is None


@pytest.mark.postgres
def test_pgbench_gives_each_record_its_items_once(programs: None, dburl: str, tmp_path: Path) -> None:
    load("ceiling_pgbench", program.generate(tmp_path, records=8), "--prepared", dburl=dburl)
    with open_connection(dburl) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT dictionary_item_id) FROM data_element GROUP BY geo_record_id")
        assert cursor.fetchall() == [(222, 222)] * 8
        cursor.execute(
            "SELECT DISTINCT segment_id FROM data_element "
            "JOIN dictionary_item ON dictionary_item.id = dictionary_item_id JOIN matrix ON matrix.id = matrix_id"
        )
        assert cursor.fetchall() == [("01",)]


@pytest.mark.postgres
@every_ceiling
def test_what_the_server_refuses_is_told_in_its_words(name: str, programs: None, dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=5)
    with open_connection(dburl) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE data_element ADD CHECK (value < 0) NOT VALID")
    poolsize = "2" if LOADERS[name].concurrent else "1"
    arguments = ("run", name, "--prepared", "--directory", str(directory), "--poolsize", poolsize)
    finished = program.run(*arguments, dburl=dburl)
    assert finished.returncode == 1
    assert re.search(r"^error: (pgbench|psql): .*ERROR:  new row for relation .*violates check", finished.stderr)


def locked(dburl: str) -> list[tuple[str]]:
    return [
        row
        for row in program.query(dburl, "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        if "data_element" in row[0]
    ]


@pytest.mark.postgres
def test_nothing_stays_of_a_ceiling_that_is_stopped(
    programs: None, dburl: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = program.generate(tmp_path / "data", records=5)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    with open_connection(dburl) as holder, holder.cursor() as cursor:
        # psql waits for the lock, in the middle of phase data.
        holder.autocommit = False
        cursor.execute("LOCK data_element IN ACCESS EXCLUSIVE MODE")
        arguments = ["run", "ceiling_psql_file", "--prepared", "--directory", str(directory), "--poolsize", "1"]
        process = program.start(*arguments, dburl=dburl)
        program.wait_for(lambda: bool(locked(dburl)))
        process.terminate()
        _, errors = process.communicate(timeout=20)
        holder.rollback()
    assert process.returncode == 130, errors
    assert list((tmp_path / "temporary").iterdir()) == []
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in found


@pytest.fixture
def waiting_program(tmp_path: Path) -> Program:
    """Starts the shell that waits at the gate, as pgbench and psql do, and nothing else."""
    path = tmp_path / "waiting"
    path.write_text(f"#!/bin/sh\nsh -c 'echo $$ > shell; {WAIT_AT_GATE}'\n")
    path.chmod(0o755)
    return Program("waiting", str(path), "17")


def shell_has_ended(folder: Path) -> bool:
    return not Path(f"/proc/{(folder / 'shell').read_text().strip()}").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="programs are measured on Linux only")
def test_nobody_waits_at_the_gate_any_more_where_a_load_is_stopped_before_it_is_opened(
    waiting_program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_stopped(process: subprocess.Popen[bytes], gate: Path) -> int:
        program.wait_for(lambda: (tmp_path / "shell").exists() and (tmp_path / "shell").read_text() != "")
        raise KeyboardInterrupt

    monkeypatch.setattr("bigdata.runtimes.programs._open_gate", be_stopped)
    job: Any = SimpleNamespace(url="postgresql://localhost/bigdata")
    with pytest.raises(KeyboardInterrupt):
        run_program(waiting_program, [], job, tmp_path, 1)
    program.wait_for(lambda: shell_has_ended(tmp_path))


@pytest.mark.postgres
@every_ceiling
def test_check_says_whether_the_program_is_there(
    name: str, programs: None, dburl: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "can run here" in program.run("check", name, dburl=dburl).stdout
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    said = program.run("check", name, dburl=dburl).stdout
    assert f"{name} cannot run here: {'pgbench' if 'pgbench' in name else 'psql'} was not found in" in said


@pytest.mark.postgres
def test_nobody_counts_what_a_program_sends(programs: None, dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=5)
    finished = program.run(
        "run", "ceiling_copy", "--directory", str(directory), "--poolsize", "1", "--echo", dburl=dburl
    )
    assert finished.returncode == 2
    assert "--echo, --profile: psql is a program of PostgreSQL's" in finished.stderr
    assert os.environ[FOLDER_VARIABLE]


def test_the_list_says_which_programs_are_here(
    binaries_found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed() -> dict[str, str]:
        lines = program.run("list").stdout.splitlines()
        return {line.split()[0]: line for line in lines if line.startswith("ceiling_")}

    monkeypatch.setenv(FOLDER_VARIABLE, str(binaries_found))
    assert all("  yes  " in line for line in listed().values())
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    found = listed()
    assert sorted(found) == sorted(CEILINGS)
    assert "  no: pgbench, see BIGDATA_PG_BIN  " in found["ceiling_pgbench"]
    assert "  no: psql, see BIGDATA_PG_BIN  " in found["ceiling_copy"]


@pytest.fixture
def binaries_found(tmp_path: Path) -> Path:
    """A folder with programs that say their version and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pgbench", "psql"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 17.11'\n")
        (folder / name).chmod(0o755)
    return folder


def test_an_older_pgbench_prepares_nothing(
    binaries_found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (binaries_found / "pgbench").write_text("#!/bin/sh\necho 'pgbench (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)'\n")
    monkeypatch.setenv(FOLDER_VARIABLE, str(binaries_found))
    # It is told before anything is connected to.
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    said = program.run("check", "ceiling_pgbench", "--protocol", "prepared", dburl=nowhere).stdout
    assert said.startswith("ceiling_pgbench cannot run here: pgbench 15.20 prepares every statement of its script on")
    assert "takes pgbench 16 or newer" in said


def test_no_part_of_a_short_usage_is_below_zero() -> None:
    # 40 ms of user time by ticks of 10 ms, 36 ms of both by the clock.
    used = divide_usage(Usage(0.040, -0.004, 3, 1))
    assert used.user_s == pytest.approx(0.036)
    assert used.system_s == 0.0
    assert divide_usage(Usage(0.25, 0.5, 0, 0)) == Usage(0.25, 0.5, 0, 0)

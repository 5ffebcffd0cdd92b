from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import pytest

from bigdata.database.statements import INSERT_ELEMENT, SELECT_ITEM_IDS
from bigdata.registry import CONTESTANTS, LOADERS, OPERATING, Loader
from experiments.cli import ledger
from experiments.cli.ledger import describe, make_workplace, print_findings, write_results
from experiments.engines.local.engine import LocalEngine
from experiments.environment.hashes import PROJECT
from experiments.errors import BadInput
from experiments.validation.same_sql import runs
from experiments.validation.same_sql.findings import Finding, variants
from experiments.validation.same_sql.runs import Workplace, examine
from experiments.validation.same_sql.statements import shown
from tests.experiments.made_findings import INSERT_WITH_VALUES, observation, variant
from tests.experiments.validation.sabotage import copy_package

GREEN = Finding(variant("row_by_row_threaded"), observation=observation(INSERT_WITH_VALUES), client={"packages": {}})
NOT_HERE = Finding(variant("row_by_row_serial"), unsupported="no way")
RED = Finding(variant("row_by_row_gevent"), differences=("autocommit: SELECT $1: 5 calls, but ...",))

LOOKUP = {"lookup": OPERATING["lookup"]}


def test_a_green_ledger_says_how_much_was_proved_and_what_could_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_findings([GREEN, NOT_HERE]) == []
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == "cannot run: no way (row_by_row_serial, simple)"
    assert (
        lines[-1]
        == "the same statements in all of 1 way to load, each in every way of committing and inserting that it has, "
        "and in every workload"
    )


def test_a_difference_is_told_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_findings([GREEN, RED]) == ["row_by_row_gevent, simple: autocommit: SELECT $1: 5 calls, but ..."]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == "DIFFERENT: row_by_row_gevent, simple: autocommit: SELECT $1: 5 calls, but ..."
    assert lines[-1] == "1 difference in 2 ways to load"


def test_results_are_written_into_a_folder_that_need_not_be_there(tmp_path: Path) -> None:
    write_results(tmp_path / "results", "page", "table")
    assert (tmp_path / "results" / "ledger.md").read_text() == "page"
    assert (tmp_path / "results" / "ledger.csv").read_text() == "table"


def test_a_loader_that_does_not_exist_is_bad_input() -> None:
    parser = ArgumentParser()
    ledger.add_arguments(parser)
    with pytest.raises(BadInput, match="unknown loader 'nobody'"):
        ledger.run(parser.parse_args(["nobody"]))


@pytest.fixture(scope="module")
def work() -> Iterator[Workplace]:
    with LocalEngine() as engine:
        yield make_workplace(engine, None, 3)


@pytest.mark.postgres
# The first loader of each hot loop: runtimes send nothing.
@pytest.mark.parametrize(
    "loader", {loader.hot_loop: loader for loader in reversed(CONTESTANTS.values())}.values(), ids=lambda one: one.name
)
def test_the_server_sees_the_golden_ledger_of_every_hot_loop(work: Workplace, loader: Loader) -> None:
    loop, implementation = next(iter(loader.loops), None), next(iter(loader.implementations), None)
    found = examine(work, variant(loader.name, loop, loader.protocols[0], implementation))
    assert (found.unsupported, found.differences) == (None, ())
    assert found.observation is not None
    assert found.observation.inserts.executions == 666


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("loader", "protocol"),
    [
        (loader, protocol)
        for loader in ("row_by_row_asyncpg", "row_by_row_psycopg_threaded")
        for protocol in LOADERS[loader].protocols[1:]
    ],
)
def test_a_driver_speaks_every_protocol_that_the_registry_says(
    work: Workplace, monkeypatch: pytest.MonkeyPatch, loader: str, protocol: str
) -> None:
    # One workload beside the loads: the golden ledger has all of them.
    monkeypatch.setattr(runs, "OPERATING", LOOKUP)
    loop, implementation = next(iter(LOADERS[loader].loops), None), next(iter(LOADERS[loader].implementations), None)
    found = examine(work, variant(loader, loop, protocol, implementation))
    assert (found.unsupported, found.differences) == (None, ())


@pytest.mark.postgres
@pytest.mark.parametrize("name", [name for name, loader in CONTESTANTS.items() if loader.pool])
def test_the_server_sees_the_golden_ledger_of_a_pool_and_what_it_sends_by_itself(
    work: Workplace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(runs, "OPERATING", LOOKUP)
    pooled = next(one for one in variants([CONTESTANTS[name]]) if one.pooled)
    found = examine(work, pooled)
    assert (found.unsupported, found.differences) == (None, ())
    operations = work.data.workloads["lookup"].operations + work.data.workloads["lookup"].checked
    assert [entry.calls for entry in found.of_driver] == [operations] * len(pooled.loader.driver_statements)


@pytest.mark.postgres
def test_what_is_published_names_no_path_and_no_password(work: Workplace) -> None:
    text = "\n".join(describe(work))
    secret = work.server.password_file.read_text().strip().rpartition(":")[2]
    assert "PostgreSQL 17." in text
    assert "/home" not in text
    assert str(PROJECT) not in text
    assert secret not in text
    assert not work.server.password_file.with_name("proxy-password").exists()


ONE_MORE = ("    cursor.execute(SELECT_ITEM_IDS", '    cursor.execute("SELECT 1")\n    cursor.execute(SELECT_ITEM_IDS')
OTHER_TEXT = (
    "INSERT_ELEMENT = sql.pyformat(sql.INSERT_ELEMENT)",
    'INSERT_ELEMENT = sql.pyformat(sql.INSERT_ELEMENT) + " ON CONFLICT DO NOTHING"',
)
SELECT_AND_USE = (
    "    cursor.execute(SELECT_ITEM_IDS, (record.segment,))\n"
    "    for (item_id,), value in zip(item_rows(record, cursor.fetchall()), record.values):"
)
REMEMBERED = (
    SELECT_AND_USE,
    "    if record.logrecno < '0000003':\n        cursor.execute(SELECT_ITEM_IDS, (record.segment,))\n"
    "        KNOWN[:] = cursor.fetchall()\n    for (item_id,), value in zip(KNOWN, record.values):",
)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("sabotage", "inserts", "named"),
    [
        (ONE_MORE, ["execute"], ["SELECT $1: 3 calls, but neither workload nor registry has it for this driver"]),
        (
            OTHER_TEXT,
            ["execute", "executemany"],
            [
                f"{shown(INSERT_ELEMENT)}: 0 of 666 calls, 0 of 666 rows",
                f"{shown(INSERT_ELEMENT + ' ON CONFLICT DO NOTHING')}: 666 calls, but neither workload nor registry",
                "protocol: simple was asked for, but it is not seen",
            ],
        ),
        (REMEMBERED, ["execute"], [f"{shown(SELECT_ITEM_IDS)}: 2 of 3 calls, 444 of 666 rows"]),
    ],
    ids=["a statement more", "another text", "a SELECT less"],
)
def test_a_loader_that_does_other_work_is_named(
    work: Workplace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sabotage: tuple[str, str],
    inserts: list[str],
    named: list[str],
) -> None:
    _copy_with(tmp_path, *sabotage)
    monkeypatch.setattr(work.host, "_project", tmp_path)
    monkeypatch.setattr(runs, "OPERATING", {})
    found = examine(work, variant("row_by_row_serial"))
    ways = [
        transaction if how == "execute" else f"{transaction}, {how}"
        for transaction in ("autocommit", "per_record")
        for how in inserts
    ]
    assert len(found.differences) == len(ways) * len(named)
    for way in ways:
        for expected in named:
            assert any(line.startswith(f"{way}: {expected}") for line in found.differences), found.differences


def _copy_with(folder: Path, wanted: str, instead: str) -> None:
    """A copy of the loader in which psycopg2's loops are others."""
    copy_package("bigdata", folder)
    module = folder / "bigdata/loaders/psycopg2.py"
    text = module.read_text()
    assert wanted in text
    module.write_text(text.replace(wanted, instead, 1) + "\n\nKNOWN = []\n")

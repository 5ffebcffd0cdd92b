"""Whole campaigns in which something is made slow on purpose: the verdict is to name it."""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from experiments.__main__ import main
from experiments.analysis.disturbance import find_disturbances
from experiments.analysis.utilization import Observations, observe
from experiments.analysis.verdict import FOREIGN_SHARE, Verdict, find_verdict
from experiments.campaign import run, start
from experiments.campaign.prepared_cell import PreparedCell
from experiments.engines.local.server import LocalServer
from experiments.records.description import part_of
from experiments.records.folder import CampaignFolder, list_campaigns
from experiments.records.record import Record
from tests.experiments.validation.sabotage import PSYCOPG2, Sabotage, copy_package, sabotaged_copy

pytestmark = [pytest.mark.postgres, pytest.mark.serial]

POOL = 5
REPEATS = 3

MATRIX = """
version: 1
repeats: {repeats}
seed: 1
timeout_s: 60
baseline: {{postgres: {baseline}}}
defaults: {{engine: local, loader: row_by_row_threaded, poolsize: {pool}, postgres: as_is, data: ny, resources: split}}
experiments:
  known:
    question: What holds it back?
    matrix: {{postgres: [{postgres}]}}
data:
  ny: {{source: synthetic, state: NY, segments: ["01"], records: {records}}}
postgres:
  as_is: {{version: "17", storage: tmpfs}}
  sleeping: {{version: "17", storage: tmpfs}}
  computing: {{version: "17", storage: tmpfs}}
  slow_commit: {{version: "17", storage: disk, settings: {{commit_delay: "5000", commit_siblings: "0"}}}}
resources:
  split: {{loader_cpuset: "0", server_cpuset: rest}}
"""

TRIGGER = """
CREATE OR REPLACE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what} RETURN NEW; END $$;
CREATE OR REPLACE TRIGGER hold_up BEFORE INSERT ON data_element FOR EACH ROW EXECUTE FUNCTION hold_up();
"""
SLEEP = TRIGGER.format(what="PERFORM pg_sleep(0.005);")
COMPUTE = TRIGGER.format(what="FOR i IN 1..60000 LOOP END LOOP;")

BUSY_CLIENT = Sabotage(
    "computes for each row",
    PSYCOPG2,
    (
        (
            "cursor.execute(INSERT_ELEMENT, (geo_id, item_id, value))",
            "cursor.execute(INSERT_ELEMENT, (geo_id, item_id, value)); sum(range(30_000))",
        ),
    ),
)


def write_matrix(folder: Path, *postgres: str, records: int = 5, pool: int = POOL, repeats: int = REPEATS) -> Path:
    """A matrix of these configurations of the server, of which the first is the baseline's."""
    path = folder / "matrix.yaml"
    names = ", ".join(postgres)
    path.write_text(MATRIX.format(repeats=repeats, pool=pool, baseline=postgres[0], postgres=names, records=records))
    return path


def only_campaign(results: Path) -> CampaignFolder:
    (folder,) = list_campaigns(results)
    assert {record.status for record in folder.records()} == {"ok"}
    return folder


def runs_of(folder: CampaignFolder, postgres: str) -> list[Record]:
    return [record for record in folder.records() if record.cell.postgres == postgres and record.arm == "a"]


def look(folder: CampaignFolder, record: Record) -> Observations:
    seen = observe([record], part_of(folder.description().placements, record.cell, "resources"))
    assert seen is not None, record
    return seen


def verdict_of(folder: CampaignFolder, record: Record) -> Verdict:
    verdict = find_verdict(look(folder, record))
    assert verdict is not None, record
    return verdict


def published_verdict(folder: CampaignFolder, postgres: str) -> str:
    """What the campaign's table says of the cell, all runs together."""
    with (folder.path / "tables" / "known.csv").open(newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if (row["arm"], row["postgres"]) == ("a", postgres)]
    return row["verdict"]


def expect(label: str, folder: CampaignFolder, postgres: str) -> Observations:
    """What was seen in a run with this verdict, which most runs have, and the campaign's page.

    Where others used the cores of the test it is skipped: then a busy side does not get all of them.
    """
    runs = runs_of(folder, postgres)
    found = [verdict_of(folder, record) for record in runs]
    said = [verdict.sentence for verdict in found]
    published = published_verdict(folder, postgres)
    if published != label and disturbed_by_others(folder, runs):
        pytest.skip(f"others use the cores of the test: {said}")
    assert published == label, said
    fitting = [record for record, verdict in zip(runs, found, strict=True) if verdict.label == label]
    assert len(fitting) > len(runs) / 2, said
    return look(folder, fitting[0])


def disturbed_by_others(folder: CampaignFolder, runs: list[Record]) -> bool:
    """Whether others took part of the run's cores in most runs, whatever that came to."""
    shares = [look(folder, record).foreign_share or 0.0 for record in runs]
    return statistics.median(shares) >= FOREIGN_SHARE


def add_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have runs on the server of a configuration of this name meet the trigger."""
    wanted: dict[str, str] = {"sleeping": SLEEP, "computing": COMPUTE}

    def measure(ready: PreparedCell, begun: Record, **more: Any) -> Record:
        assert isinstance(ready.server, LocalServer)
        trigger = wanted.pop(ready.cell.postgres, None)
        if trigger is not None:
            # The first run makes the tables.
            assert run.measure(ready, begun).status == "ok"
            ready.server.execute(trigger, database="bigdata")
        return run.measure(ready, begun, **more)

    monkeypatch.setattr(start, "measure", measure)


@pytest.fixture(scope="module")
def slowed(tmp_path_factory: pytest.TempPathFactory) -> CampaignFolder:
    """A campaign on three servers that are slow, each for a reason of its own."""
    folder = tmp_path_factory.mktemp("slowed")
    matrix, results = write_matrix(folder, "sleeping", "computing", "slow_commit"), folder / "results"
    with pytest.MonkeyPatch.context() as monkeypatch:
        add_triggers(monkeypatch)
        assert main(["matrix", "--matrix", str(matrix), "--results", str(results)]) == 0
    return only_campaign(results)


def test_a_server_that_sleeps_is_latency_and_the_page_says_in_what_event(slowed: CampaignFolder) -> None:
    seen = expect("latency-bound", slowed, "sleeping")
    assert next(iter(seen.waits)) == "Timeout:PgSleep"
    assert seen.waits["Timeout:PgSleep"] > 0.5
    assert seen.server_share < 0.5
    page = (slowed.path / "tables" / "known.md").read_text()
    assert "## Bottleneck analysis" in page
    assert "in Timeout:PgSleep" in page
    assert (slowed.path / "charts" / "known~time.svg").is_file()


def test_a_server_that_computes_is_the_limit(slowed: CampaignFolder) -> None:
    seen = expect("server-bound", slowed, "computing")
    assert seen.client_share < 0.5
    assert next(iter(seen.waits), "CPU") == "CPU"


def test_a_server_that_waits_before_each_commit_is_commit_bound(slowed: CampaignFolder) -> None:
    seen = expect("commit-bound", slowed, "slow_commit")
    assert seen.waits["LWLock:WALWrite"] > 0.5
    assert seen.server_share < 0.5


def test_a_slow_client_is_called_what_it_is(tmp_path: Path) -> None:
    project = tmp_path / "project"
    sabotaged_copy(project, BUSY_CLIENT)
    for name in ("experiments", "docker"):
        copy_package(name, project)
    matrix, results = write_matrix(tmp_path, "as_is"), tmp_path / "results"
    command = [sys.executable, "-m", "experiments", "matrix", "--matrix", str(matrix), "--results", str(results)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = expect("client-bound", only_campaign(results), "as_is")
    assert seen.server_share < 0.5
    assert seen.idle is not None
    assert seen.idle > 0.5


@contextmanager
def busy(core: int, number: int) -> Iterator[None]:
    """So many processes that compute on this core."""
    program = f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"
    started = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(number)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_two_busy_processes_on_the_core_of_the_loader_are_a_disturbed_host(tmp_path: Path) -> None:
    # One connection, as five fill the server's core whoever else is there; and as many records as take a second: of
    # less the server's CPU time is not told.
    matrix, results = write_matrix(tmp_path, "as_is", records=20, pool=1, repeats=1), tmp_path / "results"
    with busy(min(os.sched_getaffinity(0)), 2):
        assert main(["matrix", "--matrix", str(matrix), "--results", str(results)]) == 0
    folder = only_campaign(results)
    for record in runs_of(folder, "as_is"):
        placement = part_of(folder.description().placements, record.cell, "resources")
        assert any("foreign load of" in text for text in find_disturbances(record, placement))
        verdict = verdict_of(folder, record)
        assert verdict.label == "host-saturated"
        assert verdict.sentence.startswith("Other processes took ")
    assert published_verdict(folder, "as_is") == "host-saturated"

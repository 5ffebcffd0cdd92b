"""A whole campaign in which a PostgreSQL is killed in the middle of a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.campaign import run, start
from experiments.campaign.monitoring.monitor import WriteSamples
from experiments.campaign.prepared_cell import PreparedCell
from experiments.engines.local import cluster
from experiments.engines.local.cluster import make_cluster
from experiments.engines.local.server import LocalServer
from experiments.engines.local.traces import Trace, read_traces
from experiments.engines.processes import with_arguments
from experiments.errors import Failure
from experiments.records.folder import CampaignFolder, list_campaigns
from experiments.records.record import Record

pytestmark = pytest.mark.postgres

MATRIX = """
version: 1
repeats: 3
seed: 1
timeout_s: 60
patience_s: 0
baseline: {}
defaults: {engine: local, loader: row_by_row_threaded, poolsize: 3, postgres: default, data: ny, resources: split}
experiments:
  storages:
    question: Does it matter where the data lies?
    matrix: {postgres: [default, memory]}
data:
  ny: {source: synthetic, state: NY, segments: ["01"], records: 3}
postgres:
  default: {version: "17", storage: disk}
  memory: {version: "17", storage: tmpfs}
resources:
  split: {loader_cpuset: "0", server_cpuset: rest}
"""

# The first row that is inserted in phase data kills the postmaster, from a program that its backend starts.
DEADLY = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  COPY (SELECT 1) TO PROGRAM 'kill -9 $(head -n 1 postmaster.pid)';
  RETURN NEW;
END $$;
CREATE TRIGGER deadly BEFORE INSERT ON data_element FOR EACH STATEMENT EXECUTE FUNCTION die();
"""

KILLED = "PostgreSQL 17."
REASON = " ended during the run: signal 9 (Killed)"


@dataclass
class Killing:
    """Measures as ever, but before the second run of the configuration ``memory`` its server gets a deadly trigger."""

    data: list[Path] = field(default_factory=list)
    """The data directory that the configuration's server has before each run."""

    def __call__(self, ready: PreparedCell, begun: Record, write_samples: WriteSamples) -> Record:
        assert isinstance(ready.server, LocalServer)
        if ready.cell.postgres == "memory":
            self.data.append(ready.server._life.trace.data)
            if len(self.data) == 2:
                ready.server.execute(DEADLY, database="bigdata")
        return run.measure(ready, begun, write_samples)


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Killing:
    measure = Killing()
    monkeypatch.setattr(start, "measure", measure)
    return measure


@pytest.fixture
def campaign(killing: Killing, tmp_path: Path) -> Callable[[], CampaignFolder]:
    """Runs the campaign, in which something fails."""

    def run_campaign() -> CampaignFolder:
        matrix, results = tmp_path / "matrix.yaml", tmp_path / "results"
        matrix.write_text(MATRIX)
        before = own_traces()
        assert main(["matrix", "--matrix", str(matrix), "--results", str(results)]) == 1
        assert own_traces() == before
        assert not any(data.exists() or with_arguments(str(data)) for data in killing.data)
        (folder,) = list_campaigns(results)
        return folder

    return run_campaign


def own_traces() -> list[Trace]:
    return [trace for trace in read_traces() if trace.owner.pid == os.getpid()]


def of(folder: CampaignFolder, postgres: str) -> list[Record]:
    return [record for record in folder.records() if record.cell.postgres == postgres]


def test_a_server_that_is_killed_in_a_run_costs_that_run_and_no_other(
    campaign: Callable[[], CampaignFolder], killing: Killing
) -> None:
    folder = campaign()
    assert {record.run for record in folder.records()} == folder.description().planned_runs
    assert [record.status for record in of(folder, "default")] == ["ok"] * 6
    before, killed, after = of(folder, "memory")
    assert (before.status, killed.status, after.status) == ("ok", "failed", "ok")
    assert killed.reason is not None
    assert killed.reason.startswith(KILLED)
    assert killed.reason.endswith(REASON)
    assert not killed.interrupted
    assert before.server is not None
    assert after.server is not None
    assert (after.server.version, after.server.settings) == (before.server.version, before.server.settings)
    table = (folder.path / "tables" / "storages.md").read_text()
    assert "1 failed" in table
    assert REASON in table


def test_where_it_does_not_start_again_the_runs_of_its_cells_have_failed_and_the_others_run_on(
    campaign: Callable[[], CampaignFolder], killing: Killing, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def refuse(binaries: object, trace: Trace, password: str) -> None:
        if len(killing.data) < 2:
            return make_cluster(binaries, trace, password)  # type: ignore[arg-type]
        tries.append(trace)
        raise Failure("no room for it")

    monkeypatch.setattr(cluster, "make_cluster", refuse)
    folder = campaign()
    assert {record.run for record in folder.records()} == folder.description().planned_runs
    assert [record.status for record in of(folder, "default")] == ["ok"] * 6
    assert [record.status for record in of(folder, "memory")] == ["ok", "failed", "failed"]
    reasons = [str(record.reason) for record in of(folder, "memory")]
    assert reasons[1].endswith(REASON)
    assert reasons[2].endswith("has ended and does not start again: no room for it")
    assert len(tries) == 1

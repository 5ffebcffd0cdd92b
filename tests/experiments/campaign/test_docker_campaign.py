"""The harness with the docker engine as a user runs it: two Pythons, two PostgreSQL, both engines, limits, a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from experiments.engines.docker.owner import parse_owner
from experiments.engines.docker.resources import list_things
from experiments.environment.interpreters import find_interpreters
from experiments.records.folder import CampaignFolder, list_campaigns
from experiments.records.record import Record
from tests.project import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

MATRIX = """
version: 1
repeats: 1
seed: 1
timeout_s: 60
patience_s: 0
baseline: {}
defaults:
  {engine: docker, python: "3.11", loader: row_by_row_threaded, poolsize: 5, postgres: pg15, data: ny, resources: split}
experiments:
  smoke:
    question: Do all do the same work?
    # Each two of them meet, beside the baseline.
    include:
      - {python: "3.11", postgres: pg17, loader: row_by_row_asyncio, loop: uvloop}
      - {python: "3.13", postgres: pg15, loader: row_by_row_asyncio, loop: uvloop}
      - {python: "3.13", postgres: pg17, loader: row_by_row_threaded}
  outside:
    question: And the same as a process of this machine?
    include: [{engine: local, python: "LOCAL"}]
  limits:
    question: What becomes of a loader that gets too little?
    matrix: {resources: [quarter, tiny]}
  settings:
    question: What does a wrong setting do?
    matrix: {postgres: [wrong]}
data:
  ny: {source: synthetic, state: NY, segments: ["01"], records: 30}
postgres:
  pg15: {version: "15", storage: disk, settings: {synchronous_commit: "off"}}
  pg17: {version: "17", storage: tmpfs, shm_size: 128MB}
  wrong: {version: "15", storage: disk, settings: {synchronous_commit: "off", TimeZone: nowhere}}
resources:
  split: {loader_cpuset: "0", server_cpuset: rest}
  quarter: {loader_cpuset: "0", loader_cpus: 0.25, server_cpuset: rest}
  tiny: {loader_cpuset: "0", loader_memory: 12MB, server_cpuset: rest}
"""


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("matrix") / "matrix.yaml"
    file.write_text(MATRIX.replace("LOCAL", [python for python in find_interpreters() if not python.endswith("t")][-1]))
    return file


def command(matrix: Path, results: Path, *options: str) -> list[str]:
    chosen = ["--matrix", str(matrix), "--results", str(results), "--source", "debian", *options]
    return [sys.executable, "-m", "experiments", "matrix", *chosen]


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    pid: int
    returncode: int
    stdout: str
    stderr: str


def run(command: list[str], env: dict[str, str] | None = None) -> Done:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, env=env) as process:
        stdout, stderr = process.communicate()
    return Done(process.pid, process.returncode, stdout, stderr)


def left_behind(client: docker.DockerClient, pid: int) -> list[str]:
    """The names of what a process has in the engine, where others may have campaigns of their own."""
    owners = {thing.name: parse_owner(thing.owner) for thing in list_things(client)}
    return [name for name, owner in owners.items() if owner is not None and owner.pid == pid]


@pytest.fixture(scope="module")
def campaign(
    docker_client: docker.DockerClient, matrix: Path, tmp_path_factory: pytest.TempPathFactory
) -> CampaignFolder:
    """One campaign for the tests that only look at what came out."""
    results = tmp_path_factory.mktemp("results")
    done = run(command(matrix, results, "--experiment", "smoke", "--experiment", "outside", "--experiment", "limits"))
    assert done.returncode == 1, done.stdout + done.stderr
    (folder,) = list_campaigns(results)
    table = (folder.path / "tables" / "smoke.md").read_text()
    assert "images made from Debian's packages, not the pinned official ones" in table
    assert left_behind(docker_client, done.pid) == []
    return folder


def of(folder: CampaignFolder, **axes: str) -> list[Record]:
    return [record for record in folder.records() if axes.items() <= record.cell.axes().items()]


def test_both_engines_do_the_same_work_with_every_python_and_postgresql(campaign: CampaignFolder) -> None:
    records = of(campaign, resources="split")
    assert [record.reason for record in records if record.status != "ok"] == []
    # Two Pythons, two PostgreSQL and two loaders, the baseline twice, and the local engine.
    assert len(records) == 6
    docker_cells = {record.cell for record in records if record.cell.engine == "docker"}
    assert len({(cell.python, cell.postgres) for cell in docker_cells}) == 4
    assert len({(cell.python, cell.loader) for cell in docker_cells}) == 4
    works = [record.work for record in records if record.work]
    assert {(work.rows, work.digest) for work in works} == {(30 * 222, works[0].digest)}
    assert {record.cell.engine for record in records} == {"docker", "local"}


def test_each_record_names_its_images_and_the_version_of_the_server(campaign: CampaignFolder) -> None:
    for record in of(campaign, engine="docker", resources="split"):
        assert record.images is not None
        assert record.server is not None
        assert record.images["loader"].startswith("sha256:")
        assert record.images["postgres"].startswith("sha256:")
        assert record.images["loader_base"].startswith("debian ")
        major = {"pg15": "15.", "pg17": "17."}[str(record.cell.postgres)]
        assert record.server.version.startswith(major)
        assert f"postgresql-{major[:-1]} {major}" in record.images["postgres_base"]
    assert all(record.images is None for record in of(campaign, engine="local"))


def test_a_loader_with_a_quarter_of_a_core_is_throttled_and_the_record_counts_it(campaign: CampaignFolder) -> None:
    (record,) = of(campaign, resources="quarter")
    assert record.status == "ok"
    assert record.phases is not None
    data = record.phases["data"]
    assert data.throttled_periods is not None
    assert data.throttled_s is not None
    # It can be that no period is full in so small a load; more than there are cannot be.
    assert 0 <= data.throttled_periods <= data.wall_s / 0.1 + 2


def test_a_loader_that_needs_more_memory_than_it_may_have_failed_for_that_reason(campaign: CampaignFolder) -> None:
    (record,) = of(campaign, resources="tiny")
    assert record.status == "failed"
    assert record.reason is not None
    assert "out of memory" in record.reason
    assert "the loader's limit of 12 MB" in record.reason


def test_a_setting_that_the_server_refuses_is_told_in_its_words_with_the_line(
    docker_client: docker.DockerClient, matrix: Path, tmp_path: Path
) -> None:
    done = run(command(matrix, tmp_path, "--experiment", "settings"))
    line = 1 + MATRIX.splitlines().index(next(line for line in MATRIX.splitlines() if "nowhere" in line))
    assert done.returncode == 2
    assert f"{matrix}:{line}: postgres.wrong.settings.TimeZone: PostgreSQL 15" in done.stderr
    assert 'invalid value for parameter "TimeZone": "nowhere"' in done.stderr
    assert "Traceback" not in done.stderr
    assert left_behind(docker_client, done.pid) == []


def test_what_a_killed_campaign_left_is_removed_and_it_goes_on(
    docker_client: docker.DockerClient, matrix: Path, tmp_path: Path
) -> None:
    small = command(matrix, tmp_path, "--experiment", "smoke", "--only", "python=3.11", "--only", "engine=docker")
    with subprocess.Popen(small, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 300
        while not list(tmp_path.glob("*/attempt.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    assert left_behind(docker_client, process.pid) != []
    stranger = docker_client.volumes.create()
    try:
        again = run(small)
        assert stranger.name in [volume.name for volume in docker_client.volumes.list()]
    finally:
        stranger.remove()
    assert again.returncode == 0, again.stdout + again.stderr
    assert "removed what a killed run" in again.stdout
    assert "resuming" in again.stdout
    assert left_behind(docker_client, process.pid) + left_behind(docker_client, again.pid) == []
    (folder,) = list_campaigns(tmp_path)
    finished = [record.run for record in folder.records() if not record.interrupted]
    assert sorted(finished) == sorted(folder.description().planned_runs)

"""The harness as a user runs it: its own PostgreSQL, real loaders, a kill in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.records.folder import CampaignFolder, list_campaigns
from experiments.records.record import Record
from tests.project import ROOT, matrix_with_pool

pytestmark = pytest.mark.postgres


def command(results: Path, *more: str) -> list[str]:
    chosen = [
        "--engine",
        "local",
        "--experiment",
        "loaders",
        "--only",
        "loop=uvloop",
        "--repeats",
        "2",
        "--records",
        "4",
        # Tests run beside this one.
        "--patience",
        "0",
        "--no-count",
    ]
    # Of an option that is given twice the last counts.
    return [sys.executable, "-m", "experiments", "matrix", *chosen, "--results", str(results), *more]


def start(results: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(results, *more), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    """What the process prints up to the line that holds the wanted text."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if wanted in line:
            return seen
    raise AssertionError(f"{wanted!r} was never printed:\n{seen}")


def kill_while_a_run_is_measured(process: subprocess.Popen[str], results: Path, number: signal.Signals) -> None:
    """Ends the harness as soon as an attempt is noted."""
    deadline = time.monotonic() + 60
    while not list(results.glob("*/attempt.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.wait(timeout=30)


def only_campaign(results: Path) -> CampaignFolder:
    (folder,) = list_campaigns(results)
    return folder


def finished(folder: CampaignFolder) -> list[Record]:
    return [record for record in folder.records() if not record.interrupted]


def test_a_campaign_that_is_stopped_and_killed_goes_on_where_it_stopped_and_ends_well(tmp_path: Path) -> None:
    pool = ["--matrix", str(matrix_with_pool(tmp_path, 3))]
    with start(tmp_path, *pool) as stopped:
        read_until(stopped, "[1/6]")
        kill_while_a_run_is_measured(stopped, tmp_path, signal.SIGTERM)
        assert stopped.stdout is not None
        assert "error: interrupted; rerun the same command to resume" in stopped.stdout.read()
        assert stopped.returncode == 1

    with start(tmp_path, *pool) as killed:
        assert "resuming" in read_until(killed, "/6]")
        kill_while_a_run_is_measured(killed, tmp_path, signal.SIGKILL)
    assert (only_campaign(tmp_path).path / "attempt.json").exists()

    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > "$0.seen"\n')
    browser.chmod(0o755)
    opening, found = command(tmp_path, *pool, "--open"), {**os.environ, "BROWSER": f"{browser} %s"}
    last = subprocess.run(opening, cwd=ROOT, env=found, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stdout + last.stderr
    folder = only_campaign(tmp_path)
    assert (tmp_path / "browser.seen").read_text() == f"{(folder.path / 'report.html').as_uri()}\n"
    assert "Skip to the results" in (folder.path / "report.html").read_text()
    assert [record.status for record in finished(folder)] == ["ok"] * 6
    assert {record.run for record in finished(folder)} == folder.description().planned_runs
    # Down to its transactions: 4 geo records, 2 SELECTs for each of 4 data records, 888 INSERTs; and one per
    # connection, aiopg's two.
    assert {(record.cell.loader, record.work.transactions) for record in finished(folder) if record.work} == {
        ("row_by_row_threaded", 900 + 3),
        ("row_by_row_asyncio", 900 + 6),
    }
    # Linux tells of each core, so of those that the run had.
    assert all(record.host and record.host.run_foreign_cpu_s is not None for record in finished(folder))
    # What connections were at, and what the server used, in the midst of a run.
    assert all(record.connections and record.connections.samples > 0 for record in finished(folder))
    assert any(record.phases and record.phases["data"].server_cpu_s for record in finished(folder))
    samples = [json.loads(line) for line in (folder.path / "samples.jsonl").read_text().splitlines()]
    runs = {(line["cell_key"], line["arm"], line["block"]) for line in samples if line["phases"]["data"]["samples"]}
    assert runs == folder.description().planned_runs
    assert sum(record.interrupted for record in folder.records()) == 2
    assert not (folder.path / "attempt.json").exists()
    assert sorted(path.name for path in (folder.path / "tables").iterdir()) == ["loaders.csv", "loaders.md", "model.md"]
    assert "of the wall time was spent in timed phases" in last.stdout
    assert "\x1b" not in last.stdout

    # A finished campaign is not continued: the same command would begin another.
    assert "## Other campaigns\n\nNone.\n" in (tmp_path / "README.md").read_text()


def test_blocks_are_added_and_a_campaign_killed_in_one_of_them_goes_on_with_it_until_the_budget_is_spent(
    tmp_path: Path,
) -> None:
    # Nothing here is as precise as that.
    matrix = matrix_with_pool(tmp_path, 2)
    until = ["--matrix", str(matrix), "--repeats", "5", "--records", "2", "--until", "0.01%"]
    with start(tmp_path, *until, "--budget", "2h") as killed:
        assert "adding block 6: widest interval so far " in read_until(killed, "[16/18] block 6 (until 0.01%): ")
        kill_while_a_run_is_measured(killed, tmp_path, signal.SIGKILL)
    folder = only_campaign(tmp_path)
    assert folder.description().repeats == 6
    assert "ended" not in (folder.description().until or {})

    last = subprocess.run(
        command(tmp_path, *until, "--budget", "1s"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert last.returncode == 0, last.stdout + last.stderr
    assert f"resuming {folder.path.name}" in last.stdout
    assert only_campaign(tmp_path).path == folder.path
    described = folder.description()
    assert described.repeats == 6
    assert described.until == {"precision": 0.0001, "budget_s": 1.0, "ended": "budget"}
    assert {record.run for record in finished(folder)} == described.planned_runs
    assert [record.resumed for record in finished(folder)][:16] == [False] * 16
    assert finished(folder)[-1].resumed
    assert "6 blocks: the budget of 1 s is spent before every interval reached at most 0.01%; widest" in last.stdout

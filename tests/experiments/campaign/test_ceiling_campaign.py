"""Ceilings in a campaign of the local engine: they run, are judged, and rows say what share of them they reach."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from statistics import geometric_mean

import pytest

from experiments.environment.hashes import PROJECT
from experiments.records.folder import list_campaigns

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]

MATRIX = """
version: 1
repeats: 1
seed: 1
timeout_s: 60
patience_s: 0
baseline: {loader: row_by_row_threaded}
data:
  ny: {source: synthetic, state: NY, segments: ["01"], records: 5}
postgres:
  memory: {version: "17", storage: tmpfs}
resources:
  shared: {}
defaults: {engine: local, loader: row_by_row_threaded, poolsize: 3, postgres: memory, data: ny, resources: shared}
experiments:
  ceilings:
    question: Where is the ceiling?
    matrix:
      loader: [row_by_row_threaded, row_by_row_serial, ceiling_pgbench, ceiling_psql_file, ceiling_copy]
      protocol: [default, prepared]
      transaction: [autocommit, per_record]
    exclude:
      - {loader: row_by_row_threaded, protocol: prepared, why: it has no such protocol}
"""


def test_ceilings_run_are_judged_and_give_each_row_its_share(tmp_path: Path) -> None:
    matrix = tmp_path / "matrix.yaml"
    matrix.write_text(MATRIX)
    results = tmp_path / "results"
    command = [sys.executable, "-m", "experiments", "matrix", "--matrix", str(matrix), "--results", str(results)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = list_campaigns(results)
    records = [record for record in folder.records() if record.status != "unsupported"]
    assert {(record.status, record.reason) for record in records} == {("ok", None)}
    ran = sorted(
        (record.cell.loader, record.cell.protocol, record.cell.transaction)
        for record in records
        if record.cell.loader.startswith("ceiling_")
    )
    assert ran == [
        ("ceiling_copy", "simple", "autocommit"),
        ("ceiling_pgbench", "prepared", "autocommit"),
        ("ceiling_pgbench", "simple", "autocommit"),
        ("ceiling_pgbench", "simple", "per_record"),
        ("ceiling_psql_file", "simple", "autocommit"),
        ("ceiling_psql_file", "simple", "per_record"),
    ]
    rates = {(record.cell.loader, record.cell.protocol, record.cell.transaction): record for record in records}
    with (folder.path / "tables" / "ceilings.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if row["rows_per_s"]]
    for row in rows:
        ceiling = rates["ceiling_pgbench", "simple", row["transaction"]].rows_per_s
        if row["loader"] == "row_by_row_threaded":
            assert ceiling is not None
            # Both arms of the baseline are one estimate.
            same = [one for one in rows if all(one[axis] == row[axis] for axis in ("loader", "transaction"))]
            mean = geometric_mean(float(one["rows_per_s"]) for one in same)
            assert float(row["ceiling_share"]) == pytest.approx(mean / ceiling, rel=0.01)
        else:
            # One connection has no ceiling here, as none of three is one of one.
            assert row["ceiling_share"] == ""

"""Whole campaigns beside a real busy process: nothing is claimed of threads and asyncio that it has caused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from experiments.analysis.summary import CellSummary, summarize_campaign
from experiments.records.campaign import load_campaign
from experiments.records.folder import list_campaigns
from tests.bigdata.loader_program import wait_for
from tests.project import ROOT, matrix_with_pool

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="loader and server share the only core"),
]

LOADER_CORE, SERVER_CORE = sorted(os.sched_getaffinity(0))[:2] if len(os.sched_getaffinity(0)) > 1 else (0, 0)

# On for so many seconds of each period; it ends with the test.
SPIN = """
import os, sys, time
cpu, on_s, period_s, parent = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
os.sched_setaffinity(0, {cpu})
while os.getppid() == parent:
    if time.monotonic() % period_s < on_s:
        for _ in range(100_000): pass
    else:
        time.sleep(0.02)
"""


@contextmanager
def spinning(cpu: int, on_s: float, period_s: float, *, session: bool) -> Iterator[None]:
    command = [sys.executable, "-S", "-c", SPIN, *map(str, (cpu, on_s, period_s, os.getpid()))]
    process = subprocess.Popen(command, start_new_session=session)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def campaign(
    results: Path, patience: str, neighbour: AbstractContextManager[None], blocks: int = 5
) -> tuple[str, list[CellSummary]]:
    """Runs threads and asyncio in blocks, beside the neighbour from the first run on; what was printed, and rows."""
    arguments = ["--experiment", "loaders", "--only", "loop=asyncio", "--engine", "local", "--repeats", str(blocks)]
    arguments += ["--matrix", str(matrix_with_pool(results.parent, 4)), "--records", "4", "--patience", patience]
    arguments += ["--no-count", "--results", str(results)]
    command = [sys.executable, "-m", "experiments", "matrix", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        wait_for(lambda: process.poll() is not None or any(results.glob("*/campaign.json")), within_s=120)
        with neighbour:
            out, errors = process.communicate()
    assert process.returncode == 0, out + errors
    (folder,) = list_campaigns(results)
    (summary,) = summarize_campaign(load_campaign(folder)).experiments
    return out, list(summary.cells)


@pytest.mark.parametrize(
    ("cpu", "session"),
    [
        pytest.param(LOADER_CORE, True, id="on the loader's core, from another session"),
        pytest.param(SERVER_CORE, False, id="on the server's core"),
    ],
)
def test_every_row_beside_a_busy_process_is_disturbed(cpu: int, session: bool, tmp_path: Path) -> None:
    _, cells = campaign(tmp_path, "0", spinning(cpu, 1.0, 1.0, session=session), blocks=1)
    assert len(cells) == 3
    assert all(cell.disturbed_ground and cell.noise is None for cell in cells)


def test_nothing_is_claimed_beside_a_busy_process_that_comes_and_goes_for_longer_than_patience(tmp_path: Path) -> None:
    out, cells = campaign(tmp_path, "1s", spinning(LOADER_CORE, 3.0, 5.0, session=True))
    assert re.search(r"\nwaiting for quiet cores, at most 1 s in this block: ", out)
    assert not any(cell.noise is False for cell in cells)
    assert any(cell.disturbed_ground for cell in cells)
    assert re.search(r"\ndisturbed: nothing is claimed of \d of \d rows; repeat the campaign\n", out)

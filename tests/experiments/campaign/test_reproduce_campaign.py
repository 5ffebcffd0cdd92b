"""A campaign run, one of its cells run again, and the two compared, as a user does it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.records.folder import CampaignFolder, list_campaigns
from experiments.records.record import Host, Phase, Record, to_json_line
from tests.project import ROOT, matrix_with_pool

pytestmark = pytest.mark.postgres


def command(verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = [sys.executable, "-m", "experiments", verb, *arguments]
    return subprocess.run(done, cwd=ROOT, capture_output=True, text=True, check=False)


def matrix(results: Path, *arguments: str) -> tuple[str, CampaignFolder]:
    """Runs a campaign, the only one of its results folder; what it printed, and its folder."""
    # Tests run beside this one.
    done = command("matrix", *arguments, "--patience", "0", "--no-count", "--results", str(results))
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = list_campaigns(results)
    return done.stdout, folder


def without_core_waits(record: Record) -> dict[str, Phase]:
    return {name: replace(phase, run_queue_s=None) for name, phase in (record.phases or {}).items()}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> CampaignFolder:
    """A small campaign: five blocks of a baseline and two pools, as a quiet machine would have run it.

    Tests beside this one disturb its runs, and a campaign that was disturbed cannot be reproduced. Its one block stands
    for all of them.
    """
    chosen = ["--engine", "local", "--only", "loader=row_by_row_asyncio", "--only", "poolsize=1,5"]
    results = tmp_path_factory.mktemp("published")
    chosen += ["--matrix", str(matrix_with_pool(results, 2)), "--repeats", "1", "--records", "5"]
    _, folder = matrix(results, "--experiment", "pool_sizes", *chosen)
    quiet = [
        replace(one, block=block, host=Host(), phases=without_core_waits(one), rows_per_s=5_000.0 + block)
        for block in range(1, 6)
        for one in folder.records()
    ]
    (folder.path / "runs.jsonl").write_text("".join(f"{to_json_line(record)}\n" for record in quiet))
    described = json.loads((folder.path / "campaign.json").read_text())
    (folder.path / "campaign.json").write_text(json.dumps({**described, "repeats": 5}))
    return folder


def test_a_cell_of_a_campaign_is_run_again_with_its_pins_and_both_campaigns_are_compared(
    tmp_path: Path, published: CampaignFolder
) -> None:
    then = published.description()
    key = next(one.cell_key for one in then.cells if one.cell.poolsize == 1)

    out, again = matrix(tmp_path / "again", "--reproduce", str(published.path), "--cell", key[7:19])
    now = again.description()
    # The same keys: nothing that defines a cell is another, the number of connections for cells left out included.
    baseline = then.cells[0].cell_key
    assert {(one.cell_key, one.arm) for one in now.cells} == {(baseline, "a"), (baseline, "b"), (key, "a")}
    assert (now.reproduces, now.repeats, now.seed, now.matrix_hash) == (then.campaign, 5, 2014, then.matrix_hash)
    assert now.postgres == then.postgres
    assert len(again.records()) == 15
    page = (again.path / "reproduced.md").read_text()
    assert out.endswith(page[page.index("## In sum") :])
    assert "\n- host:" not in page
    assert "\n- configuration:" not in page
    assert re.search(r"\n- [01] of 1 cell reproduced, .*, [01] without a result\.\n$", page)
    assert f"\n- Reproduces: `{then.campaign}`" in (again.path / "README.md").read_text()

    compared = command("compare", str(published.path), str(again.path), "--save")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    # No cell is compared where the tests beside this one have disturbed its runs.
    assert re.search(r" of 1 cell differ|Nothing is called different", compared.stdout)
    others = len({one.cell_key for one in then.cells}) - 2
    assert f"- Only A has {others} cell" in compared.stdout
    assert (again.path / "compared" / f"{then.campaign}.md").is_file()


def test_a_campaign_of_another_loader_is_not_run_again_unless_asked_for(
    tmp_path: Path, published: CampaignFolder
) -> None:
    edited = json.loads((published.path / "campaign.json").read_text())
    edited["source_hash"] = "sha256:other"
    edited["environment"]["commit"] = "0123abc"
    other = tmp_path / "other"
    other.mkdir()
    (other / "campaign.json").write_text(json.dumps(edited))
    key = edited["cells"][0]["cell_key"]
    (other / "runs.jsonl").write_bytes((published.path / "runs.jsonl").read_bytes())
    refused = command("matrix", "--reproduce", str(other), "--cell", key, "--results", str(tmp_path / "again"))
    assert refused.returncode == 2
    assert "- loader, source: sha256:other then, sha256:" in refused.stderr
    assert "\ngit checkout 0123abc" in refused.stderr
    assert list_campaigns(tmp_path / "again") == []
    out, _ = matrix(tmp_path / "again", "--reproduce", str(other), "--cell", key, "--force", "--repeats", "1")
    assert "warning: not as published: loader, source: sha256:other then, " in out

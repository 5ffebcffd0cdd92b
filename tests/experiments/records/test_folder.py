from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.errors import BadInput, Failure
from experiments.records.description import Description
from experiments.records.facts import ServerFacts
from experiments.records.folder import CampaignFolder, create, list_campaigns, locked, new_name
from experiments.records.record import Record
from tests.project import ROOT


@pytest.fixture
def folder(tmp_path: Path, description: Description) -> CampaignFolder:
    return create(tmp_path / "results", description)


def interrupted(record: Record) -> Record:
    return replace(record, status="failed", reason="interrupted", interrupted=True)


def test_a_description_survives_being_written_and_read(folder: CampaignFolder, description: Description) -> None:
    assert folder.description() == description


def test_records_are_read_in_the_order_written(folder: CampaignFolder, make_record: Callable[..., Record]) -> None:
    records = [make_record(block=block) for block in (2, 1, 3)]
    for record in records:
        folder.append(record)
    assert folder.records() == records


def test_a_reason_with_a_line_separator_stays_one_record(
    folder: CampaignFolder, make_failure: Callable[..., Record]
) -> None:
    record = make_failure(status="failed", reason="one\u2028two\nthree")
    folder.append(record)
    assert folder.records() == [record]


def test_a_torn_last_line_is_refused_when_reading_and_cut_off_by_repair(
    folder: CampaignFolder, make_record: Callable[..., Record]
) -> None:
    folder.append(make_record())
    runs = folder.path / "runs.jsonl"
    with runs.open("a") as file:
        file.write('{"schema": 1, "camp')
    with pytest.raises(BadInput, match=r"runs.jsonl:2: the line is not complete"):
        folder.records()
    folder.repair()
    assert folder.records() == [make_record()]


def test_a_damaged_line_in_the_middle_is_refused_and_stays(
    folder: CampaignFolder, make_record: Callable[..., Record]
) -> None:
    runs = folder.path / "runs.jsonl"
    runs.write_text('{"schema": 1, "camp\n')
    folder.append(make_record())
    folder.repair()
    with pytest.raises(BadInput, match=r"runs.jsonl:1: not JSON"):
        folder.records()


def test_a_killed_attempt_gets_its_record_at_the_next_start(
    folder: CampaignFolder, make_record: Callable[..., Record]
) -> None:
    killed = interrupted(make_record())
    folder.begin_attempt(killed)
    assert folder.records() == []
    folder.repair()
    folder.repair()
    assert folder.records() == [killed]
    assert not (folder.path / "attempt.json").exists()


def test_an_attempt_that_was_recorded_before_the_kill_is_not_recorded_twice(
    folder: CampaignFolder, make_record: Callable[..., Record]
) -> None:
    folder.append(make_record())
    folder.begin_attempt(interrupted(make_record()))
    folder.repair()
    assert folder.records() == [make_record()]
    assert not (folder.path / "attempt.json").exists()


def test_samples_are_a_line_each_without_places_on_disk_and_a_torn_one_is_cut_off(folder: CampaignFolder) -> None:
    folder.append_samples({"block": 1, "reason": "sample: /somewhere/bin/python cannot be started"})
    folder.append_samples({"block": 2, "reason": None})
    file = folder.path / "samples.jsonl"
    with file.open("a") as torn:
        torn.write('{"block": 3, "rea')
    folder.repair()
    first, second = map(json.loads, file.read_text().splitlines())
    assert first["block"] == 1
    assert "/somewhere" not in first["reason"]
    assert second == {"block": 2, "reason": None}


def test_a_record_ends_the_attempt(folder: CampaignFolder, make_record: Callable[..., Record]) -> None:
    folder.begin_attempt(interrupted(make_record()))
    folder.append(make_record())
    folder.repair()
    assert folder.records() == [make_record()]


def test_a_name_is_date_time_and_engine_and_never_taken_twice(tmp_path: Path) -> None:
    assert new_name(tmp_path, "2026-11-22T14:30:59Z", "local") == "2026-11-22T1430-local"
    (tmp_path / "2026-11-22T1430-local").mkdir()
    assert new_name(tmp_path, "2026-11-22T14:30:59Z", "local") == "2026-11-22T1430-local-2"
    (tmp_path / "2026-11-22T1430-local-2").mkdir()
    assert new_name(tmp_path, "2026-11-22T14:30:59Z", "local") == "2026-11-22T1430-local-3"


def test_campaigns_are_listed_newest_first_and_other_folders_passed_over(
    tmp_path: Path, description: Description
) -> None:
    create(tmp_path, replace(description, campaign="z", created_at="2026-11-20T14:30:02Z"))
    create(tmp_path, replace(description, campaign="a", created_at="2026-11-21T14:30:02Z"))
    (tmp_path / "notes").mkdir()
    assert [folder.path.name for folder in list_campaigns(tmp_path)] == ["a", "z"]


def test_a_damaged_description_is_refused_with_its_place(folder: CampaignFolder) -> None:
    file = folder.path / "campaign.json"
    file.write_text('{"schema": 1}')
    with pytest.raises(BadInput, match=r"campaign.json:1: not valid by schema 1: matrix: field required"):
        folder.description()
    file.write_text("{")
    with pytest.raises(BadInput, match=r"campaign.json:1: not JSON"):
        folder.description()


def test_two_campaigns_do_not_write_at_once_and_the_second_names_the_first(tmp_path: Path) -> None:
    waited: list[float] = []
    holder = "import sys; from pathlib import Path; from experiments.records.folder import locked\n"
    holder += "with locked(Path(sys.argv[1])):\n    print('locked', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        with (
            pytest.raises(Failure, match=rf"another campaign \(process {process.pid}\) is writing there"),
            locked(tmp_path, clock=lambda: sum(waited), sleep=waited.append),
        ):
            pass
        assert sum(waited) == pytest.approx(15.0, abs=0.2)
        os.kill(process.pid, signal.SIGKILL)
    with locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"


def test_a_folder_with_a_page_of_something_else_is_no_results_folder(tmp_path: Path, description: Description) -> None:
    page = tmp_path / "README.md"
    page.write_text("precious")
    with (
        pytest.raises(BadInput, match=rf"^--results: {page} is not of a results folder; name another"),
        locked(tmp_path),
    ):
        raise AssertionError("locked")
    # As a clone has it.
    create(tmp_path, description)
    with locked(tmp_path):
        assert page.read_text() == "precious"


def test_a_results_folder_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(BadInput, match=rf"^--results: {tmp_path}/file/results: Not a directory; expected a folder"),
        locked(tmp_path / "file" / "results"),
    ):
        pass


def test_a_description_names_no_folder_of_this_machine(tmp_path: Path, description: Description) -> None:
    cells = (replace(description.cells[0], unsupported="cannot be imported: /home/me/x.so: undefined symbol"),)
    postgres = {"local: default": ServerFacts("17.11", {"ssl_cert_file": "/home/me/x.pem"}, "disk")}
    folder = create(tmp_path, replace(description, cells=cells, postgres=postgres))
    assert "/home" not in (folder.path / "campaign.json").read_text()
    assert folder.description().cells[0].unsupported == "cannot be imported: x.so: undefined symbol"


def test_a_second_record_of_a_run_is_refused_with_the_line_of_the_first(
    folder: CampaignFolder, make_record: Callable[..., Record]
) -> None:
    for record in (interrupted(make_record()), make_record(), interrupted(make_record())):
        folder.append(record)
    assert len(folder.records()) == 3
    folder.append(make_record(rows_per_s=9_000.0))
    with pytest.raises(BadInput, match=r"runs.jsonl:4: a second record of the run in line 2; remove one"):
        folder.records()


def test_a_campaign_that_cannot_be_read_is_left_out_with_a_warning(
    tmp_path: Path, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        create(tmp_path, replace(description, campaign=name))
    with (tmp_path / "b" / "campaign.json").open("r+b") as file:
        file.seek(20)
        file.write(b"\xff")
    for _ in range(2):
        assert [folder.path.name for folder in list_campaigns(tmp_path)] == ["a"]
    warning = capsys.readouterr().err
    assert warning.startswith(f"warning: {tmp_path / 'b' / 'campaign.json'}:3: not JSON (")
    assert warning.endswith("this campaign is left out\n")
    assert warning.count("\n") == 1


def test_records_of_a_block_elsewhere_count_when_it_is_whole(
    folder: CampaignFolder, make_record: Callable[..., Record]
) -> None:
    whole, lost = [make_record(block=block) for block in (1, 2)]
    folder.append_to_block(whole)
    folder.append_to_block(lost)
    assert folder.records() == []
    folder.end_block(1, whole=True)
    folder.end_block(2, whole=False)
    # Of which nothing has come.
    folder.end_block(3, whole=False)
    assert folder.records() == [whole, replace(lost, interrupted=True)]
    assert not list(folder.path.glob("block-*"))


def test_repair_keeps_a_block_that_was_whole_and_interrupts_one_that_was_not(
    folder: CampaignFolder, make_record: Callable[..., Record]
) -> None:
    whole = [make_record(block=1, arm=arm) for arm in ("a", "b")]
    part = make_record(block=2)
    for record in (*whole, part):
        folder.append_to_block(record)
    # Killed after the first line of the whole block was in runs.jsonl, and in a line of the other.
    (folder.path / "block-1.part").rename(folder.path / "block-1.whole")
    folder.append(whole[0])
    with (folder.path / "block-2.part").open("a") as file:
        file.write('{"schema": 1, "camp')
    folder.repair()
    assert folder.records() == [*whole, replace(part, interrupted=True)]
    assert not list(folder.path.glob("block-*"))

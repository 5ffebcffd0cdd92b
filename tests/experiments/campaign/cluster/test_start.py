from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.campaign.cluster.hand_out import Ended, Report
from experiments.campaign.cluster.start import Admission, check_address, find_exposure, hand_out
from experiments.campaign.progress import PlainLines
from experiments.errors import BadInput, Failure
from experiments.records.description import Description, to_json
from experiments.records.facts import MachineFacts
from experiments.records.folder import CampaignFolder, create
from experiments.records.record import Record, to_json_line

FACTS = MachineFacts(cpu="A Processor", cores_allowed=[])


@pytest.fixture
def folder(tmp_path: Path, description: Description) -> CampaignFolder:
    return create(tmp_path, replace(description, repeats=3, machines={"a": FACTS}))


@pytest.mark.parametrize("target", ["10.0.0.1:8786", "http://scheduler", "ssh"])
def test_what_is_no_address_of_a_cluster_is_refused(target: str) -> None:
    with pytest.raises(BadInput, match=r"is no cluster \(expected tcp://HOST:PORT, tls://HOST:PORT or ssh:FILE\)"):
        check_address(target)


def test_without_its_packages_a_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"needs the packages of experiments/requirements/cluster\.txt"):
        check_address("tcp://127.0.0.1:8786")


def test_only_an_open_address_of_other_machines_is_warned_of() -> None:
    targets = ("tcp://127.0.0.1:1", "tls://10.0.0.1:1", "ssh:hosts.txt", "tcp://10.0.0.1:1")
    exposed = [target for target in targets if find_exposure(target)]
    assert exposed == ["tcp://10.0.0.1:1"]


def test_a_resumed_campaign_measures_the_blocks_that_are_not_whole(
    folder: CampaignFolder, make_record: Callable[..., Record]
) -> None:
    described = folder.description()

    def records(block: int) -> list[Record]:
        shown = [one for one in described.cells if not one.unsupported]
        return [make_record(one.cell, cell_key=one.cell_key, arm=one.arm, block=block) for one in shown]

    for record in (*records(2), *[replace(one, interrupted=True) for one in records(3)]):
        folder.append(record)

    class Machines:
        def __init__(self) -> None:
            self.begun: list[int] = []
            self._messages: deque[Report | Ended] = deque()

        def count(self) -> int:
            return 1

        def begin(self, block: int) -> None:
            self.begun.append(block)
            texts = [to_json_line(record) for record in records(block)]
            self._messages.extend([Report("record", text, "b", block, "1") for text in texts])
            self._messages.append(Ended(block, "1"))

        def wait(self) -> Report | Ended:
            return self._messages.popleft()

    machines, lines = Machines(), list[str]()
    present = replace(described, machines={"b": FACTS})
    hand_out(folder, present, machines, PlainLines(lines.append), resumed=True)
    assert machines.begun == [1, 3]
    assert lines[0].startswith("[4/9] block 1/3 on b: ")
    assert {record.run for record in folder.records() if not record.interrupted} == described.planned_runs | {
        ("sha256:none", "a", 0)
    }
    assert folder.description().machines == {"a": FACTS, "b": FACTS}


def test_a_machine_that_comes_later_is_added_unless_it_differs(folder: CampaignFolder) -> None:
    present = folder.description()
    admission = Admission(folder, present)
    admission.admit("c", to_json(replace(present, environment=FACTS)))
    assert folder.description().machines == {"a": FACTS, "c": FACTS}
    other = replace(present, fingerprint="sha256:other", source_hash="sha256:abc")
    with pytest.raises(Failure, match="- source: nothing on the other machines; sha256:abc on d"):
        admission.admit("d", to_json(other))

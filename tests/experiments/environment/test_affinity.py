"""Which cores either side gets."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from experiments.environment.affinity import Cores, allowed_cpus, can_pin, confined, place, siblings
from experiments.errors import Unsupported
from experiments.matrix.spec import Resources
from experiments.records.facts import Placement

SPLIT = Resources(loader_cpuset="0", server_cpuset="rest")
ALONE: dict[int, frozenset[int]] = {}
PAIRS = {cpu: frozenset({cpu % 4, cpu % 4 + 4}) for cpu in range(8)}


def cores(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


def test_rest_is_what_the_loader_leaves() -> None:
    assert place(SPLIT, Cores(cores(0, 1), ALONE)) == Placement(cores(0), cores(1))


def test_rest_leaves_out_the_hyperthreads_of_the_loader_too() -> None:
    assert place(SPLIT, Cores(cores(*range(8)), PAIRS)) == Placement(cores(0), cores(1, 2, 3, 5, 6, 7))


def test_numbers_count_within_the_cores_that_are_allowed() -> None:
    assert place(SPLIT, Cores(cores(4, 9, 11), ALONE)) == Placement(cores(4), cores(9, 11))


def test_the_loader_can_have_the_rest() -> None:
    resources = Resources(loader_cpuset="rest", server_cpuset="0-1")
    assert place(resources, Cores(cores(0, 1, 2, 3), ALONE)) == Placement(cores(2, 3), cores(0, 1))


def test_nothing_asked_for_is_all_cores_for_both_without_a_note() -> None:
    assert place(Resources(), Cores(cores(0, 1), ALONE)) == Placement(cores(0, 1), cores(0, 1))


def test_a_side_that_asks_for_nothing_has_all_cores() -> None:
    assert place(Resources(server_cpuset="1"), Cores(cores(0, 1), ALONE)) == Placement(cores(0, 1), cores(1))


def test_a_fraction_of_a_core_is_kept() -> None:
    pod = Resources(loader_cpuset="0", loader_cpus=0.25, server_cpuset="rest")
    assert place(pod, Cores(cores(0, 1), ALONE)) == Placement(cores(0), cores(1), loader_quota=0.25)
    assert place(pod, Cores(cores(0), ALONE)).loader_quota == 0.25


@pytest.mark.parametrize(
    ("allowed", "threads"), [(cores(3), ALONE), (cores(0, 4), PAIRS)], ids=["one cpu", "two threads of one core"]
)
def test_with_one_core_both_share_it_and_the_note_says_so(
    allowed: frozenset[int], threads: dict[int, frozenset[int]]
) -> None:
    placement = place(SPLIT, Cores(allowed, threads))
    assert placement == Placement(allowed, allowed, note="there is only one core: loader and server share it")


def test_a_core_that_is_not_there_makes_the_cell_unsupported() -> None:
    with pytest.raises(Unsupported) as caught:
        place(Resources(loader_cpuset="0,2-3", server_cpuset="1"), Cores(cores(0, 1), ALONE))
    assert str(caught.value) == "cpuset '0,2-3' names core 2, but this process may use 2 cores: 0 to 1"


def test_a_rest_of_nothing_makes_the_cell_unsupported() -> None:
    with pytest.raises(Unsupported) as caught:
        place(Resources(loader_cpuset="0-1", server_cpuset="rest"), Cores(cores(2, 3), ALONE))
    assert str(caught.value) == (
        "no core is left for 'rest': the other side and its hyperthreads take all 2 cores (2-3); give it fewer"
    )


def test_a_system_that_cannot_pin_shares_and_says_so() -> None:
    placement = place(SPLIT, Cores(cores(0, 1), ALONE, pinning=False))
    note = "this system cannot confine processes to cores: loader and server share them"
    assert placement == Placement(cores(0, 1), cores(0, 1), note=note)


def test_a_note_is_no_part_of_what_identifies_a_placement() -> None:
    facts = Placement(cores(3, 1), cores(0), 0.5, note="something").facts()
    assert facts == {"loader_cpus": [1, 3], "server_cpus": [0], "loader_quota": 0.5}


def test_limits_of_either_side_are_kept_and_the_loaders_can_be_left_out() -> None:
    tight = Resources(loader_cpus=0.25, server_cpus=1.5, loader_memory=64 * 2**20, server_memory=2**30)
    placement = place(tight, Cores(cores(0, 1), ALONE))
    assert placement.limits == {
        **{"loader_cpus": 0.25, "server_cpus": 1.5},
        **{"loader_memory": 64 * 2**20, "server_memory": 2**30},
    }
    assert placement.without_loader_limits().limits == {"server_cpus": 1.5, "server_memory": 2**30}


def test_siblings_are_read_from_the_kernels_files(tmp_path: Path) -> None:
    for cpu, text in {"cpu0": "0,2\n", "cpu2": "0,2\n", "cpu10": "10-11\n"}.items():
        folder = tmp_path / cpu / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(text)
    (tmp_path / "cpufreq").mkdir()
    assert siblings(tmp_path) == {0: cores(0, 2), 2: cores(0, 2), 10: cores(10, 11)}


def test_no_files_of_the_kernel_are_no_siblings(tmp_path: Path) -> None:
    assert siblings(tmp_path / "nothing") == {}


@pytest.mark.skipif(not can_pin(), reason="this system has no affinity")
def test_the_allowed_cores_are_those_of_this_process() -> None:
    assert allowed_cpus() == os.sched_getaffinity(0)


def test_without_affinity_all_cores_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert not can_pin()
    assert allowed_cpus() == cores(0, 1, 2)


def test_confining_holds_no_other_thread_of_the_harness() -> None:
    seen: list[set[int]] = []
    other = threading.Event()

    def look() -> None:
        other.wait()
        seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=look)
    thread.start()
    before = os.sched_getaffinity(0)
    with confined(frozenset({min(before)})):
        other.set()
        thread.join()
    assert seen == [before]


def test_on_two_machines_each_side_gets_what_it_would_get_on_its_own() -> None:
    apart = Cores(cores(0, 1), ALONE, here=False, server=Cores(cores(*range(8)), PAIRS, here=False))
    assert place(SPLIT, apart) == Placement(cores(0), cores(1, 2, 3, 5, 6, 7))

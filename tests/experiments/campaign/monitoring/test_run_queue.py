"""Run-queue wait of a server's backends, by fakes and beside a real PostgreSQL's."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.campaign.monitoring import run_queue
from experiments.campaign.monitoring.run_queue import BackendWaits, find_missing_account


class Processes:
    """Processes of a made-up server: their titles, and what they have waited, in nanoseconds; None is gone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.titles: dict[int, str] = {}

    def children(self, pid: int) -> list[int]:
        return list(self.titles)

    def arguments(self, pid: int) -> list[str]:
        return [self.titles.get(pid, "")]

    def set(self, pid: int, title: str, waited_ns: int | None) -> None:
        self.titles[pid] = title
        folder = self.root / str(pid)
        folder.mkdir(exist_ok=True)
        if waited_ns is not None:
            (folder / "schedstat").write_text(f"123 {waited_ns} 7\n")

    def remove(self, pid: int) -> None:
        del self.titles[pid]
        (self.root / str(pid) / "schedstat").unlink()


BACKEND = "postgres: bigdata bigdata 127.0.0.1({})"


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Processes:
    made = Processes(tmp_path)
    monkeypatch.setattr(run_queue, "children", made.children)
    monkeypatch.setattr(run_queue, "arguments", made.arguments)
    monkeypatch.setattr(run_queue, "PROC", tmp_path)
    return made


def test_the_waits_of_the_loaders_backends_add_up_and_those_of_others_do_not_count(processes: Processes) -> None:
    waits = BackendWaits(1)
    assert (waits(), waits.is_known) == (0.0, False)
    processes.set(10, BACKEND.format(5001), 250_000_000)
    processes.set(11, BACKEND.format(5002), 500_000_000)
    processes.set(12, "postgres: bigdata postgres 127.0.0.1(5003)", 4_000_000_000)
    processes.set(13, "postgres: checkpointer ", 8_000_000_000)
    assert (waits(), waits.is_known) == (0.75, True)


def test_a_backend_that_is_still_being_made_counts_as_soon_as_it_has_its_title(processes: Processes) -> None:
    waits = BackendWaits(1)
    processes.set(10, "postgres -D data", 250_000_000)
    assert waits() == 0.0
    processes.set(10, BACKEND.format(5001), 500_000_000)
    assert waits() == 0.5


def test_a_backend_that_has_ended_keeps_what_was_read_last(processes: Processes) -> None:
    waits = BackendWaits(1)
    processes.set(10, BACKEND.format(5001), 250_000_000)
    waits()
    processes.remove(10)
    processes.set(11, BACKEND.format(5002), 125_000_000)
    assert waits() == 0.375


def test_a_server_on_another_machine_has_none(processes: Processes) -> None:
    processes.set(10, BACKEND.format(5001), 250_000_000)
    assert BackendWaits(None)() == 0.0


def test_a_kernel_without_the_account_is_named_in_one_line(tmp_path: Path) -> None:
    told = find_missing_account(tmp_path)
    assert told is not None
    assert "no account of run queues (schedstat)" in told
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/schedstat").touch()
    assert find_missing_account(tmp_path) is None

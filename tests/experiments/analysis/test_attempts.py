from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from experiments.analysis.attempts import BaselineRuns, choose_counting
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Host, Record

QUIET, NOISY = (Host(foreign_cpu_s=seconds, steal_s=0.0, observed_s=2.0) for seconds in (0.0, 0.8))


@pytest.fixture
def attempt(make_record: Callable[..., Record]) -> Callable[..., Record]:
    """Makes an attempt in block 1."""

    def make(repeat: int = 0, *, noisy: bool = False, block: int = 1, status: str = "ok", **more: object) -> Record:
        rows_per_s = 1_000.0 + repeat if status == "ok" else None
        made = make_record(block=block, host=NOISY if noisy else QUIET)
        return replace(made, repeat=repeat, status=status, rows_per_s=rows_per_s, **more)  # type: ignore[arg-type]

    return make


def repeats(records: Sequence[Record]) -> list[tuple[int, int]]:
    return [(record.block, record.repeat) for record in records]


def test_the_first_attempt_that_was_not_disturbed_counts(attempt: Callable[..., Record]) -> None:
    assert repeats(choose_counting([attempt(0, noisy=True), attempt(1), attempt(2)], None)) == [(1, 1)]
    # One that was repeated for the sake of another row keeps its own.
    assert repeats(choose_counting([attempt(0), attempt(1)], None)) == [(1, 0)]
    assert repeats(choose_counting([attempt(0), attempt(block=2)], None)) == [(1, 0), (2, 0)]


def test_of_disturbed_attempts_the_last_counts_by_its_number_not_by_its_place(attempt: Callable[..., Record]) -> None:
    every = [attempt(2, noisy=True), attempt(0, noisy=True), attempt(1, noisy=True)]
    assert repeats(choose_counting(every, None)) == [(1, 2)]


def test_an_attempt_counts_whatever_came_of_it_unless_it_was_interrupted(attempt: Callable[..., Record]) -> None:
    failed = attempt(1, status="failed", reason="gone")
    assert repeats(choose_counting([attempt(0, noisy=True), failed, attempt(2)], None)) == [(1, 1)]
    interrupted = attempt(1, status="failed", interrupted=True)
    assert repeats(choose_counting([attempt(0, noisy=True), interrupted], None)) == [(1, 0)]


def baselines(description: Description, attempts: Sequence[Record], runs: Sequence[Record]) -> list[tuple[int, int]]:
    shown = description.cells[0]
    made = [replace(one, cell_key=shown.cell_key, arm="a") for one in attempts]
    return repeats(BaselineRuns(Campaign(replace(description, placements={}), made), shown).beside(runs))


def test_a_run_is_compared_with_the_baselines_attempt_of_its_repetition(
    description: Description, attempt: Callable[..., Record]
) -> None:
    both = [attempt(0), attempt(1)]
    assert baselines(description, both, [attempt(0)]) == [(1, 0)]
    assert baselines(description, both, [attempt(1)]) == [(1, 1)]


def test_where_that_was_disturbed_or_failed_it_is_the_attempt_that_counts(
    description: Description, attempt: Callable[..., Record], threaded: Cell
) -> None:
    disturbed = [attempt(0, noisy=True), attempt(1)]
    assert baselines(description, disturbed, [attempt(0)]) == [(1, 1)]
    failed = [attempt(0), attempt(1, status="failed", reason="gone")]
    assert baselines(description, failed, [attempt(0), attempt(1)]) == [(1, 0), (1, 0)]
    assert baselines(description, [], [attempt(0)]) == []
    assert BaselineRuns(Campaign(description, []), None).beside([attempt(0)]) == []

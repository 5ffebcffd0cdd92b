"""The workers' time from samples of their threads."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.profiling.thread_time import find_thread_time

GIL = "futex:0x7f0000001000"


def samples(*, number: int = 11, **states: float) -> dict[str, Any]:
    """Two workers, looked at every 0.1 s of a phase of 1 s; each look finds the same."""
    samples = [
        [
            index / 10,
            {"thread": {**states, "run_s": 0.02 * index, "ready_s": 0.01 * index}, "main": {"futex:0x1": 1}},
        ]
        for index in range(number)
    ]
    return {"samples": samples, "refused": None}


def test_the_kernel_s_account_of_running_and_the_looks_at_those_that_sleep_add_up() -> None:
    seen = samples(poll=1, **{f"{GIL}:timed": 1})
    found = find_thread_time(seen, "threads", (0.0, 1.0), gil=True)
    shares = {"running": 0.1, "ready": 0.05, "gil": 0.425, "server": 0.425, "lock": 0.0, "else": 0.0}
    assert dict(found.shares) == pytest.approx(shares)
    assert (found.samples, found.workers) == (11, 2)
    assert sum(found.shares.values()) == pytest.approx(1)


def test_a_mutex_beside_the_lock_is_of_the_lock_and_one_elsewhere_is_not() -> None:
    seen = samples(**{f"{GIL}:timed": 1, "futex:0x7f0000001038": 1, "futex:0x7f0000009000": 2})
    shares = find_thread_time(seen, "threads", (0.0, 1.0), gil=True).shares
    assert shares["gil"] == shares["lock"] > 0


def test_without_the_lock_nobody_waits_for_it() -> None:
    shares = find_thread_time(samples(**{f"{GIL}:timed": 2}), "threads", (0.0, 1.0), gil=False).shares
    assert "gil" not in shares
    assert shares["lock"] == pytest.approx(0.85)


def test_only_looks_in_the_phase_count() -> None:
    assert find_thread_time(samples(poll=2, number=31), "threads", (1.0, 2.0), gil=True).samples == 11


@pytest.mark.parametrize(
    ("seen", "phase", "reason"),
    [
        (samples(poll=2), (5.0, 6.0), "too few samples"),
        ({"samples": [], "refused": "the kernel does not let it be read"}, (0.0, 1.0), "the kernel does not let it"),
    ],
)
def test_nothing_has_a_reason(seen: dict[str, Any], phase: tuple[float, float], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        find_thread_time(seen, "threads", phase, gil=True)


def test_of_a_loop_it_is_the_main_thread_that_does_everything() -> None:
    samples = [[i / 10, {"main": {"epoll_wait": 1, "run_s": 0.05 * i, "ready_s": 0.0}}] for i in range(11)]
    found = find_thread_time({"samples": samples, "refused": None}, "tasks", (0.0, 1.0), gil=True)
    assert found.workers == 1
    assert found.shares["running"] == pytest.approx(0.5)
    assert found.shares["server"] == pytest.approx(0.5)

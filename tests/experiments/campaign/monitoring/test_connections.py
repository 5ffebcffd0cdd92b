from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from experiments.campaign.monitoring.connections import PhaseSamples, cut_to_phase, find_shares
from experiments.records.record import Phase

PHASE = Phase(rows=222, wall_s=2.0, user_s=0.1, system_s=0.1, started_s=10.0, ended_s=12.0)
GROUPS = [
    ["idle", "Client", "ClientRead"],
    ["idle", None, None],
    ["active", "IO", "WALSync"],
    ["active", None, None],
    ["idle in transaction", "Client", "ClientRead"],
    ["idle in transaction (aborted)", "Client", "ClientRead"],
    ["fastpath function call", "LWLock", "WALWrite"],
    [None, None, None],
    ["disabled", None, None],
]


def report(*samples: list[Any], groups: list[Any] | None = None) -> dict[str, Any]:
    return {"groups": GROUPS if groups is None else groups, "samples": list(samples)}


def test_states_and_waits_are_added_up_and_what_the_server_does_not_tell_is_left_out() -> None:
    seen = cut_to_phase(report([10.5, [1, 2, 3, 4, 5, 6, 7, 8, 9]], [11.0, [1, 0, 1]]), PHASE)
    assert seen == PhaseSamples(2, 0.5, 4, 11, {"CPU": 4, "IO:WALSync": 4, "LWLock:WALWrite": 7})
    assert seen.connections == 4 + 11 + 15


def test_only_samples_of_the_phase_count_its_ends_included() -> None:
    samples = [[at_s, [1]] for at_s in (9.99, 10.0, 11.0, 12.0, 12.01)]
    assert cut_to_phase(report(*samples), PHASE) == PhaseSamples(3, 1.0, 3, 0, {})


@pytest.mark.parametrize(
    "phase", [replace(PHASE, started_s=None), replace(PHASE, ended_s=None), replace(PHASE, started_s=11.9)]
)
def test_a_phase_of_which_nothing_is_known_has_no_samples_and_no_shares(phase: Phase) -> None:
    seen = cut_to_phase(report([11.0, [20]]), phase)
    assert seen == PhaseSamples(0, None, 0, 0, {})
    assert find_shares(seen, 0.0001) is None


def test_shares_add_up_to_the_pool_and_waits_to_those_that_are_active() -> None:
    shares = find_shares(PhaseSamples(30, 0.025, 300, 60, {"CPU": 80, "IO:WalSync": 160}), 0.00005, "slice")
    assert shares is not None
    assert asdict(shares) == {
        **{"samples": 30, "interval_s": 0.025, "round_trip_s": 0.00005},
        **{"active": 0.4, "idle": 0.5, "idle_in_transaction": 0.1},
        "waits": {"IO:WalSync": 0.26667, "CPU": 0.13333},
        "scheduling": "slice",
    }
    assert list(shares.waits) == ["IO:WalSync", "CPU"]


def test_a_single_sample_has_no_interval() -> None:
    assert cut_to_phase(report([11.0, [20]]), PHASE).interval_s is None


@pytest.mark.parametrize("broken", [{}, {"groups": GROUPS}, {"groups": [["idle"]], "samples": [[11.0, [1]]]}])
def test_what_is_no_report_is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        cut_to_phase(broken, PHASE)

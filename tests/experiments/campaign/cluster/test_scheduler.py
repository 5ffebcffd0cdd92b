from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from experiments.campaign.cluster.scheduler import Cluster, connected
from experiments.errors import BadInput, EngineLost

if TYPE_CHECKING:
    from distributed import LocalCluster


@pytest.fixture(scope="module")
def scheduler() -> Iterator[LocalCluster]:
    """A scheduler in this process, with a worker that is no machine."""
    # Only the process that has these tests waits a second for it.
    from distributed import LocalCluster

    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", **options) as cluster:
        yield cluster


def test_a_scheduler_that_does_not_answer_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.campaign.cluster.scheduler._CONNECT_S", 0.2)
    with (
        pytest.raises(BadInput, match=r"--cluster: no scheduler answers at tcp://127\.0\.0\.1:1 "),
        connected("tcp://127.0.0.1:1"),
    ):
        pass


def test_workers_without_the_resource_are_no_machines(scheduler: LocalCluster) -> None:
    with (
        connected(scheduler.scheduler_address) as client,
        pytest.raises(BadInput, match="no worker has the resource MACHINE"),
    ):
        Cluster(client, "campaign").machines()


def test_a_scheduler_that_goes_ends_the_campaign(scheduler: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.campaign.cluster.scheduler._CONNECT_S", 0.2)
    with connected(scheduler.scheduler_address) as client:
        cluster = Cluster(client, "campaign")
        cluster.begin(1)
        scheduler.close()
        ended = cluster.wait()
    assert isinstance(getattr(ended, "problem", None), EngineLost)

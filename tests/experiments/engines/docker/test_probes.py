from __future__ import annotations

import json

import pytest

from experiments.engines.docker.engine import DockerEngine
from experiments.engines.docker.server import DockerServer
from experiments.engines.protocol import Launch
from experiments.records.facts import Placement

RTT_MS = 20


@pytest.mark.docker
def test_netem_delays_what_passes_between_loader_and_server_or_its_lack_is_explained(
    engine: DockerEngine, server: DockerServer, everywhere: Placement
) -> None:
    host = engine.loader_host("3.13")

    def step(*arguments: str, network_admin: bool = False) -> tuple[int, str, str]:
        launch = Launch([*arguments, "--report", "-"], server, everywhere, 60.0, network_admin=network_admin)
        finished = host.run(launch)
        return finished.returncode, finished.stdout, finished.stderr

    obstacle = engine.find_netem_obstacle()
    code, _, words = step("netem", "--rtt-ms", str(RTT_MS), network_admin=True)
    assert (code == 0, words) == (obstacle is None, "" if obstacle is None else f"error: {obstacle}\n")
    # No other container of a campaign may change its network.
    assert step("netem", "--rtt-ms", "1")[2] == "error: the capability NET_ADMIN is missing\n"
    if obstacle is not None:
        assert obstacle == "the kernel has no netem (its module sch_netem)"
        pytest.skip(obstacle)
    delayed = json.loads(step("round-trip")[1])
    assert step("netem", "--rtt-ms", "0", network_admin=True)[0] == 0
    after = json.loads(step("round-trip")[1])
    assert after["round_trip_s"] < RTT_MS / 2e3 < RTT_MS / 1e3 <= delayed["round_trip_s"] < RTT_MS / 2e2

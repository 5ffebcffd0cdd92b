"""Servers in containers that end by themselves, and what takes their place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from docker import DockerClient

from experiments.engines.docker.resources import CampaignResources
from experiments.engines.docker.server import DockerServer
from experiments.errors import Failure
from experiments.records.facts import Placement
from tests.experiments.engines.docker.looking import PSQL, limits_of, run_inside, things_of

pytestmark = pytest.mark.docker


def kill(client: DockerClient, server: DockerServer, signal: str = "SIGKILL") -> None:
    client.api.kill(server.container, signal=signal)
    client.api.wait(server.container)


@pytest.mark.parametrize("storage", ["disk", "tmpfs"])
def test_a_server_that_has_ended_is_started_again_with_nothing_in_it(
    storage: str, serve: Any, ask: Any, resources: CampaignResources, docker_client: DockerClient, everywhere: Placement
) -> None:
    server = serve("17", storage)
    assert server.find_end() is None
    ask(server, "CREATE TABLE kept AS SELECT 1")
    seen, facts, first = server.cpu_s(), server.facts, server.container
    there = things_of(docker_client, resources.campaign)
    kill(docker_client, server, "SIGINT")
    end = server.find_end()
    assert end is not None
    assert end.startswith("received fast shutdown request; ")
    assert end.endswith("; database system is shut down")
    assert server.cpu_s() >= seen > 0

    half = replace(everywhere, server_quota=0.5)
    server.place(half)
    assert server.find_end() is None
    assert server.container != first
    assert (server.facts, limits_of(docker_client, server)[1]) == (facts, 50_000)
    assert ask(server, "SELECT to_regclass('kept') IS NULL") == "t"
    with pytest.raises(AssertionError, match="password authentication failed"):
        run_inside(docker_client, server.container, [*PSQL, "--command=SELECT 1"], environment={"PGPASSWORD": "x"})
    # Of the first there is nothing left.
    assert len(things_of(docker_client, resources.campaign)) == len(there)
    assert first not in things_of(docker_client, resources.campaign)


def test_a_server_whose_container_was_removed_is_started_again(
    serve: Any, ask: Any, docker_client: DockerClient, everywhere: Placement
) -> None:
    server = serve("17", "tmpfs")
    docker_client.api.remove_container(server.container, force=True)
    assert server.find_end() == "its container was removed"
    server.place(everywhere)
    assert ask(server, "SELECT 1") == "1"


def test_a_server_that_recovers_from_a_crash_has_not_ended(serve: Any, ask: Any, docker_client: DockerClient) -> None:
    server = serve("15", "disk")
    ask(server, "CREATE TABLE kept AS SELECT 1")
    with pytest.raises(AssertionError):
        ask(server, "COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'")
    assert server.find_end() is None
    assert ask(server, "SELECT count(*) FROM kept") == "1"


def test_a_server_that_does_not_start_again_is_a_failure_that_is_tried_anew_before_the_next_run(
    serve: Any, ask: Any, docker_client: DockerClient, everywhere: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve("17", "tmpfs")
    kill(docker_client, server)
    tries = []

    def refuse() -> str:
        tries.append(1)
        raise Failure("docker: cannot make a container for postgres-17: no space left")

    with monkeypatch.context() as patch:
        patch.setattr(server, "_make", refuse)
        for number in (1, 2):
            with pytest.raises(
                Failure, match=r"^PostgreSQL 17\.\d+ has ended and does not start again: docker: .* left$"
            ):
                server.place(everywhere)
            assert len(tries) == number
    server.place(everywhere)
    assert ask(server, "SELECT 1") == "1"


def test_a_server_that_memory_ran_out_for_says_so_and_is_started_again(
    serve: Any, ask: Any, docker_client: DockerClient, everywhere: Placement
) -> None:
    server = serve("15", "disk")
    # The engine notes that memory ran out for any process in the container; then it is ended as the kernel would.
    server.place(replace(everywhere, server_memory_bytes=128 * 2**20))
    with pytest.raises(AssertionError):
        run_inside(docker_client, server.container, ["tail", "/dev/zero"])
    kill(docker_client, server)
    assert server.find_end() == "out of memory: over the server's limit of 128 MB"
    server.place(everywhere)
    assert ask(server, "SELECT 1") == "1"

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from docker import DockerClient

from experiments.engines.docker.engine import DockerEngine
from experiments.engines.docker.images import Images
from experiments.engines.docker.resources import CampaignResources
from experiments.engines.postgres import INITDB_OPTIONS
from experiments.engines.settings import RefusedSettings
from experiments.errors import Unsupported
from experiments.matrix.spec import PostgresConfiguration
from experiments.records.facts import Placement
from tests.experiments.engines.docker.looking import PASSWORD, PSQL, limits_of, run_inside

pytestmark = pytest.mark.docker


@pytest.mark.parametrize(("major", "storage"), [("15", "disk"), ("17", "tmpfs")])
def test_a_server_is_what_it_says(
    major: str, storage: str, serve: Any, ask: Any, images: Images, docker_client: DockerClient
) -> None:
    server = serve(major, storage, synchronous_commit="off")
    facts = server.facts
    assert facts.version.startswith(f"{major}.")
    assert facts.version == ask(server, "SHOW server_version").split()[0]
    assert (facts.storage, facts.settings["synchronous_commit"]) == (storage, "off")
    assert (facts.image, facts.image_id) == (images.postgres(major).identity, images.postgres(major).image_id)
    assert [ask(server, f"SHOW {name}") for name in facts.settings] == list(facts.settings.values())
    mounts = run_inside(docker_client, server.container, ["cat", "/proc/mounts"]).splitlines()
    kinds = [line.split()[2] for line in mounts if line.split()[1].startswith("/var/lib/postgresql")]
    assert [kind == "tmpfs" for kind in kinds] == [storage == "tmpfs"]


def test_a_server_is_made_as_the_local_engines_are(serve: Any, ask: Any) -> None:
    server = serve("17", "tmpfs")
    assert "--auth=scram-sha-256" in INITDB_OPTIONS
    assert ask(server, "SHOW password_encryption") == "scram-sha-256"
    locale = "SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'bigdata'"
    assert ask(server, locale) == "C|UTF8"
    assert ask(server, "SELECT rolname FROM pg_roles WHERE rolsuper") == "bigdata"


@pytest.fixture
def like_official(images: Images, docker_client: DockerClient) -> Iterator[str]:
    """An image that declares a volume for data, a user and an entrypoint of its own, as official images do."""
    base = images.postgres("17").image_id
    # The label makes it this test's own: equal images are one, which a test beside this one would remove.
    own = f"LABEL test={uuid.uuid4()}"
    dockerfile = f'FROM {base}\n{own}\nVOLUME /var/lib/postgresql\nUSER root\nENTRYPOINT ["false"]\n'
    image, _ = docker_client.images.build(fileobj=io.BytesIO(dockerfile.encode()), rm=True)
    yield str(image.id)
    docker_client.images.remove(str(image.id), force=True)


@pytest.mark.parametrize("storage", ["disk", "tmpfs"])
def test_an_image_that_declares_a_volume_gets_no_other_one_there(
    storage: str, serve: Any, like_official: str, docker_client: DockerClient
) -> None:
    server = serve("17", storage, image_id=like_official)
    volumes = [mount["Name"] for mount in docker_client.api.inspect_container(server.container)["Mounts"]]
    # One for the password; memory is no volume.
    assert len(volumes) == (1 if storage == "tmpfs" else 2)
    assert all(name.startswith("bigdata-matrix-") for name in volumes)
    mounts = run_inside(docker_client, server.container, ["cat", "/proc/mounts"]).splitlines()
    (kind,) = (line.split()[2] for line in mounts if line.split()[1] == "/var/lib/postgresql")
    assert (kind == "tmpfs") == (storage == "tmpfs")
    uids = run_inside(docker_client, server.container, ["grep", "^Uid:", "/proc/1/status"]).split()[1:]
    assert "0" not in uids
    server.stop()


def test_a_wrong_password_is_refused(serve: Any, docker_client: DockerClient) -> None:
    server = serve("17", "tmpfs")
    with pytest.raises(AssertionError, match="password authentication failed"):
        run_inside(docker_client, server.container, [*PSQL, "--command=SELECT 1"], environment={"PGPASSWORD": "x"})


def test_a_server_is_locked_up_and_listens_to_itself_only(serve: Any, docker_client: DockerClient) -> None:
    server = serve("15", "disk")
    status = dict(
        line.split(":\t", 1)
        for line in run_inside(docker_client, server.container, ["cat", "/proc/1/status"]).splitlines()
    )
    assert (status["Name"], status["NoNewPrivs"], status["Seccomp"]) == ("postgres", "1", "2")
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert "0" not in status["Uid"].split()
    described = docker_client.api.inspect_container(server.container)
    assert described["HostConfig"]["ReadonlyRootfs"]
    assert not described["HostConfig"]["PortBindings"]
    (network,) = described["NetworkSettings"]["Networks"].values()
    assert docker_client.api.inspect_network(network["NetworkID"])["Internal"]
    # In /proc/net/tcp addresses are hexadecimal, least significant byte first; state 0A is listening.
    sockets = run_inside(docker_client, server.container, ["cat", "/proc/net/tcp", "/proc/net/tcp6"]).splitlines()
    listening = {line.split()[1] for line in sockets if line.split()[3] == "0A"}
    assert {address for address in listening if address.endswith(":1538")} == {"0100007F:1538"}


def test_the_password_stands_nowhere(serve: Any, resources: CampaignResources, docker_client: DockerClient) -> None:
    server = serve("15", "disk")
    assert PASSWORD not in str(docker_client.api.inspect_container(server.container))
    assert PASSWORD not in str(docker_client.api.top(server.container, ps_args="auxwwe"))
    assert PASSWORD not in docker_client.api.logs(server.container).decode()
    assert PASSWORD not in str(docker_client.api.volumes())


@pytest.mark.parametrize(("asked", "kilobytes"), [(None, 262_144), (64 * 2**20, 65_536)])
def test_shared_memory_is_as_large_as_asked(
    asked: int | None, kilobytes: int, serve: Any, docker_client: DockerClient
) -> None:
    server = serve("17", "tmpfs", shm_size=asked)
    shown = run_inside(docker_client, server.container, ["df", "--block-size=1k", "--output=size", "/dev/shm"])
    assert int(shown.split()[-1]) == kilobytes


def test_a_wrong_setting_is_refused_in_the_servers_own_words(serve: Any) -> None:
    with pytest.raises(RefusedSettings) as refusal:
        serve("17", "tmpfs", synchronous_commit="off", work_mem="5 apples")
    assert refusal.value.path == ("postgres", "mine", "settings", "work_mem")
    assert refusal.value.text.startswith(
        'PostgreSQL 17 does not start with work_mem=5 apples: invalid value for parameter "work_mem": "5 apples"'
    )


def test_a_setting_that_only_the_start_refuses_is_refused_too(serve: Any) -> None:
    with pytest.raises(RefusedSettings, match='could not access file "nothing"'):
        serve("15", "disk", shared_preload_libraries="nothing")


def test_limits_come_and_go(serve: Any, docker_client: DockerClient, everywhere: Placement) -> None:
    server = serve("15", "disk")
    one = min(everywhere.server_cpus)
    confined = replace(everywhere, server_cpus=frozenset({one}), server_quota=0.5, server_memory_bytes=256 * 2**20)
    server.place(confined)
    assert limits_of(docker_client, server) == [str(one), 50_000, 256 * 2**20, 256 * 2**20]
    status = run_inside(docker_client, server.container, ["grep", "Cpus_allowed_list", "/proc/1/status"])
    assert status.split()[-1] == str(one)
    server.place(everywhere)
    _, quota, memory, swap = limits_of(docker_client, server)
    assert quota == -1
    assert min(memory, swap) > 2**40


def test_a_limit_below_what_the_server_has_is_an_obstacle_until_it_goes(
    serve: Any, ask: Any, everywhere: Placement
) -> None:
    server = serve("17", "tmpfs")
    ask(server, "CREATE TABLE fill AS SELECT repeat('x', 1000) FROM generate_series(1, 60000)")
    server.place(replace(everywhere, server_memory_bytes=32 * 2**20))
    if server.obstacle is None:
        pytest.skip("version 2 of control groups takes any limit, and lets memory run out")
    assert server.obstacle == "PostgreSQL already uses more than the server's limit of 32 MB"
    server.place(everywhere)
    assert server.obstacle is None


def test_cpu_time_is_counted_with_that_of_backends_that_have_ended(serve: Any, ask: Any) -> None:
    server = serve("17", "tmpfs")
    before = server.cpu_s()
    ask(server, "SELECT sum(sqrt(i)) FROM generate_series(1, 3000000) AS i")
    used = server.cpu_s() - before
    assert 0.05 < used < 20


def test_a_version_that_the_source_has_not_is_unsupported(engine: DockerEngine) -> None:
    with pytest.raises(Unsupported, match="PostgreSQL 14: Debian's packages have 15, 17"):
        engine.serve("old", PostgresConfiguration(version="14", storage="disk"), max_connections=20)


def test_a_server_stops_once_or_twice(serve: Any, docker_client: DockerClient) -> None:
    server = serve("17", "tmpfs")
    started = time.monotonic()
    server.stop()
    server.stop()
    assert time.monotonic() - started < 10
    assert server.container not in [one.id for one in docker_client.containers.list(all=True)]

"""A campaign between two Docker engines in two network namespaces, which are joined by a pair of virtual interfaces."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import docker
import pytest

from experiments.engines.docker.debian.base_image import REPOSITORIES
from experiments.records.folder import list_campaigns
from tests.experiments.campaign.test_docker_campaign import left_behind, run
from tests.experiments.engines.docker.looking import run_inside
from tests.experiments.engines.docker.test_connect import make_context
from tests.project import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

# Of a block that is for measurements (RFC 2544).
HERE, THERE = "198.18.77.1", "198.18.77.2"
MATRIX = f"""
version: 1
repeats: 1
seed: 1
timeout_s: 60
patience_s: 0
defaults: {{engine: docker, python: "3.13", loader: row_by_row_threaded, poolsize: 5, postgres: memory, data: few,
           resources: split, network: two_hosts}}
experiments:
  two_hosts:
    question: Do all do the same work?
    matrix:
      loader: [row_by_row_threaded, row_by_row_asyncio, row_by_row_psycopg_threaded, row_by_row_asyncpg]
      loop: [asyncio]
data: {{few: {{source: synthetic, state: NY, records: 10}}}}
postgres: {{memory: {{version: "17", storage: tmpfs}}}}
resources: {{split: {{loader_cpuset: "0", server_cpuset: rest}}}}
hosts: {{here: {{}}, db: {{context: db-box, address: "{THERE}"}}}}
network: {{two_hosts: {{loader: here, server: db}}}}
"""


@dataclass(frozen=True)
class Hosts:
    """The engines of both hosts, and what the command needs to reach them."""

    here: docker.DockerClient
    there: docker.DockerClient
    environment: dict[str, str]

    def left_behind(self, pid: int) -> list[str]:
        return left_behind(self.here, pid) + left_behind(self.there, pid)


def wait_until(condition: Callable[[], object], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def answers(client: docker.DockerClient) -> bool:
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False


@pytest.fixture(scope="module")
def second_engine(docker_client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an engine in a network namespace of its own."""
    call = partial(subprocess.run, check=True)
    name, near, far = f"bigdata-{os.getpid()}", f"bd{os.getpid()}a", f"bd{os.getpid()}b"
    inside = ["nsenter", f"--net=/run/netns/{name}"]
    folder = tmp_path_factory.mktemp("engine")
    address = f"unix://{folder}/docker.sock"
    lacking = [program for program in ("ip", "nsenter", "dockerd") if shutil.which(program) is None]
    if lacking or call(["ip", "netns", "add", name], check=False).returncode != 0:
        lack = f"a second engine needs {', '.join(lacking) or 'root, to make a network namespace'}"
        (pytest.fail if "CI" in os.environ else pytest.skip)(lack)
    try:
        call(["ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name])
        call(["ip", "address", "add", f"{HERE}/30", "dev", near])
        call(["ip", "link", "set", near, "up"])
        call([*inside, "ip", "link", "set", "lo", "up"])
        call([*inside, "ip", "address", "add", f"{THERE}/30", "dev", far])
        call([*inside, "ip", "link", "set", far, "up"])
        places = [f"--{option}={folder}/{option}" for option in ("data-root", "exec-root", "pidfile")]
        command = [*inside, "dockerd", *places, f"--host={address}"]
        with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                client = docker.DockerClient(address, version="1.41")
                wait_until(lambda: process.poll() is not None or answers(client))
                assert process.poll() is None, (folder / "log").read_text()
                yield address
            finally:
                process.terminate()
    finally:
        # With its end of the pair the other one goes.
        call(["ip", "netns", "delete", name], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def hosts(
    docker_client: docker.DockerClient, second_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hosts]:
    images = ["images", "--source", "debian", "--python", "3.13", "--postgres", "17"]
    assert run([sys.executable, "-m", "experiments", *images]).returncode == 0
    there = docker.DockerClient(second_engine)
    # Faster than making it again.
    there.api.load_image(docker_client.images.get(f"{REPOSITORIES['postgres']}:17").save(named=True))
    configuration = tmp_path_factory.mktemp("configuration")
    (configuration / "config.json").write_text("{}")
    make_context(configuration, "db-box", second_engine)
    yield Hosts(docker_client, there, {**os.environ, "DOCKER_CONFIG": str(configuration)})
    there.close()


def command(folder: Path) -> list[str]:
    matrix = folder / "matrix.yaml"
    matrix.write_text(MATRIX)
    chosen = ["--matrix", str(matrix), "--results", str(folder / "results"), "--source", "debian"]
    return [sys.executable, "-m", "experiments", "matrix", *chosen]


def check_secrecy(hosts: Hosts) -> None:
    """Check that the server listens at the named address alone, and that its password can be seen nowhere."""
    (server,) = hosts.there.containers.list()
    bindings = [binding["HostIp"] for bound in server.ports.values() for binding in bound or ()]
    assert bindings == [THERE]
    password = run_inside(hosts.there, str(server.id), ["cat", "/secrets/password"]).strip().encode()
    assert len(password) == 32
    containers = [server, *hosts.there.containers.list(all=True), *hosts.here.containers.list(all=True)]
    seen = [*(str(container.attrs).encode() for container in containers), server.logs()]
    for process in Path("/proc").glob("[0-9]*"):
        for file in ("cmdline", "environ"):
            try:
                seen.append((process / file).read_bytes())
            except OSError:
                continue
    assert [text for text in seen if password in text] == []


def test_all_drivers_load_over_tls_and_a_killed_harness_leaves_nothing_on_either_host(
    hosts: Hosts, tmp_path: Path
) -> None:
    asked = command(tmp_path)
    silent = subprocess.DEVNULL
    with subprocess.Popen(asked, cwd=ROOT, stdout=silent, stderr=silent, env=hosts.environment) as process:
        wait_until(lambda: list(tmp_path.glob("results/*/attempt.json")) or process.poll() is not None, 300)
        check_secrecy(hosts)
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: hosts.left_behind(process.pid) == [])
    again = run(asked, env=hosts.environment)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "resuming" in again.stdout
    assert hosts.left_behind(again.pid) == []
    (folder,) = list_campaigns(tmp_path / "results")
    records = [record for record in folder.records() if not record.interrupted]
    assert {(record.cell.loader, record.status) for record in records} == {
        ("row_by_row_threaded", "ok"),
        ("row_by_row_asyncio", "ok"),
        ("row_by_row_psycopg_threaded", "ok"),
        ("row_by_row_asyncpg", "ok"),
    }
    for record in records:
        assert record.network is not None
        assert (record.network.by, record.network.tls) == ("hosts", "TLSv1.3")
        assert abs(record.network.clock_offset_s or 0.0) < 1
    (server,) = folder.description().postgres.values()
    assert server.host is not None
    assert server.host["version"] == hosts.there.version()["Version"]
    assert THERE not in "".join(path.read_text() for path in folder.path.glob("*.json*"))

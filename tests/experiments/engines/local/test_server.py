from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from experiments.engines.local.cleanup import owners, sweep
from experiments.engines.local.postgres_binaries import Binaries
from experiments.engines.local.server import LocalServer, start_server
from experiments.engines.local.traces import read_traces
from experiments.engines.processes import is_alive, tree, with_arguments
from experiments.environment.mounts import read_mounts
from experiments.errors import BadInput, Failure
from experiments.records.facts import Placement
from tests.experiments.engines.local.local_servers import data_of, listening_addresses, password, users
from tests.project import ROOT

pytestmark = pytest.mark.postgres

OWNER = """
import sys, time
from pathlib import Path
from experiments.engines.local.postgres_binaries import binaries_in
from experiments.engines.local.server import start_server

server = start_server(binaries_in(Path(sys.argv[1])), name="t", storage="disk", settings={}, max_connections=20)
print(server.port, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def server(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """For tests that leave it as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        started = start_server(binaries, name="t", storage="disk", settings={"work_mem": "5MB"}, max_connections=20)
    yield started
    started.stop()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_listens_on_the_loopback_interface_only(server: LocalServer) -> None:
    assert listening_addresses(server.port) == {"0100007F"}
    assert server.execute("SHOW unix_socket_directories") == ""


def test_no_process_of_it_runs_as_root(server: LocalServer) -> None:
    (postgres,) = with_arguments(str(data_of(server)))
    assert 0 not in users(postgres.pid)


def test_a_client_needs_the_password(server: LocalServer) -> None:
    with psycopg2.connect(server.url(with_password=True)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_database(), pg_encoding_to_char(encoding), datcollate FROM pg_database LIMIT 1")
        assert cursor.fetchone() == ("bigdata", "UTF8", "C")
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(server.url().replace("bigdata@", "bigdata:wrong@"))


def test_the_password_is_in_no_process_list_and_in_no_file_that_others_can_read(
    server: LocalServer,
) -> None:
    secret = password(server).encode()
    assert len(secret) >= 24
    commands = [path for path in Path("/proc").glob("[0-9]*/cmdline") if secret in path.read_bytes()]
    files = [
        path for top in (server.password_file.parent, data_of(server)) for path in top.rglob("*") if path.is_file()
    ]
    holders = [path for path in files if secret in path.read_bytes()]
    assert commands == []
    assert holders == [server.password_file]
    assert server.password_file.stat().st_mode & 0o777 == 0o600


def test_its_facts_name_every_setting_of_harness_and_configuration_and_no_address(server: LocalServer) -> None:
    assert server.facts.settings == {
        "max_connections": "20",
        "autovacuum": "off",
        "checkpoint_timeout": "1h",
        "max_wal_size": "4GB",
        "work_mem": "5MB",
    }
    assert {name: server.execute(f"SHOW {name}") for name in server.facts.settings} == server.facts.settings
    assert server.execute("SHOW server_version") == server.facts.version


def test_placing_confines_the_processes_there_are_and_those_to_come(server: LocalServer) -> None:
    (postgres,) = with_arguments(str(data_of(server)))
    core = min(os.sched_getaffinity(0))
    with psycopg2.connect(server.url(with_password=True)):
        server.place(Placement(frozenset({core}), frozenset({core})))
        with psycopg2.connect(server.url(with_password=True)):
            assert {frozenset(os.sched_getaffinity(pid)) for pid in tree(postgres.pid)} == {frozenset({core})}


def test_the_cpu_time_of_ended_backends_stays_counted(server: LocalServer) -> None:
    before = server.cpu_s()
    server.execute("SELECT sum(i % 7) FROM generate_series(1, 3000000) AS i")
    assert 0.05 < server.cpu_s() - before < 30


def test_a_failing_statement_is_told_in_the_servers_words(server: LocalServer) -> None:
    with pytest.raises(Failure, match='relation "nowhere" does not exist'):
        server.execute("SELECT * FROM nowhere")


def test_stopping_leaves_nothing_and_may_be_repeated(own_server: LocalServer, cache: Path) -> None:
    (trace,) = read_traces()
    processes = with_arguments(str(trace.data))
    own_server.stop()
    own_server.stop()
    assert not is_open(own_server.port)
    assert not any(map(is_alive, processes))
    assert list((cache / "servers").iterdir()) == []
    assert not trace.data.exists()


def test_stopping_does_not_wait_for_clients(own_server: LocalServer) -> None:
    connection = psycopg2.connect(own_server.url(with_password=True))
    own_server.stop()
    with pytest.raises(psycopg2.OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_memory_storage_lies_on_a_tmpfs_and_goes_with_the_server(binaries: Binaries, cache: Path) -> None:
    server = start_server(binaries, name="memory", storage="tmpfs", settings={}, max_connections=20)
    try:
        data = data_of(server)
        kinds = [mount.kind for mount in read_mounts() if data.is_relative_to(mount.mount_point)]
        assert (server.facts.storage, kinds[-1]) == ("tmpfs", "tmpfs")
    finally:
        server.stop()
    assert not data.exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"nonsense": "1"}, 'does not start with nonsense=1: unrecognized configuration parameter "nonsense"'),
        (
            {"work_mem": "banana"},
            'does not start with work_mem=banana: invalid value for parameter "work_mem": "banana"',
        ),
    ],
)
def test_a_wrong_setting_is_bad_input_in_the_servers_words(
    binaries: Binaries, cache: Path, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        start_server(binaries, name="async_commit", storage="disk", settings=settings, max_connections=20)
    assert (
        str(refusal.value)
        == f"postgres.async_commit.settings.{next(iter(settings))}: PostgreSQL {binaries.version} {words}"
    )
    assert list((cache / "servers").iterdir()) == []


def test_a_port_that_is_taken_meanwhile_is_replaced_by_another(
    binaries: Binaries, cache: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        other = free.getsockname()[1]
    ports = iter([server.port, other])
    monkeypatch.setattr("experiments.engines.local.cluster.free_port", lambda: next(ports))
    second = start_server(binaries, name="t", storage="disk", settings={}, max_connections=20)
    try:
        assert second.port == other
    finally:
        second.stop()


def test_a_sweep_removes_the_server_of_a_killed_owner_and_nothing_else(
    binaries: Binaries, cache: Path, own_server: LocalServer
) -> None:
    (mine,) = read_traces()
    command = [sys.executable, "-c", OWNER, str(binaries.folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        port = int(owner.stdout.readline())
        (other,) = (trace for trace in read_traces() if trace != mine)
        assert {process.pid for process in owners()} == {os.getpid(), owner.pid}
        assert sweep() == []
        owner.send_signal(signal.SIGKILL)
    assert is_open(port)
    assert sweep() == [
        f"removed what a killed run (process {other.owner.pid}) left: a running PostgreSQL with {other.data}"
    ]
    assert not is_open(port)
    assert not other.data.exists()
    assert read_traces() == [mine]
    assert own_server.execute("SELECT 1") == "1"

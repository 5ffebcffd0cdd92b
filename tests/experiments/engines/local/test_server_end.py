"""Servers that end by themselves, and what takes their place."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from experiments.engines.local.postgres_binaries import Binaries
from experiments.engines.local.server import LocalServer, start_server
from experiments.engines.local.shared_memory import MEMORY, SEGMENTS
from experiments.engines.local.traces import read_traces
from experiments.engines.processes import identity, is_alive, tree
from experiments.errors import Failure
from experiments.records.facts import Placement
from tests.experiments.engines.local.local_servers import (
    data_of,
    kill_postmaster,
    listening_addresses,
    password,
    postmaster_of,
    users,
)

pytestmark = pytest.mark.postgres


@pytest.fixture
def anywhere() -> Placement:
    cpus = frozenset(os.sched_getaffinity(0))
    return Placement(cpus, cpus)


def test_a_server_that_runs_has_no_end(own_server: LocalServer) -> None:
    assert own_server.find_end() is None


def test_a_server_that_was_killed_is_started_again_as_the_first_was_and_with_nothing_in_it(
    own_server: LocalServer, cache: Path, anywhere: Placement
) -> None:
    own_server.execute("CREATE TABLE kept AS SELECT 1")
    (first,) = read_traces()
    facts, secret, settings = own_server.facts, password(own_server), own_server.execute("SHOW max_connections")
    kill_postmaster(own_server)
    assert own_server.find_end() == "signal 9 (Killed)"
    core = min(anywhere.server_cpus)
    own_server.place(Placement(frozenset({core}), frozenset({core})))

    assert own_server.find_end() is None
    assert own_server.execute("SELECT to_regclass('kept') IS NULL") == "t"
    assert own_server.execute("SELECT current_database()", database="bigdata") == "bigdata"
    assert (own_server.facts, own_server.execute("SHOW max_connections")) == (facts, settings)
    assert password(own_server) == secret
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(own_server.url().replace("bigdata@", "bigdata:wrong@"))
    assert listening_addresses(own_server.port) == {"0100007F"}
    postmaster = postmaster_of(own_server)
    assert 0 not in users(postmaster)
    assert os.sched_getaffinity(postmaster) == {core}

    (second,) = read_traces()
    assert second.name != first.name
    assert not first.data.exists()
    own_server.stop()
    assert list((cache / "servers").iterdir()) == []


def test_the_children_of_a_killed_postmaster_are_ended_before_another_one_is_started(
    own_server: LocalServer, anywhere: Placement
) -> None:
    # What computes does not notice for as long as it does.
    thousand = "generate_series(1, 1000)"
    endless = f"SELECT count(*) FROM {', '.join(f'{thousand} AS {name}' for name in 'abcde')}"
    working = f"SELECT count(*) FROM pg_stat_activity WHERE query = $${endless}$$"
    with ThreadPoolExecutor() as threads:
        statement = threads.submit(own_server.execute, endless)
        deadline = time.monotonic() + 30
        while own_server.execute(working) == "0" and time.monotonic() < deadline:
            time.sleep(0.05)
        children = [one for pid in tree(postmaster_of(own_server))[1:] if (one := identity(pid)) is not None]
        kill_postmaster(own_server)
        assert any(map(is_alive, children))
        own_server.place(anywhere)
        assert not any(map(is_alive, children))
        assert isinstance(statement.exception(timeout=30), Failure)


def test_a_server_that_recovers_from_a_crash_is_waited_for_and_has_not_ended(own_server: LocalServer) -> None:
    own_server.execute("CREATE TABLE kept AS SELECT 1")
    connection = psycopg2.connect(own_server.url(with_password=True))
    os.kill(connection.info.backend_pid, signal.SIGKILL)
    assert own_server.find_end() is None
    assert own_server.execute("SELECT count(*) FROM kept") == "1"
    connection.close()


def test_a_server_that_cannot_recover_has_ended_with_its_own_words(
    own_server: LocalServer, anywhere: Placement
) -> None:
    connection = psycopg2.connect(own_server.url(with_password=True))
    (data_of(own_server) / "global" / "pg_control").unlink()
    os.kill(connection.info.backend_pid, signal.SIGKILL)
    # The postmaster hears of it a moment later than a client of it may.
    own_server._life.process.wait(timeout=60)
    end = own_server.find_end()
    assert end is not None
    assert "pg_control" in end
    assert "No such file or directory" in end
    own_server.place(anywhere)
    assert own_server.execute("SELECT 1") == "1"
    connection.close()


def test_a_server_that_does_not_start_again_is_a_failure_that_is_tried_anew_before_the_next_run(
    own_server: LocalServer, cache: Path, anywhere: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def refuse(*arguments: object) -> None:
        tries.append(arguments)
        raise OSError(errno.ENOSPC, "No space left on device", "/home/joe")

    kill_postmaster(own_server)
    with monkeypatch.context() as patch:
        patch.setattr("experiments.engines.local.cluster.make_cluster", refuse)
        for number in (1, 2):
            words = r"^PostgreSQL \d+\.\d+ has ended and does not start again: No space left on device$"
            with pytest.raises(Failure, match=words):
                own_server.place(anywhere)
            assert len(tries) == number
            assert list((cache / "servers").iterdir()) == []
    own_server.place(anywhere)
    assert own_server.execute("SELECT 1") == "1"


def test_the_cpu_time_of_a_server_that_has_ended_is_what_was_seen_last(own_server: LocalServer) -> None:
    seen = own_server.cpu_s()
    kill_postmaster(own_server)
    assert own_server.cpu_s() == seen > 0


def maps_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        # It has ended meanwhile, as the process of a connection does.
        return ""


def test_the_shared_memory_of_a_server_that_was_killed_is_removed_with_it(own_server: LocalServer, cache: Path) -> None:
    own_server.execute("CREATE TABLE t AS SELECT generate_series(1, 1000)")
    # The checkpointer, say, has more of it than the postmaster has.
    mapped = "".join(map(maps_of, tree(postmaster_of(own_server))))
    posix = {MEMORY / name for name in re.findall(r"/dev/shm/(PostgreSQL\.\d+)", mapped)}
    (system_v,) = set(re.findall(r"(\d+) +/SYSV", mapped))
    assert len(posix) > 1
    kill_postmaster(own_server)
    assert all(segment.exists() for segment in posix)
    assert system_v in system_v_segments()
    own_server.stop()
    assert not any(segment.exists() for segment in posix)
    assert system_v not in system_v_segments()


def test_an_initdb_on_a_full_disk_names_the_free_space(
    binaries: Binaries, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = 'could not write to file "pg_wal/xlogtemp.7": No space left on device'
    output = f"creating files ... ok\n2026-11-22 20:58:12.000 UTC [7] FATAL:  {full}\nchild process exited\n"
    monkeypatch.setattr("experiments.engines.local.cluster.run_as", lambda *_, **__: (1, output))
    words = rf"^initdb of PostgreSQL {binaries.version}: {full}; .*/postgresql-data has .* free; make room, then"
    with pytest.raises(Failure, match=words):
        start_server(binaries, name="t", storage="disk", settings={}, max_connections=20)
    assert [*(cache / "servers").iterdir()] == []


def test_an_interrupted_initdb_leaves_nothing(binaries: Binaries, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    communicate = subprocess.Popen.communicate
    segments: dict[str, Path] = {}

    def interrupt(process: subprocess.Popen[str], *arguments: Any, **options: Any) -> Any:
        if not str(process.args[0]).endswith("initdb"):  # type: ignore[index]
            return communicate(process, *arguments, **options)
        (data,) = (trace.data for trace in read_traces())
        # Its server has made the memory, and is in the midst of writing files.
        while not segments:
            with contextlib.suppress(FileNotFoundError, IndexError):
                segments[(data / "postmaster.pid").read_text().splitlines()[6].split()[1]] = data
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        start_server(binaries, name="t", storage="disk", settings={}, max_connections=20)
    ((segment, data),) = segments.items()
    assert [*(cache / "servers").iterdir(), *data.parent.glob(f"{data.name}*")] == []
    assert segment not in system_v_segments()


def system_v_segments() -> set[str]:
    return {line.split()[1] for line in SEGMENTS.read_text().splitlines()[1:]}

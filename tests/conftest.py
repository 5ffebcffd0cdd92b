"""What several test modules share: a PostgreSQL of the test run's own, databases in it, real Census data."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from experiments.engines.local.cleanup import sweep
from experiments.engines.local.postgres_binaries import Binaries, locked_binaries
from experiments.engines.local.server import LocalServer, start_server
from experiments.errors import BadInput, Failure, Unsupported
from tests.project import ROOT

if TYPE_CHECKING:
    import docker

POSTGRESQL_MAJOR = "17"
REGISTRY_PROGRAM = "docker-registry"
REGISTRY_START_S = 20.0
REGISTRY_CONFIGURATION = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{folder}"}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
"""


# No test fails because the machine is busy. What 40 examples do not show, a hundred each time would seldom.
settings.register_profile(
    "without the clock", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("without the clock")


def pytest_configure() -> None:
    """Have the programs that tests start obey the signals that ``nohup`` and a shell's background ignore."""
    # What is made while tests are collected stays: looking through it again and again takes a sixth of that time.
    gc.disable()
    # xdist sets it, as does readline behind Python's back: texts would be broken at the width of some terminal.
    os.environ.pop("COLUMNS", None)
    os.unsetenv("COLUMNS")
    # A program inherits that a signal is ignored, but no handler: it begins with the default instead.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules that take longest, so that no process is left alone with one of them in the end."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[bool, ...]:
    """Return what false comes first in: what builds images for others, other campaigns, what needs a program.

    What runs alone comes last, when others have but short tests, for whose end it waits.
    """
    docker, postgres, browser = (bool(item.get_closest_marker(name)) for name in ("docker", "postgres", "browser"))
    is_campaign = "campaign" in item.path.parts
    builds_images = docker and item.path.stem == "test_docker_campaign"
    first = not builds_images, not (is_campaign and postgres), not docker, not (postgres or browser)
    return (_is_serial(item), *first)


def pytest_collection_finish() -> None:
    """Look for garbage again, among what tests make."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Let tests that are marked ``serial`` run while no other process of the test run has one.

    Those that follow each other keep the turn: to wait for what others have begun takes longer than many a test.
    """
    # Both files are there and in nobody's way. Who waits for the second holds the first, so that nobody overtakes.
    if item.config.stash.get(_TURN, None) is None:
        item.config.stash[_TURN] = _take_turn(alone=_is_serial(item))
    try:
        return (yield)
    finally:
        if not (nextitem is not None and _is_serial(item) and _is_serial(nextitem)):
            # A process that a test has left may still have the file open.
            running = item.config.stash[_TURN]
            assert running is not None
            fcntl.flock(running, fcntl.LOCK_UN)
            running.close()
            item.config.stash[_TURN] = None


_TURN: pytest.StashKey[TextIO | None] = pytest.StashKey()


def _take_turn(*, alone: bool) -> TextIO:
    with (ROOT / "noxfile.py").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        running = (ROOT / "pyproject.toml").open()
        fcntl.flock(running, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(turn, fcntl.LOCK_UN)
    return running


def _is_serial(item: pytest.Item) -> bool:
    return item.get_closest_marker("serial") is not None


class ByModule(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps a module's tests in one process, which then makes what they share once, and all tests with Docker in one.

    Those share images, and look at all that the engine has. xdist's own groups are lost on newer versions of pytest.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return "docker" if uses_docker(module) else module


@cache
def uses_docker(module: str) -> bool:
    """Return whether a module has tests with Docker."""
    return "pytest.mark.docker" in (ROOT / module).read_text()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    """Distribute modules in the order in which they were collected: by name, in which small ones come last."""
    config.option.loadscopereorder = False
    return ByModule(config, log)


@dataclass(frozen=True)
class PostgresServer:
    """The PostgreSQL of the test run."""

    local: LocalServer

    @property
    def url(self) -> str:
        """Of its database ``postgres``, with the password."""
        return self.local.url("postgres", with_password=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests that need one. Where it cannot be had they skip, except in CI."""
    sweep()
    try:
        # Preloaded, so that tests can ask the server which statements it saw. It is thrown away: no disk is waited for.
        settings = {"shared_preload_libraries": "pg_stat_statements", "fsync": "off"}
        server = start_server(
            locked_binaries(POSTGRESQL_MAJOR), name="tests", storage="disk", settings=settings, max_connections=100
        )
    except (Failure, Unsupported) as reason:
        if "CI" in os.environ:
            raise
        pytest.skip(f"no PostgreSQL to test with: {reason}")
    try:
        yield PostgresServer(server)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def binaries(postgres_server: PostgresServer) -> Binaries:
    """The programs of the test run's server: there already, whatever the cache folder of a single test is."""
    return postgres_server.local.binaries


@contextlib.contextmanager
def fresh_database(server: PostgresServer, template: str = "template1") -> Iterator[str]:
    """The address, with the password, of a database that is a copy of the template."""
    name = f"test_{secrets.token_hex(4)}"
    # Through the log, as by default, it takes the server five times as long.
    server.local.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield server.local.url(name, with_password=True)
    server.local.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_dburl(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty database; its address holds the password."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def sf1_dir() -> Path:
    """The folder with real Census files, one folder per state; a test that needs them skips where it is not named."""
    named = os.environ.get("BIGDATA_SF1_DIR")
    if not named:
        pytest.skip("BIGDATA_SF1_DIR is not set: it names the folder with real Census files (Rhode_Island/, Delaware/)")
    folder = Path(named)
    assert folder.is_dir(), f"BIGDATA_SF1_DIR={named} is no folder"
    return folder


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    """The Docker engine. Where none answers tests that need one skip, except in CI."""
    # The process that only hands out tests does without the second that this takes.
    from experiments.engines.docker.connect import connect

    try:
        client = connect()
    except BadInput as reason:
        if "CI" in os.environ:
            raise
        pytest.skip(f"no Docker engine to test with: {reason}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def local_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty registry of images on the loopback interface; tests skip without one, except in CI."""
    if shutil.which(REGISTRY_PROGRAM) is None:
        # Not an assertion: that one would print all of CI's environment.
        if "CI" in os.environ:
            pytest.fail(f"CI needs {REGISTRY_PROGRAM}")
        pytest.skip(f"there is no {REGISTRY_PROGRAM} to test with (Debian, Ubuntu: apt install docker-registry)")
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{_free_port()}"
    configuration = folder / "configuration.yaml"
    configuration.write_text(REGISTRY_CONFIGURATION.format(folder=folder / "images", address=address))
    with subprocess.Popen([REGISTRY_PROGRAM, "serve", str(configuration)]) as process:
        try:
            _wait_for(f"http://{address}/v2/", process)
            yield address
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + REGISTRY_START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            assert process.poll() is None, f"{REGISTRY_PROGRAM} has ended with exit code {process.returncode}"
            assert time.monotonic() < deadline, f"nothing answers at {url}"
            time.sleep(0.05)
        else:
            return

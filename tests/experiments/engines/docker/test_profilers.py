"""A loader in its container, looked at from another one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from experiments.campaign.datasets import PreparedData
from experiments.engines.docker import profilers
from experiments.engines.docker.counting_image import describe_versions
from experiments.engines.docker.debian import base_image
from experiments.engines.docker.engine import DockerEngine
from experiments.engines.docker.loader import DockerLoaderHost
from experiments.engines.docker.profilers import DockerInstruments
from experiments.engines.docker.resources import CAMPAIGN
from experiments.engines.docker.server import DockerServer
from experiments.engines.loader_report import read_report
from experiments.engines.profilers import PY_SPY, THREAD_STATES, Instrument
from experiments.engines.protocol import Launch
from experiments.engines.select import instruments_of
from experiments.environment.image_lock import DebianPin, load_image_lock
from experiments.errors import Failure, Unsupported
from experiments.profiling.explanation import read_counts
from experiments.profiling.stacks import cut_to_hot_loops, read_speedscope
from experiments.profiling.thread_time import find_thread_time
from experiments.records.facts import Placement

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def host(engine: DockerEngine) -> DockerLoaderHost:
    return engine.loader_host("3.13")


@pytest.fixture
def instruments(host: DockerLoaderHost) -> Iterator[DockerInstruments]:
    chosen = instruments_of(host)
    assert isinstance(chosen, DockerInstruments)
    before = containers(host)
    yield chosen
    assert containers(host) == before


def containers(host: DockerLoaderHost) -> list[str]:
    filters = {"label": f"{CAMPAIGN}={host.resources.campaign}"}
    return sorted(one["Id"] for one in host.resources.client.api.containers(all=True, filters=filters))


def load(
    instruments: DockerInstruments,
    host: DockerLoaderHost,
    engine: DockerEngine,
    server: DockerServer,
    data: PreparedData,
    placement: Placement,
    instrument: Instrument,
) -> tuple[dict[str, object], str]:
    clear = host.run(Launch(["clear", "--report", "-"], server, placement, 60))
    read_report("clear", clear, 60)
    arguments = ["run", "row_by_row_threaded", "--directory", engine.provide_data(data.directory), *data.arguments]
    arguments += ["--poolsize", "3", "--prepared", "--report", "-"]
    observed = instruments.observe(instrument, Launch(arguments, server, placement, 60))
    assert observed.seen is not None
    return dict(read_report("run", observed.finished, 60)), observed.seen


def test_py_spy_sees_the_hot_loop(
    instruments: DockerInstruments,
    host: DockerLoaderHost,
    engine: DockerEngine,
    server: DockerServer,
    data: PreparedData,
    everywhere: Placement,
) -> None:
    _, seen = load(instruments, host, engine, server, data, everywhere, PY_SPY)
    functions = {frame.function for stack in cut_to_hot_loops(read_speedscope(seen)) for frame in stack}
    assert {"Job.call", "load_data", "insert_elements"} <= functions


def test_the_kernel_tells_what_the_workers_do(
    instruments: DockerInstruments,
    host: DockerLoaderHost,
    engine: DockerEngine,
    server: DockerServer,
    data: PreparedData,
    everywhere: Placement,
) -> None:
    report, seen = load(instruments, host, engine, server, data, everywhere, THREAD_STATES)
    phase = report["phases"]["data"]  # type: ignore[index]
    found = find_thread_time(json.loads(seen), "threads", (phase["started_s"], phase["ended_s"]), gil=True)
    assert found.workers == 3
    assert found.shares["server"] > 0
    assert found.shares["running"] > 0


def test_the_server_is_asked_in_its_container(instruments: DockerInstruments, server: DockerServer) -> None:
    assert instruments.ask(server, "SELECT current_database(), 'it''s'") == "postgres|it's"
    with pytest.raises(Failure, match='relation "nothing" does not exist'):
        instruments.ask(server, "SELECT * FROM nothing")


def test_instructions_and_system_calls_are_counted_in_an_image_of_their_own(
    instruments: DockerInstruments,
    host: DockerLoaderHost,
    engine: DockerEngine,
    server: DockerServer,
    data: PreparedData,
    everywhere: Placement,
) -> None:
    counter, calls = instruments.instruction_counter(), instruments.counter()
    assert (counter.name, calls.name) == ("valgrind", "strace")
    pin = load_image_lock().tools["trixie"].debian
    assert pin is not None
    found = {"valgrind": str(counter.version), "strace": str(calls.version)}
    # Debian's archive may have others by now, which is said.
    assert found == describe_versions(pin, {name: version.partition(" ")[0] for name, version in found.items()})
    _, seen = load(instruments, host, engine, server, data, everywhere, counter)
    # At least ten millions.
    assert re.search(r"I\s+refs:\s+[0-9,]{10}", seen)
    _, seen = load(instruments, host, engine, server, data, everywhere, calls)
    assert read_counts("strace", seen)["all"] > 1000
    # The image that is timed has neither.
    with pytest.raises(Failure, match='"valgrind": executable file not found'):
        host.run_under(["valgrind"], str(host.facts.image), Launch(["list"], None, everywhere, 60))


def test_a_tool_that_is_not_the_locked_one_says_so() -> None:
    pin = DebianPin("trixie", {"strace": "6.13+ds-1", "valgrind": "1:3.24.0-3"}, "2026-11-29")
    assert describe_versions(pin, {"strace": "6.13+ds-1", "valgrind": "1:3.25.1-1"}) == {
        "strace": "6.13+ds-1",
        "valgrind": "1:3.25.1-1 (locked: 1:3.24.0-3)",
    }


def test_without_mmdebstrap_the_counters_say_so(
    instruments: DockerInstruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profilers, "_COUNTING", {})
    monkeypatch.setattr(base_image, "find_base", lambda client, tag, recipe: None)
    monkeypatch.setenv("PATH", "")
    for find in (instruments.counter, instruments.instruction_counter):
        with pytest.raises(Unsupported, match=r"^Debian trixie with strace, valgrind: mmdebstrap is not installed"):
            find()


def test_an_instrument_that_fails_says_why(
    instruments: DockerInstruments,
    host: DockerLoaderHost,
    engine: DockerEngine,
    server: DockerServer,
    data: PreparedData,
    everywhere: Placement,
) -> None:
    broken = Instrument("a broken one", ("python", "-c", "raise SystemExit('it is broken')", "{output}"))
    with pytest.raises(Unsupported, match="a broken one: it is broken"):
        load(instruments, host, engine, server, data, everywhere, broken)

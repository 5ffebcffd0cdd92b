from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from docker import DockerClient

from bigdata.registry import LOADERS
from experiments.campaign.datasets import PreparedData
from experiments.campaign.monitoring.time_slice import shorten_time_slices
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.run import initial_record, measure
from experiments.engines.docker.engine import DockerEngine
from experiments.engines.docker.images import Images
from experiments.engines.docker.limits import LOCKED_UP, loader_limits
from experiments.engines.docker.loader import LOADER_ACCOUNT, DockerLoaderHost, run_container
from experiments.engines.docker.out_of_memory import describe_limit
from experiments.engines.docker.resources import CAMPAIGN, CampaignResources
from experiments.engines.docker.server import DockerServer
from experiments.engines.protocol import Finished, Launch
from experiments.errors import Failure
from experiments.matrix.cell import Cell
from experiments.matrix.plan import PlannedRun
from experiments.matrix.spec import PostgresConfiguration
from experiments.records.facts import Placement
from tests.experiments.engines.docker.looking import ids_of

MEGABYTE = 2**20


def test_limits_are_named_as_their_owner_would() -> None:
    assert describe_limit("loader", 64 * MEGABYTE) == "the loader's limit of 64 MB"
    assert describe_limit("server", None) == "what the server may use"


@pytest.fixture(scope="session")
def host(engine: DockerEngine) -> DockerLoaderHost:
    return engine.loader_host("3.13")


@pytest.fixture
def run_python(host: DockerLoaderHost, resources: CampaignResources) -> Any:
    """Runs a program in surroundings like a loader's."""

    def run(program: str, *, timeout_s: float = 30.0, **limits: Any) -> Finished:
        api = resources.client.api
        container = resources.container(
            "python",
            str(host.facts.image),
            entrypoint=["/opt/loader/bin/python", "-c", program],
            host_config=api.create_host_config(**LOCKED_UP, network_mode="none", **limits),
        )
        return run_container(resources.client, container, timeout_s)

    return run


def scheduling_of_others() -> str | None:
    """What processes of other users can be given here: only root may give it to those in containers."""
    with subprocess.Popen(["sleep", "20"]) as process:
        scheduling = shorten_time_slices([process.pid])
        process.kill()
    return scheduling if os.geteuid() == 0 else None


@pytest.mark.docker
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_a_load_does_the_work_that_is_asked_for(
    python: str, engine: DockerEngine, server: DockerServer, data: PreparedData, everywhere: Placement
) -> None:
    host = engine.loader_host(python)
    loader = "row_by_row_threaded"
    assert loader in LOADERS
    who = (python, None, loader, None, "simple", None)
    cell = Cell("docker", *who, 5, "shared", "ny", "autocommit", "execute", "everywhere")
    ready = PreparedCell(cell, "key", host, server, everywhere, data, engine.provide_data(data.directory), 60.0)
    record = measure(ready, initial_record("campaign", PlannedRun(cell, "a", 1, 1), "key"))
    assert (record.status, record.reason) == ("ok", None)
    assert record.work is not None
    assert (record.work.digest, record.work.rows) == (data.digest, data.rows)
    assert record.client is not None
    assert record.client.python.startswith(f"{python}.")
    assert record.images is not None
    assert (record.images["loader"], record.images["postgres"]) == (host.facts.image, server.facts.image_id)
    assert record.connections is not None
    seen = record.connections
    assert seen.samples > 0
    assert seen.scheduling == scheduling_of_others()
    assert seen.round_trip_s is not None
    assert 0 < seen.round_trip_s < 0.05
    assert seen.active + seen.idle + seen.idle_in_transaction == pytest.approx(1)


@pytest.mark.docker
def test_what_runs_beside_a_loader_shares_the_network_of_the_server_and_its_cores_and_is_removed(
    engine: DockerEngine,
    host: DockerLoaderHost,
    server: DockerServer,
    docker_client: DockerClient,
    everywhere: Placement,
) -> None:
    campaign = engine.resources.campaign
    before = set(ids_of(docker_client, "container", campaign))
    one = max(everywhere.server_cpus)
    placement = replace(everywhere, server_cpus=frozenset({one}), loader_quota=0.25, loader_memory_bytes=8 * MEGABYTE)
    assert load(host, server, everywhere).returncode == 0
    with host.beside(["sample"], server=server, placement=placement) as sampler:
        (container,) = set(ids_of(docker_client, "container", campaign)) - before
        config = docker_client.api.inspect_container(container)["HostConfig"]
        assert (config["NetworkMode"], config["CpusetCpus"]) == (f"container:{server.container}", str(one))
        assert (config["CpuQuota"], config["Memory"]) == (-1, 0)
        time.sleep(1)
    assert set(ids_of(docker_client, "container", campaign)) == before
    assert sampler.finished is not None
    assert (sampler.finished.returncode, sampler.finished.stderr) == (0, "")
    assert json.loads(sampler.finished.stdout)["samples"]


@pytest.mark.docker
def test_what_runs_beside_a_loader_and_ends_or_never_starts_says_why(
    engine: DockerEngine, host: DockerLoaderHost, server: DockerServer, everywhere: Placement
) -> None:
    with host.beside(["sample", "--no-such-option"], server=server, placement=everywhere) as ended:
        time.sleep(1)
    assert ended.finished is not None
    assert (ended.finished.returncode, "--no-such-option" in ended.finished.stderr) == (2, True)
    absent = DockerLoaderHost(engine.resources, replace(host.facts, image="sha256:" + "0" * 64), list)
    with absent.beside(["sample"], server=server, placement=everywhere) as missing:
        pass
    assert missing.finished is not None
    assert missing.finished.stderr.startswith("error: docker: cannot make a container for sample: ")


@pytest.mark.docker
def test_variables_reach_a_loader_that_is_tried(
    engine: DockerEngine, server: DockerServer, everywhere: Placement
) -> None:
    # A Python that has no other build does not know this variable, and only tells it.
    arguments = ["check", "row_by_row_threaded", "--report", "-"]
    launch = Launch(arguments, server, everywhere, 60.0, environment={"PYTHON_GIL": "0"})
    done = engine.loader_host("3.11").run(launch)
    report = json.loads(done.stdout)
    assert (report["supported"], report["reason"]) == (True, None)
    assert report["client"]["gil_requested"] == "0"


@pytest.mark.docker
def test_what_watches_a_loader_is_entered_when_its_container_runs_and_left_when_it_has_ended(
    host: DockerLoaderHost, resources: CampaignResources
) -> None:
    client = resources.client
    container = resources.container(
        "python", str(host.facts.image), entrypoint=["/opt/loader/bin/python", "-c", "import time; time.sleep(1)"]
    )
    seen = []

    @contextmanager
    def watch() -> Iterator[None]:
        seen.append(client.api.inspect_container(container)["State"]["Status"])
        yield
        seen.append(client.api.inspect_container(container)["State"]["Status"])

    assert run_container(client, container, 30.0, watch()).returncode == 0
    assert seen == ["running", "exited"]


WITHOUT_DRIVER = "FROM {image}\nUSER 0\nRUN rm -r /opt/loader/lib/python3.13/site-packages/psycopg2\nUSER 65532\n"


@pytest.fixture
def image_without_driver(host: DockerLoaderHost, docker_client: DockerClient) -> Iterator[str]:
    """What a wrong lock, or a wheel that does not fit, would leave."""
    recipe = io.BytesIO(WITHOUT_DRIVER.format(image=host.facts.image).encode())
    image, _ = docker_client.images.build(fileobj=recipe, network_mode="none", rm=True, forcerm=True)
    yield str(image.id)
    docker_client.images.remove(str(image.id), force=True)


@pytest.mark.docker
def test_a_run_in_an_image_that_lacks_the_driver_failed_for_that_reason(
    image_without_driver: str, engine: DockerEngine, server: DockerServer, data: PreparedData, everywhere: Placement
) -> None:
    whole = engine.loader_host("3.13")
    host = DockerLoaderHost(engine.resources, replace(whole.facts, image=image_without_driver), engine.mounts)
    who = ("3.13", None, "row_by_row_threaded", None, "simple", None)
    cell = Cell("docker", *who, 5, "shared", "ny", "autocommit", "execute", "all")
    ready = PreparedCell(cell, "key", host, server, everywhere, data, engine.provide_data(data.directory), 60.0)
    record = measure(ready, initial_record("campaign", PlannedRun(cell, "a", 1, 1), "key"))
    assert record.status == "failed"
    assert "psycopg2" in str(record.reason)
    assert "not installed" in str(record.reason) or "No module named" in str(record.reason)


@pytest.mark.docker
def test_a_loader_is_locked_up(run_python: Any) -> None:
    lines = run_python("print(open('/proc/self/status').read())").stdout.splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert status["Uid"].split() == [str(LOADER_ACCOUNT.user_id)] * 4
    assert status["Gid"].split() == [str(LOADER_ACCOUNT.group_id)] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    refused = run_python("open('/opt/project/x', 'w')")
    assert (refused.returncode, "Read-only file system" in refused.stderr) == (1, True)


@pytest.mark.docker
def test_the_container_of_a_loader_is_in_the_network_of_its_server_only_and_tells_no_password(
    engine: DockerEngine, host: DockerLoaderHost, server: DockerServer, docker_client: DockerClient, monkeypatch: Any
) -> None:
    seen: dict[str, Any] = {}

    def look_and_run(client: DockerClient, container: str, timeout_s: float, watch: Any) -> Finished:
        seen["described"] = client.api.inspect_container(container)
        client.api.start(container)
        seen["processes"] = client.api.top(container, ps_args="auxwwe")
        return run_container(client, container, timeout_s, watch)

    monkeypatch.setattr("experiments.engines.docker.loader.run_container", look_and_run)
    assert host.run(Launch(["clear", "--poolsize", "1"], server, None, 30)).returncode == 0
    password = engine.password
    assert password not in str(seen)
    assert "postgresql://bigdata@127.0.0.1:5432/bigdata" in str(seen["processes"])
    config = seen["described"]["HostConfig"]
    assert (config["NetworkMode"], config["ReadonlyRootfs"], config["CapDrop"]) == (
        f"container:{server.container}",
        True,
        ["ALL"],
    )
    assert not config["PortBindings"]
    assert all(mount["ReadOnly"] for mount in config["Mounts"])


@pytest.mark.docker
def test_a_loader_without_a_server_reaches_nothing(run_python: Any) -> None:
    assert run_python("import os; print(os.listdir('/sys/class/net'))").stdout == "['lo']\n"


@pytest.mark.docker
def test_a_loader_gets_the_cores_and_the_share_that_it_should(run_python: Any, everywhere: Placement) -> None:
    one = min(everywhere.loader_cpus)
    quarter = loader_limits(replace(everywhere, loader_cpus=frozenset({one}), loader_quota=0.25))
    program = """if True:
        import glob, json, os, time
        until = time.monotonic() + 1
        while time.monotonic() < until: pass
        (file,) = glob.glob('/sys/fs/cgroup/cpu/cpu.stat') or glob.glob('/sys/fs/cgroup/cpu.stat')
        counts = dict(line.split() for line in open(file))
        print(json.dumps([sorted(os.sched_getaffinity(0)), time.process_time(), int(counts['nr_throttled'])]))
    """
    cpus, used_s, throttled = json.loads(run_python(program, **quarter).stdout)
    assert cpus == [one]
    assert throttled > 0
    assert used_s < 0.8


@pytest.mark.docker
@pytest.mark.parametrize(("program", "returncode"), [("raise SystemExit(3)", 3), ("import os; os.abort()", -6)])
def test_how_a_loader_ended_is_told(program: str, returncode: int, run_python: Any) -> None:
    finished = run_python(program)
    # The first process of a container has no default actions: the C library ends abort() with another signal.
    assert finished.returncode in (returncode, -signal.SIGSEGV)
    assert (finished.timed_out, finished.cause, finished.is_child) == (False, None, False)


@pytest.mark.docker
def test_both_outputs_of_a_failing_loader_are_kept_apart(run_python: Any) -> None:
    finished = run_python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(1)")
    assert (finished.stdout, finished.stderr, finished.returncode) == ("out\n", "err\n", 1)


@pytest.mark.docker
def test_a_loader_that_takes_too_long_is_asked_to_stop(run_python: Any) -> None:
    finished = run_python(
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit('asked')); time.sleep(60)", timeout_s=1.0
    )
    assert (finished.timed_out, finished.returncode, finished.stderr) == (True, 1, "asked\n")
    assert finished.wall_s < 5


@pytest.mark.docker
def test_a_loader_that_does_not_listen_is_killed(run_python: Any) -> None:
    # The first process of a container ignores every signal that it has not asked for.
    finished = run_python("import time; time.sleep(60)", timeout_s=1.0)
    assert (finished.timed_out, finished.returncode) == (True, -9)
    assert finished.wall_s < 15


def load(
    host: DockerLoaderHost, server: DockerServer, placement: Placement, arguments: Sequence[str] = ("clear",)
) -> Finished:
    return host.run(Launch([*arguments, "--poolsize", "5"], server, placement, 30))


@pytest.mark.docker
def test_a_loader_that_memory_runs_out_for_says_so(
    host: DockerLoaderHost, server: DockerServer, everywhere: Placement
) -> None:
    finished = load(host, server, replace(everywhere, loader_memory_bytes=8 * MEGABYTE))
    assert finished.returncode != 0
    assert finished.cause == "out of memory: over the loader's limit of 8 MB"
    assert load(host, server, everywhere).cause is None


@pytest.mark.docker
def test_a_server_that_memory_runs_out_for_is_named_as_the_cause(
    engine: DockerEngine, host: DockerLoaderHost, everywhere: Placement, docker_client: DockerClient, data: PreparedData
) -> None:
    server = engine.serve("small", PostgresConfiguration(version="15", storage="disk"), max_connections=30)
    assert load(host, server, everywhere).returncode == 0
    small = replace(everywhere, server_memory_bytes=24 * MEGABYTE)
    server.place(small)
    if server.obstacle is not None:
        pytest.skip(f"control groups of version 1, and nothing left to take back: {server.obstacle}")
    directory = engine.provide_data(data.directory)
    arguments = ["run", "row_by_row_threaded", "--directory", directory, "--segments", "01", "--poolsize", "20"]
    finished = host.run(Launch([*arguments, "--report", "-"], server, small, 30))
    assert (finished.returncode != 0, finished.cause) == (True, "out of memory: over the server's limit of 24 MB")
    server.place(everywhere)
    assert load(host, server, everywhere).returncode == 0


@pytest.mark.docker
def test_an_image_without_a_loader_is_a_failure_in_the_engines_words(
    host: DockerLoaderHost, engine: DockerEngine, images: Images
) -> None:
    bare = replace(host.facts, image=images.loader("3.13").base.image_id)
    program = ["/opt/loader/bin/python"]
    with pytest.raises(Failure, match=r"docker: cannot run a loader: .*no such file or directory"):
        DockerLoaderHost(engine.resources, bare, list).run(Launch(program, None, None, 30))


@pytest.mark.docker
def test_a_server_of_another_engine_is_refused(host: DockerLoaderHost) -> None:
    server: Any = object()
    with pytest.raises(Failure, match="the docker engine only loads into its own servers"):
        host.run(Launch(["clear"], server, None, 30))


@pytest.mark.docker
def test_ctrl_c_ends_and_removes_the_loader(
    host: DockerLoaderHost, engine: DockerEngine, docker_client: DockerClient, server: DockerServer, data: PreparedData
) -> None:
    campaign = engine.resources.campaign
    before = set(ids_of(docker_client, "container", campaign))

    def running() -> set[str]:
        filters: dict[str, Any] = {"label": f"{CAMPAIGN}={campaign}"}
        return {str(one.id) for one in docker_client.containers.list(filters=filters)} - before

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        # One that is interrupted while it is made goes when the engine is left; here one is to run.
        while time.monotonic() < deadline and not running():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    arguments = ["run", "row_by_row_threaded", "--directory", engine.provide_data(data.directory), "--poolsize", "1"]
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        host.run(Launch([*arguments, "--segments", "01"], server, None, 60))
    thread.join()
    assert set(ids_of(docker_client, "container", campaign)) == before


@pytest.mark.docker
def test_a_run_leaves_no_container(
    host: DockerLoaderHost,
    engine: DockerEngine,
    server: DockerServer,
    docker_client: DockerClient,
    everywhere: Placement,
) -> None:
    campaign = engine.resources.campaign
    before = ids_of(docker_client, "container", campaign)
    load(host, server, everywhere)
    assert ids_of(docker_client, "container", campaign) == before

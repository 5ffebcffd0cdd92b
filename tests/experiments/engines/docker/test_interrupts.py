from __future__ import annotations

import fcntl
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from experiments.engines.docker.images import Images
from experiments.engines.docker.interrupts import Event, listen, wait_for_turn
from experiments.environment.hashes import PROJECT
from experiments.errors import Failure


def test_what_the_engine_says_comes_in_order() -> None:
    said: list[Event] = [{"stream": "one"}, {"stream": "two"}]
    assert list(listen(lambda: said, threading.Event(), "building")) == said


def test_what_goes_wrong_on_the_way_is_raised_after_what_was_said_before() -> None:
    def ask() -> Iterator[Event]:
        yield {"stream": "one"}
        raise ConnectionError("gone")

    events = listen(ask, threading.Event(), "building")
    assert next(events) == {"stream": "one"}
    with pytest.raises(ConnectionError, match="gone"):
        next(events)


def test_an_engine_that_says_nothing_is_left_when_all_is_to_stop() -> None:
    stop, over = threading.Event(), threading.Event()

    def ask() -> Iterator[Event]:
        yield {"stream": "one"}
        over.wait(20)

    events = listen(ask, stop, "building it")
    assert next(events) == {"stream": "one"}
    threading.Timer(0.2, stop.set).start()
    started = time.monotonic()
    with pytest.raises(Failure, match=r"^building it: stopped$"):
        next(events)
    assert time.monotonic() - started < 5
    over.set()


def test_when_all_is_to_stop_the_connection_is_closed_at_the_next_word() -> None:
    stop, closed, go_on = threading.Event(), threading.Event(), threading.Event()

    def ask() -> Iterator[Event]:
        try:
            yield {"stream": "one"}
            go_on.wait(5)
            yield {"stream": "two"}
        finally:
            closed.set()

    next(listen(ask, stop, "building it"))
    stop.set()
    go_on.set()
    assert closed.wait(5)


def test_the_turn_comes_when_the_other_process_has_ended(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as other, (tmp_path / "lock").open("w") as own:
        fcntl.flock(other, fcntl.LOCK_EX)
        threading.Timer(0.2, fcntl.flock, (other, fcntl.LOCK_UN)).start()
        wait_for_turn(own, threading.Event(), "making it")
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_nobody_waits_for_a_turn_when_all_is_to_stop(tmp_path: Path) -> None:
    stop = threading.Event()
    with (tmp_path / "lock").open("w") as other, (tmp_path / "lock").open("w") as own:
        fcntl.flock(other, fcntl.LOCK_EX)
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(Failure, match=r"^making it: stopped while another process was at it$"):
            wait_for_turn(own, stop, "making it")


# A harness that has an image built, in a thread, by an engine that says nothing for a minute.
BUILDING = """
import io, sys, threading
from concurrent.futures import ThreadPoolExecutor
from experiments.engines.docker.connect import connect
from experiments.engines.docker.loader_image import pack
from experiments.engines.docker.images import Images
from experiments.engines.docker.interrupts import listen
client, stop = connect(), threading.Event()
dockerfile = f"FROM {sys.argv[1]}\\nLABEL {sys.argv[2]}\\nRUN sleep 60\\n".encode()
def build():
    options = {"custom_context": True, "decode": True, "rm": True, "forcerm": True}
    context = io.BytesIO(pack({"Dockerfile": dockerfile}))
    for event in listen(lambda: client.api.build(fileobj=context, **options), stop, "building"):
        print(event, flush=True)
with ThreadPoolExecutor() as pool:
    building = pool.submit(build)
    try:
        building.result()
    except KeyboardInterrupt:
        stop.set()
"""


@pytest.mark.docker
@pytest.mark.timeout(600)
def test_ctrl_c_ends_a_build_at_once_and_the_engine_gives_it_up(docker_client: DockerClient, images: Images) -> None:
    label = f"bigdata-matrix.test={secrets.token_hex(6)}"
    command = [sys.executable, "-c", BUILDING, images.loader("3.13").base.image_id, label]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        for line in ("RUN sleep", "Running in"):
            while line not in harness.stdout.readline():
                assert harness.poll() is None
        assert containers(docker_client, label) == 1
        interrupted = time.monotonic()
        harness.send_signal(signal.SIGINT)
        harness.wait(20)
    assert time.monotonic() - interrupted < 5
    while containers(docker_client, label) and time.monotonic() - interrupted < 20:
        time.sleep(0.2)
    assert containers(docker_client, label) == 0
    docker_client.images.prune({"dangling": True, "label": label})


def containers(client: DockerClient, label: str) -> int:
    return len(client.api.containers(all=True, filters={"label": label}))

from __future__ import annotations

import json
import os
import platform
import socket
import stat
import sys
import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from experiments.engines.docker import connect as module
from experiments.engines.docker.connect import Address, connect, docker_answers, find_address, is_this_machine
from experiments.engines.docker.errors import docker_errors
from experiments.errors import BadInput, Failure

# Of the whole test run, before tests of this module choose for themselves.
ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")

# What `ssh HOST docker system dial-stdio` does, without ssh, for an engine that is not far away.
DIAL_STDIO = """#!{python}
import contextlib, os, socket, sys, threading
assert sys.argv[-1] == "docker system dial-stdio", sys.argv
engine = socket.socket(socket.AF_UNIX)
engine.connect({path!r})
def answer():
    with contextlib.suppress(BrokenPipeError):
        while data := engine.recv(65536):
            os.write(1, data)
threading.Thread(target=answer, daemon=True).start()
while data := os.read(0, 65536):
    engine.sendall(data)
"""


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Whatever engine the tests are told to use, here they choose for themselves."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


def make_context(folder: Path, name: str, host: str, *, tls: bool = False) -> None:
    key = sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / key
    meta.mkdir(parents=True)
    fields = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
    (meta / "meta.json").write_text(json.dumps(fields))
    if tls:
        material = folder / "contexts" / "tls" / key / "docker"
        material.mkdir(parents=True)
        for file in ("ca.pem", "cert.pem", "key.pem"):
            (material / file).touch()


def test_without_any_word_it_is_the_usual_socket() -> None:
    assert find_address() == Address("unix:///var/run/docker.sock", options={})


def test_docker_host_comes_before_a_context(own_configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_context(own_configuration, "far", "ssh://me@far")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    address = find_address()
    assert (str(address), address.options) == (
        "tcp://127.0.0.1:2375 (DOCKER_HOST)",
        {"base_url": "tcp://127.0.0.1:2375"},
    )


def test_the_variable_for_contexts_comes_before_the_configuration(
    own_configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_context(own_configuration, "far", "ssh://me@far")
    make_context(own_configuration, "near", "unix:///run/near.sock")
    (own_configuration / "config.json").write_text('{"currentContext": "near"}')
    assert str(find_address()) == "unix:///run/near.sock (docker context 'near')"
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    assert str(find_address()) == "ssh://me@far (docker context 'far')"


def test_a_context_brings_its_certificates(own_configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_context(own_configuration, "far", "tcp://far:2376", tls=True)
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    options = find_address().options
    assert options is not None
    assert Path(options["tls"].ca_cert).name == "ca.pem"


def test_a_context_that_is_not_there_is_named_with_who_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    assert docker_answers() == "there is no docker context 'gone', which DOCKER_CONTEXT names"


def test_a_damaged_context_is_told(own_configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_context(own_configuration, "far", "tcp://far:2376")
    (file,) = (own_configuration / "contexts" / "meta").glob("*/meta.json")
    file.write_text("{")
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    assert str(docker_answers()).startswith("the docker context 'far' (DOCKER_CONTEXT) cannot be read: ")


def test_missing_certificates_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2376")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    assert str(docker_answers()).startswith("DOCKER_HOST with its TLS variables cannot be used: Path to a certificate")


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("unix:///nowhere/docker.sock", "there is no such socket or program"),
        ("tcp://127.0.0.1:1", "connection refused"),
    ],
)
def test_an_engine_in_the_wrong_place_is_explained(host: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(BadInput) as refusal:
        connect()
    assert str(refusal.value) == (
        f"no Docker engine answers at {host} (DOCKER_HOST): {reason}. "
        "Start it, set DOCKER_HOST or a docker context, or use --engine local"
    )


def test_an_engine_that_is_silent_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        monkeypatch.setattr(module, "_FIRST_ANSWER_S", 1)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        started = time.monotonic()
        reason = docker_answers()
    assert reason == f"no Docker engine answers at unix://{path} (DOCKER_HOST): it did not answer in time"
    assert time.monotonic() - started < 10


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named ssh that comes before the real one."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.touch()
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return program


def test_an_ssh_that_is_silent_is_not_waited_for_long(fake_ssh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_ssh.write_text("#!/bin/sh\nexec sleep 5\n")
    monkeypatch.setattr(module, "_FIRST_ANSWER_S", 1)
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@far")
    started = time.monotonic()
    assert docker_answers() == "no Docker engine answers at ssh://me@far (DOCKER_HOST): it did not answer in time"
    assert time.monotonic() - started < 4


def test_an_ssh_that_fails_is_told_with_what_to_try(fake_ssh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_ssh.write_text("#!/bin/sh\nexit 255\n")
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@far")
    reason = str(docker_answers())
    assert reason.startswith("no Docker engine answers at ssh://me@far (DOCKER_HOST): ")
    assert reason.endswith("(does `ssh HOST docker version` work without a question?)")


@pytest.mark.docker
def test_an_engine_by_ssh_answers_and_is_not_taken_for_this_machine(
    fake_ssh: Path, docker_client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, _, path = ENGINE.partition("://")
    if kind != "unix":
        pytest.skip("the stand-in for ssh needs an engine with a socket")
    fake_ssh.write_text(DIAL_STDIO.format(python=sys.executable, path=path))
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@far")
    client = connect()
    assert client.version()["ApiVersion"] == docker_client.version()["ApiVersion"]
    assert not is_this_machine(client)


def client_of(base_url: str, **info: Any) -> Any:
    here = {"Name": socket.gethostname(), "KernelVersion": platform.release()}
    return SimpleNamespace(api=SimpleNamespace(base_url=base_url), info=lambda: {**here, **info})


def test_this_machine_is_a_socket_with_this_name_and_this_kernel() -> None:
    assert is_this_machine(client_of("http+docker://localhost"))
    assert not is_this_machine(client_of("http+docker://localhost", KernelVersion="6.6.0-linuxkit"))
    assert not is_this_machine(client_of("http+docker://localhost", Name="docker-desktop"))
    assert not is_this_machine(client_of("http://far:2375"))


class AnswersOnce(BaseHTTPRequestHandler):
    """An engine that says its version, and then nothing any more."""

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            body = b'{"ApiVersion": "1.41"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            time.sleep(3)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


def test_an_engine_that_falls_silent_later_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_S", 1)
    with ThreadingHTTPServer(("127.0.0.1", 0), AnswersOnce) as silent:
        threading.Thread(target=silent.serve_forever).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{silent.server_port}")
        client = connect()
        with pytest.raises(Failure, match="docker: cannot look: it did not answer in time"), docker_errors("look"):
            client.info()
        silent.shutdown()


def test_a_host_of_the_matrix_has_a_context_or_an_address_by_ssh_whatever_else_is_configured(
    own_configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_context(own_configuration, "db-box", "unix:///run/db.sock")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
    by_context, by_ssh = find_address("db-box"), find_address("ssh://me@db")
    assert (by_context.url, by_context.options) == ("unix:///run/db.sock", {"base_url": "unix:///run/db.sock"})
    assert (str(by_ssh), by_ssh.options) == (
        "ssh://me@db (a host of the matrix)",
        {"base_url": "ssh://me@db"},
    )


def test_contexts_without_a_configuration_beside_them_are_explained(
    own_configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_configuration / "config.json").unlink()
    monkeypatch.setenv("HOME", str(own_configuration))
    with pytest.raises(BadInput) as refused:
        connect("db-box")
    assert str(refused.value) == (
        "there is no docker context 'db-box', which a host of the matrix names; contexts are found beside a "
        "config.json only, which may be just {}"
    )


def test_the_address_of_a_host_that_does_not_answer_is_not_told(own_configuration: Path) -> None:
    make_context(own_configuration, "db-box", "tcp://127.0.0.1:1")
    with pytest.raises(BadInput) as refused:
        connect("db-box")
    assert str(refused.value) == "no Docker engine answers at docker context 'db-box': connection refused"

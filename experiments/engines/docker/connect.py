"""Connection to the Docker engine, found as docker does: DOCKER_HOST, a context, the default socket."""

import functools
import os
import platform
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from docker import DockerClient
from docker.context import ContextAPI
from docker.context.config import get_current_context_name
from docker.errors import DockerException
from docker.utils import kwargs_from_env
from docker.utils.config import find_config_file

from experiments.engines.docker.errors import SDK_ERRORS, error_message
from experiments.errors import BadInput

REQUEST_S = 60
"""How long the engine may be silent in one request before it counts as gone."""

_FIRST_ANSWER_S = 10
_BY_SSH = "ssh://"
_USUAL = "unix:///var/run/docker.sock"
_ADVICE = "Start it, set DOCKER_HOST or a docker context, or use --engine local"

Made = TypeVar("Made")


class NoEngine(Exception):
    """The error that no Docker engine answers, with its address and the reason."""


@dataclass(frozen=True)
class Address:
    """The address of an engine, where it was configured, and the SDK's options for it."""

    url: str
    named_by: str | None = None
    options: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return self.url if self.named_by is None else f"{self.url} ({self.named_by})"


def connect(context: str | None = None) -> DockerClient:
    """Return a client of the configured engine, or that of a context, which has answered. Raises BadInput."""
    try:
        return _connect(context)
    except NoEngine as problem:
        raise BadInput(f"{problem}. {_ADVICE}" if context is None else str(problem)) from problem


def docker_answers() -> str | None:
    """Return why no engine answers, in one line; None if one does."""
    try:
        _connect().close()
    except NoEngine as problem:
        return str(problem)
    return None


def is_this_machine(client: DockerClient) -> bool:
    """Return whether the engine runs containers on the harness's own kernel, not in a virtual machine."""
    if not client.api.base_url.startswith("http+docker://localhost"):
        return False
    info = client.info()
    return bool(info["Name"] == socket.gethostname() and info["KernelVersion"] == platform.release())


def find_address(context: str | None = None) -> Address:
    """Find the engine's address: of a context, by its name or an ssh:// address of its own, else of the configured one.

    Raises NoEngine if DOCKER_HOST or a context cannot be used.
    """
    if context is not None:
        named_by = "a host of the matrix"
        is_url = context.startswith(_BY_SSH)
        return Address(context, named_by, {"base_url": context}) if is_url else _of_context(context, named_by)
    if os.environ.get("DOCKER_HOST"):
        try:
            options = kwargs_from_env()
        except DockerException as error:
            raise NoEngine(f"DOCKER_HOST with its TLS variables cannot be used: {error_message(error)}") from error
        return Address(os.environ["DOCKER_HOST"], "DOCKER_HOST", options)
    name = os.environ.get("DOCKER_CONTEXT") or get_current_context_name()
    named_by = "DOCKER_CONTEXT" if os.environ.get("DOCKER_CONTEXT") else "docker's config.json"
    return Address(_USUAL, options={}) if name == "default" else _of_context(name, named_by)


def _of_context(name: str, named_by: str) -> Address:
    try:
        context = ContextAPI.get_context(name)
    # The SDK raises a plain Exception for a damaged file.
    except Exception as error:
        raise NoEngine(f"the docker context {name!r} ({named_by}) cannot be read: {error_message(error)}") from error
    if context is None or not context.Host:
        lack = "" if find_config_file() else "; contexts are found beside a config.json only, which may be just {}"
        raise NoEngine(f"there is no docker context {name!r}, which {named_by} names{lack}")
    tls = {} if context.TLSConfig is None else {"tls": context.TLSConfig}
    return Address(context.Host, f"docker context {name!r}", {"base_url": context.Host, **tls})


def _connect(context: str | None = None) -> DockerClient:
    address = find_address(context)
    try:
        return _open(address)
    except (*SDK_ERRORS, ValueError) as error:
        # Where a host of the matrix is does not get into records.
        place = address if context is None else address.named_by
        raise NoEngine(f"no Docker engine answers at {place}: {_explained(address, error)}") from error


def _open(address: Address) -> DockerClient:
    """Make the client, which asks the engine for its version."""
    make = functools.partial(DockerClient, version="auto", timeout=_FIRST_ANSWER_S, **(address.options or {}))
    if address.url.startswith(_BY_SSH):
        # By the ssh program, which knows the user's keys and hosts; a read from it has no time limit of its own.
        client = within(_FIRST_ANSWER_S, functools.partial(make, use_ssh_client=True))
    else:
        client = make()
    client.api.timeout = REQUEST_S
    return client


def within(limit_s: float, make: Callable[[], Made]) -> Made:
    """Return the result of ``make``, or raise TimeoutError and abandon its thread."""
    future: Future[Made] = Future()

    def attempt() -> None:
        try:
            future.set_result(make())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=attempt, daemon=True).start()
    return future.result(limit_s)


def _explained(address: Address, error: BaseException) -> str:
    if address.url.startswith(_BY_SSH) and not isinstance(error, TimeoutError):
        return f"{error_message(error)} (does `ssh HOST docker version` work without a question?)"
    return error_message(error)

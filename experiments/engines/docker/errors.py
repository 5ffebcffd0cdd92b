"""Errors of the Docker SDK as one line for the user."""

import contextlib
from collections.abc import Iterator

import requests.exceptions
import urllib3.exceptions
from docker import DockerClient
from docker.errors import APIError, DockerException

from experiments.errors import EngineLost, Failure

SDK_ERRORS = (DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)
"""All that the SDK lets out. A context of a wrong form also comes as ValueError."""


@contextlib.contextmanager
def docker_errors(doing: str) -> Iterator[None]:
    """Turn what the SDK raises into a Failure: 'docker: cannot DOING: the engine's own words'.

    It is EngineLost where the engine does not answer.
    """
    try:
        yield
    except SDK_ERRORS as error:
        kind = EngineLost if any(isinstance(cause, _NO_ANSWER) for cause in _chain(error)) else Failure
        raise kind(f"docker: cannot {doing}: {error_message(error)}") from error


def check_engine(client: DockerClient) -> None:
    """Raise EngineLost if the engine takes no new connection; one that shuts down still answers on open ones."""
    client.api.close()
    with docker_errors("reach the engine"):
        client.ping()


def error_message(error: BaseException) -> str:
    """Return the cause in one line: the engine's message, or the system's on the way to it."""
    causes = list(_chain(error))
    for cause in causes:
        if isinstance(cause, APIError) and cause.explanation:
            return _one_line(cause.explanation)
    for kind, text in _KNOWN:
        if any(isinstance(cause, kind) for cause in causes):
            return text
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return _one_line(error)


_NO_ANSWER = (
    *(requests.exceptions.ConnectionError, requests.exceptions.Timeout, requests.exceptions.ChunkedEncodingError),
    *(urllib3.exceptions.HTTPError, ConnectionError, TimeoutError),
)
_KNOWN: tuple[tuple[type[BaseException], str], ...] = (
    (PermissionError, "permission denied (its socket is for root and the group docker)"),
    (FileNotFoundError, "there is no such socket or program"),
    (ConnectionRefusedError, "connection refused"),
    (requests.exceptions.Timeout, "it did not answer in time"),
    (urllib3.exceptions.TimeoutError, "it did not answer in time"),
    (TimeoutError, "it did not answer in time"),
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Walk the error and those it wraps: HTTP libraries carry the cause among their arguments."""
    open_, seen = [error], set[int]()
    while open_:
        current = open_.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inside = (*current.args, getattr(current, "reason", None), current.__cause__, current.__context__)
        open_ += [part for part in inside if isinstance(part, BaseException)]


def _one_line(text: object) -> str:
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return " ".join(str(text).split())

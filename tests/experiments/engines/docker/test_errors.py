from __future__ import annotations

from typing import cast

import pytest
import requests.exceptions
import urllib3.exceptions
from docker import DockerClient
from docker.errors import APIError, DockerException

from experiments.engines.docker.errors import check_engine, docker_errors, error_message
from experiments.errors import EngineLost, Failure


def test_the_engines_own_words_come_first_on_one_line() -> None:
    error = APIError(
        "400 Client Error for http+docker://localhost/v1.41/x", explanation="Requested CPUs are\n not there"
    )
    with pytest.raises(Failure) as failure, docker_errors("make a container"):
        raise error
    assert str(failure.value) == "docker: cannot make a container: Requested CPUs are not there"


def test_the_first_cause_is_found_among_the_arguments_of_what_wraps_it() -> None:
    wrapped = requests.exceptions.ConnectionError(
        urllib3.exceptions.ProtocolError("aborted", ConnectionRefusedError(111))
    )
    assert error_message(DockerException(wrapped)) == "connection refused"


def test_the_first_cause_is_found_behind_the_error_too() -> None:
    error = DockerException("Error while fetching server API version")
    error.__cause__ = PermissionError(13, "Permission denied")
    assert error_message(error) == "permission denied (its socket is for root and the group docker)"


@pytest.mark.parametrize("error", [requests.exceptions.ReadTimeout("read timed out"), TimeoutError()])
def test_an_engine_that_hangs_did_not_answer_in_time(error: Exception) -> None:
    with pytest.raises(Failure, match="docker: cannot look: it did not answer in time"), docker_errors("look"):
        raise error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            requests.exceptions.ConnectionError(urllib3.exceptions.ProtocolError("x", ConnectionResetError())),
            EngineLost,
        ),
        (requests.exceptions.ReadTimeout("read timed out"), EngineLost),
        (APIError("500 Server Error", explanation="no"), Failure),
        (OSError(28, "No space left on device"), Failure),
    ],
)
def test_only_an_engine_that_does_not_answer_is_lost(error: Exception, kind: type[Failure]) -> None:
    with pytest.raises(Failure) as failure, docker_errors("look"):
        raise error
    assert type(failure.value) is kind


def test_an_engine_that_only_answers_on_old_connections_is_lost() -> None:
    class Client:
        """Answers until its connections are closed."""

        def __init__(self) -> None:
            self.api = self
            self.open = True

        def close(self) -> None:
            self.open = False

        def ping(self) -> bool:
            if not self.open:
                raise requests.exceptions.ConnectionError(ConnectionRefusedError(111))
            return True

    with pytest.raises(EngineLost, match="docker: cannot reach the engine: connection refused"):
        check_engine(cast(DockerClient, Client()))


def test_other_errors_of_the_system_say_what_the_system_says() -> None:
    assert error_message(OSError(28, "No space left on device")) == "No space left on device"
    assert error_message(DockerException("Invalid bind address\nprotocol: x")) == "Invalid bind address protocol: x"


def test_an_interruption_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt), docker_errors("wait"):
        raise KeyboardInterrupt

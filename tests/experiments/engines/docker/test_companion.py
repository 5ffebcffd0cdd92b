"""The end of what runs beside a loader, with an engine that fails."""

from __future__ import annotations

from typing import Any

import pytest
from docker.errors import APIError

from experiments.engines.docker.loader import DockerCompanion
from experiments.errors import Failure

REPORT = b'{"schema": 1}\n'


class Api:
    """Starts and stops a container; what it is told to fail at it fails at."""

    def __init__(self, stop: BaseException | None) -> None:
        self._stop = stop

    def start(self, container: str) -> None:
        pass

    def stop(self, container: str, timeout: int) -> None:
        if self._stop is not None:
            raise self._stop

    def wait(self, container: str, timeout: int) -> dict[str, int]:
        return {"StatusCode": 0}

    def logs(self, container: str, *, stdout: bool, stderr: bool) -> bytes:
        return REPORT if stdout else b""


class FailingBelongings:
    """Of a campaign in such an engine."""

    def __init__(self, stop: BaseException | None, remove: Failure | None) -> None:
        self.client: Any = self
        self.api = Api(stop)
        self.removed: list[str] = []
        self._remove = remove

    def remove_container(self, container: str) -> None:
        self.removed.append(container)
        if self._remove is not None:
            raise self._remove


def companion_of(resources: Any) -> DockerCompanion:
    return DockerCompanion(resources, lambda: "c1", here=False)


NOT_STOPPED = APIError("500", explanation="it does not stop")
NOT_REMOVED = Failure("docker: cannot remove a container: in use")


@pytest.mark.parametrize("remove", [None, NOT_REMOVED])
def test_a_sampler_that_cannot_be_stopped_is_removed_and_fails_no_run(remove: Failure | None) -> None:
    resources = FailingBelongings(NOT_STOPPED, remove)
    with companion_of(resources) as sampler:
        pass
    assert resources.removed == ["c1"]
    assert sampler.finished is not None
    said = "error: docker: cannot stop what runs beside a loader: it does not stop"
    assert (sampler.finished.returncode, sampler.finished.stderr) == (1, said)


def test_what_a_sampler_reported_counts_where_it_cannot_be_removed() -> None:
    resources = FailingBelongings(None, NOT_REMOVED)
    with companion_of(resources) as sampler:
        pass
    assert sampler.finished is not None
    assert (sampler.finished.returncode, sampler.finished.stdout) == (0, REPORT.decode())


@pytest.mark.parametrize("stop", [None, NOT_STOPPED])
def test_what_ends_a_run_is_not_hidden_by_the_end_of_its_sampler(stop: BaseException | None) -> None:
    resources = FailingBelongings(stop, NOT_REMOVED)
    with pytest.raises(Failure, match="the server has gone"), companion_of(resources):
        raise Failure("the server has gone")
    assert resources.removed == ["c1"]


def test_a_sampler_is_removed_where_stopping_it_is_interrupted() -> None:
    resources = FailingBelongings(KeyboardInterrupt(), None)
    with pytest.raises(KeyboardInterrupt), companion_of(resources):
        pass
    assert resources.removed == ["c1"]

"""Detection of containers that ran out of memory, which an exit code does not tell."""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from docker import DockerClient

from experiments.engines.docker.errors import docker_errors
from experiments.formatting import memory_size

# The engine hears of it from the kernel a moment after the process has ended, on a busy machine a long one.
_LATE_S = 3.0


def find_out_of_memory(
    client: DockerClient, loader: str, loader_state: dict[str, Any], others: Iterable[str]
) -> set[str]:
    """Return which containers ran out of memory during the run, of ``others`` and an ended loader with this state."""
    asked = {loader, *others}
    filters = {"type": "container", "event": "oom", "container": sorted(asked)}
    started_s, finished_s = _seconds(loader_state["StartedAt"]), _seconds(loader_state["FinishedAt"])
    with docker_errors("ask why the loader ended"):
        # The SDK asks by whole seconds only.
        events = client.api.events(int(started_s), math.ceil(finished_s + _LATE_S), filters, decode=True)
        found = {event["Actor"]["ID"] for event in events if event["timeNano"] / 1e9 >= started_s} & asked
    return found | {loader} if loader_state["OOMKilled"] else found


def describe_limit(side: str, size_bytes: int | None) -> str:
    """Describe a limit: 'the loader's limit of 64 MB'."""
    return f"the {side}'s limit of {memory_size(size_bytes)}" if size_bytes else f"what the {side} may use"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()

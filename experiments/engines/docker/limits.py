"""Restrictions and resource limits of containers."""

from collections.abc import Mapping
from typing import Any

from docker.types import LogConfig

from experiments.cpuset import format_cpuset
from experiments.errors import Unsupported
from experiments.formatting import memory_size
from experiments.records.facts import Placement

LOCKED_UP: Mapping[str, Any] = {
    # What a process may write to is what it is given: volumes and file systems in memory.
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    # Outputs are read back, which not every driver that an engine may have as its default can do.
    "log_config": LogConfig(type="json-file"),
}
"""Options of the SDK for every container that runs."""

TEMPORARY: Mapping[str, str] = {"/tmp": "mode=1777"}  # noqa: S108
"""A place for temporary files, in memory: with a read-only root there is no other."""

ALL_MEMORY: Mapping[str, Any] = {"mem_limit": 2**50, "memswap_limit": 2**51}
"""Lifts the limits of memory in an update: more than any machine has, as an update refuses or ignores -1."""

# The time within which a quota is used up or not; the kernel's own default and that of Kubernetes.
_PERIOD_US = 100_000
_LEAST_QUOTA_US = 1_000
_LEAST_MEMORY_BYTES = 6 * 1024**2


def loader_limits(placement: Placement | None) -> dict[str, Any]:
    """Return the loader's side of a placement as options of a new container."""
    if placement is None:
        return {}
    memory = placement.loader_memory_bytes
    return {**_cpu(placement.loader_cpus, placement.loader_quota), **({} if memory is None else _memory(memory))}


def companion_limits(placement: Placement) -> dict[str, Any]:
    """Return the server's cores, without limits, as options of a new container."""
    return _cpu(placement.server_cpus, None)


def server_limits(placement: Placement) -> dict[str, Any]:
    """Return the server's side of a placement as options of an update, which lifts other limits."""
    memory = placement.server_memory_bytes
    return {
        **_cpu(placement.server_cpus, placement.server_quota),
        **(ALL_MEMORY if memory is None else _memory(memory)),
    }


def check_limits(placement: Placement, engine: Mapping[str, Any]) -> None:
    """Raise Unsupported for limits that Docker does not have. ``engine`` is what the engine says about itself."""
    for name, limit in placement.limits.items():
        what, able = ("memory", "MemoryLimit") if name.endswith("_memory") else ("CPU time", "CpuCfsQuota")
        if not engine[able]:
            raise Unsupported(f"{name}: this Docker engine cannot limit {what} (its control groups do not allow it)")
        if what == "memory" and limit < _LEAST_MEMORY_BYTES:
            asked, least = memory_size(int(limit)), memory_size(_LEAST_MEMORY_BYTES)
            raise Unsupported(f"{name}: {asked} is less than Docker allows; at least: {least}")
        if what == "CPU time" and limit * _PERIOD_US < _LEAST_QUOTA_US:
            least = f"{_LEAST_QUOTA_US / _PERIOD_US:g}"
            raise Unsupported(f"{name}: {limit:g} of a core is less than Docker can hold to; at least: {least}")


def _cpu(cpus: frozenset[int], quota: float | None) -> dict[str, Any]:
    # -1 is no quota.
    quota_us = -1 if quota is None else round(quota * _PERIOD_US)
    return {"cpuset_cpus": format_cpuset(cpus), "cpu_period": _PERIOD_US, "cpu_quota": quota_us}


def _memory(size_bytes: int) -> dict[str, int]:
    # Memory and swap together: no swapping, which would be measured as slowness of the loader.
    return {"mem_limit": size_bytes, "memswap_limit": size_bytes}

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.engines.docker.limits import check_limits, companion_limits, loader_limits, server_limits
from experiments.errors import Unsupported
from experiments.records.facts import Placement

SPLIT = Placement(frozenset({0}), frozenset({1, 2, 3}))
ABLE = {"CpuCfsQuota": True, "MemoryLimit": True}


def test_without_a_placement_a_loader_has_no_limits() -> None:
    assert loader_limits(None) == {}


def test_a_loader_is_held_to_its_cores() -> None:
    assert loader_limits(SPLIT) == {"cpuset_cpus": "0", "cpu_period": 100_000, "cpu_quota": -1}


def test_a_loader_is_held_to_its_share_and_memory_without_swap() -> None:
    limits = loader_limits(replace(SPLIT, loader_quota=0.25, loader_memory_bytes=2**26))
    assert limits == {
        "cpuset_cpus": "0",
        "cpu_period": 100_000,
        "cpu_quota": 25_000,
        "mem_limit": 2**26,
        "memswap_limit": 2**26,
    }


def test_what_runs_beside_a_loader_is_on_the_servers_cores_and_has_no_limits_of_either_side() -> None:
    limited = replace(SPLIT, loader_quota=0.25, loader_memory_bytes=2**26, server_quota=1.5, server_memory_bytes=2**28)
    assert companion_limits(limited) == {"cpuset_cpus": "1-3", "cpu_period": 100_000, "cpu_quota": -1}


def test_a_server_gets_back_what_an_earlier_placement_took() -> None:
    limited = server_limits(replace(SPLIT, server_quota=1.5, server_memory_bytes=2**28))
    assert (limited["cpu_quota"], limited["mem_limit"], limited["memswap_limit"]) == (150_000, 2**28, 2**28)
    free = server_limits(SPLIT)
    assert (free["cpuset_cpus"], free["cpu_quota"]) == ("1-3", -1)
    assert min(free["mem_limit"], free["memswap_limit"]) > 2**40


@pytest.mark.parametrize(
    ("placement", "reason"),
    [
        (replace(SPLIT, loader_quota=0.001), "loader_cpus: 0.001 of a core is less than Docker can hold to; .*: 0.01"),
        (replace(SPLIT, server_quota=0.001), "server_cpus: 0.001 of a core is less than Docker can hold to; .*: 0.01"),
        (replace(SPLIT, loader_memory_bytes=2**20), "loader_memory: 1 MB is less than Docker allows; at least: 6 MB"),
        (replace(SPLIT, server_memory_bytes=2**20), "server_memory: 1 MB is less than Docker allows; at least: 6 MB"),
    ],
)
def test_limits_that_docker_does_not_have_are_unsupported(placement: Placement, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        check_limits(placement, ABLE)


def test_limits_that_this_engine_cannot_hold_to_are_unsupported() -> None:
    with pytest.raises(Unsupported, match="loader_cpus: this Docker engine cannot limit CPU time"):
        check_limits(replace(SPLIT, loader_quota=0.5), {**ABLE, "CpuCfsQuota": False})
    with pytest.raises(Unsupported, match="server_memory: this Docker engine cannot limit memory"):
        check_limits(replace(SPLIT, server_memory_bytes=2**30), {**ABLE, "MemoryLimit": False})


def test_limits_that_there_can_be_pass() -> None:
    check_limits(SPLIT, {"CpuCfsQuota": False, "MemoryLimit": False})
    check_limits(replace(SPLIT, loader_quota=0.01, loader_memory_bytes=6 * 2**20), ABLE)

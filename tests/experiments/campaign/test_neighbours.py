"""Real neighbours: on their cores, and gone with what they are beside."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

import pytest

from experiments.campaign.neighbours import Neighbours
from experiments.engines.processes import children, cpu_s
from experiments.records.facts import Placement
from tests.bigdata.loader_program import wait_for

CPUS = frozenset(os.sched_getaffinity(0))
SOME = frozenset({min(CPUS)})


def test_each_side_has_its_neighbours_on_its_cores_until_they_are_left() -> None:
    before = {*children(os.getpid())}
    with Neighbours(Placement(SOME, CPUS, loader_neighbours=1, server_neighbours=2)):
        there = sorted({*children(os.getpid())} - before)
        assert sorted(len(os.sched_getaffinity(pid)) for pid in there) == sorted([1, len(CPUS), len(CPUS)])
    assert {*children(os.getpid())} == before


def test_their_cpu_time_is_that_of_the_harness_when_they_are_left() -> None:
    before_s, before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, {*children(os.getpid())}
    with Neighbours(Placement(SOME, SOME, loader_neighbours=1)):
        (pid,) = {*children(os.getpid())} - before
        # On a busy machine it comes late.
        wait_for(lambda: cpu_s(pid) > 0.2)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before_s > 0.05


def test_without_any_nothing_is_started() -> None:
    before = children(os.getpid())
    with Neighbours(Placement(SOME, SOME)):
        assert children(os.getpid()) == before


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_they_end_with_a_harness_that_is_killed(how: str) -> None:
    program = (
        "import os, time\nfrom experiments.campaign.neighbours import Neighbours\n"
        "from experiments.engines.processes import children\nfrom experiments.records.facts import Placement\n"
        f"cpus = frozenset({{{min(CPUS)}}})\n"
        "with Neighbours(Placement(cpus, cpus, loader_neighbours=1)):\n"
        "    print(children(os.getpid())[0], flush=True)\n    time.sleep(60)"
    )
    harness = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert harness.stdout is not None
    neighbour = int(harness.stdout.readline())
    getattr(harness, how)()
    harness.wait()
    for _ in range(200):
        try:
            os.kill(neighbour, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("the neighbour lives on")

"""A campaign on two machines that ssh reaches: both are this one, with a core each, and ssh a program of the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.engines.local.traces import read_traces
from experiments.engines.processes import ProcessIdentity, arguments, at_home_in, is_alive, with_arguments
from experiments.records.campaign import load_campaign
from experiments.records.folder import list_campaigns
from tests.project import ROOT, matrix_with_pool

pytestmark = pytest.mark.postgres

MACHINE = "experiments.campaign.cluster.machine"
# ssh -T -o BatchMode=yes NAME COMMAND, where NAME is a core.
SSH = '#!/bin/sh\nexec taskset -c "$4" sh -c "$5"\n'
PYTHON = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def make_hosts(folder: Path) -> tuple[Path, list[Path]]:
    """Make a checkout for each host, of links, and the file that names them."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        pytest.skip("two machines need a core each")
    program(folder / "bin/ssh", SSH)
    hosts = [folder / f"host{core}" for core in cores]
    for host in hosts:
        program(host / ".nox/cluster/bin/python", PYTHON)
        for name in ("bigdata", "docker", "experiments"):
            (host / name).symlink_to(ROOT / name)
    lines = ["here 127.0.0.1", *(f"{core} 127.0.0.1 {host}" for core, host in zip(cores, hosts, strict=True))]
    (folder / "hosts.txt").write_text("\n".join(lines))
    return folder / "hosts.txt", hosts


def start(folder: Path, hosts: Path) -> subprocess.Popen[str]:
    matrix = matrix_with_pool(folder, 2)
    matrix.write_text(matrix.read_text().replace("resources: split", "resources: shared"))
    command = [sys.executable, "-m", "experiments", "matrix", "--matrix", str(matrix), "--engine", "local"]
    command += ["--experiment", "loaders", "--only", "loop=uvloop", "--repeats", "3", "--records", "2"]
    command += ["--patience", "0", "--cluster", f"ssh:{hosts}", "--results", str(folder / "results")]
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def machine_below(worker: ProcessIdentity) -> ProcessIdentity:
    # A process that it forks has its arguments until it runs a program of its own.
    found = [one for one in with_arguments(MACHINE) if arguments(one.pid)[4:5] == [str(worker.pid)]]
    return min(found, key=lambda one: one.pid)


def read_secrets(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text(errors="replace") + " ".join(arguments(pid))


def test_each_machine_has_its_part_and_the_block_of_a_killed_one_is_measured_by_the_other(tmp_path: Path) -> None:
    file, hosts = make_hosts(tmp_path)
    with start(tmp_path, file) as harness:
        assert harness.stdout is not None
        output = ""
        while "[1/9]" not in output:
            line = harness.stdout.readline()
            assert line, output
            output += line
        workers = [at_home_in(host, "python")[0] for host in hosts]
        machines = [machine_below(worker) for worker in workers]
        for process in (*workers, *machines):
            assert "PRIVATE KEY" not in read_secrets(process.pid)
        os.kill(workers[1].pid, signal.SIGKILL)
        output += harness.stdout.read()
    assert harness.returncode == 0, output

    (folder,) = list_campaigns(tmp_path / "results")
    campaign = load_campaign(folder)
    done = [record for record in campaign.records if not record.interrupted]
    assert {(record.status, record.campaign) for record in done} == {("ok", folder.path.name)}
    assert sorted(record.run for record in done) == sorted(campaign.description.planned_runs)
    blocks: dict[int, set[str | None]] = {}
    for record in done:
        blocks.setdefault(record.block, set()).add(record.machine)
    # Ratios are within a block, and so within a machine.
    assert all(len(names) == 1 for names in blocks.values())
    assert {record.machine for record in campaign.records} <= campaign.description.machines.keys()
    assert len(campaign.description.machines) == 2
    assert (folder.path / "samples.jsonl").exists()

    # The kernel ended the process below the killed worker, and that its server.
    deadline = time.monotonic() + 30
    while any(map(is_alive, machines)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, machines))
    assert not [trace for trace in read_traces() if trace.owner in machines]
    assert "PRIVATE KEY" not in output + "".join(path.read_text() for path in folder.path.rglob("*.*"))

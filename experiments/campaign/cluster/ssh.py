"""A Dask cluster started by ssh: the scheduler in the harness, a worker on each host of a file, TLS between them.

Key and certificate are made for the campaign. A worker gets them on its standard input, so that no command line and no
file has them, and it ends when that is closed: with the harness, or with the connection.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from distributed import Client, LocalCluster
from distributed.security import Security

from experiments.environment.hashes import PROJECT
from experiments.errors import BadInput, Failure

WORKER_PYTHON = ".nox/cluster/bin/python"

_HERE = "here"
_START_S = 60.0
_POLL_S = 0.1
_END_S = 30.0
_SSH = ("ssh", "-T", "-o", "BatchMode=yes")
_EXPECTED = f"expected a line '{_HERE} ADDRESS' for this machine, then a line 'NAME ADDRESS [FOLDER]' for each host"


@dataclass(frozen=True)
class Host:
    """A machine: its name for ssh, the address that it listens at, and the folder of the checkout there."""

    name: str
    address: str
    folder: str


def read_hosts(file: Path) -> tuple[str, list[Host]]:
    """Return this machine's address and the hosts of a file. Raises BadInput."""
    try:
        lines = [line.partition("#")[0].split() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--cluster: {file} cannot be read ({error}); {_EXPECTED}") from error
    here, hosts = "", list[Host]()
    for number, words in enumerate(lines, start=1):
        if not words:
            continue
        if len(words) not in (2, 3) or words[0].startswith("-"):
            raise BadInput(f"{file}:{number}: {' '.join(words)!r} is no host; {_EXPECTED}")
        if words[0] == _HERE:
            here = words[1]
        else:
            hosts.append(Host(words[0], words[1], words[2] if len(words) > 2 else str(PROJECT)))
    if not here or not hosts:
        raise BadInput(f"{file}: {'no host' if here else 'no address of this machine'}; {_EXPECTED}")
    return here, hosts


@contextmanager
def started(file: str, ssh: Sequence[str] = _SSH) -> Iterator[Client]:
    """Start scheduler and workers, and connect; leaving has ended them."""
    here, hosts = read_hosts(Path(file))
    security = Security.temporary()
    with ExitStack() as inside:
        cluster = inside.enter_context(
            LocalCluster(
                n_workers=0,
                processes=False,
                host=here,
                protocol="tls",
                security=security,
                # Its pages are for this machine alone.
                dashboard_address="127.0.0.1:0",
            )
        )
        client = inside.enter_context(Client(cluster, set_as_default=False))
        workers = {}
        for host in hosts:
            workers[host] = _start_worker(host, cluster.scheduler_address, security, ssh)
            inside.callback(_end_worker, workers[host])
        _await_workers(client, workers)
        yield client


def _start_worker(host: Host, scheduler: str, security: Security, ssh: Sequence[str]) -> subprocess.Popen[str]:
    folder, python = shlex.quote(host.folder), shlex.quote(WORKER_PYTHON)
    command = f"cd {folder} && exec {python} -m experiments.campaign.cluster.host"
    # Ctrl-C in the terminal is for the harness, which ends it.
    process = subprocess.Popen([*ssh, host.name, command], stdin=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdin is not None
    order = {"scheduler": scheduler, "address": host.address, "tls": security.get_tls_config_for_role("worker")}
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()
    return process


def _await_workers(client: Client, workers: dict[Host, subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + _START_S
    while len(client.scheduler_info(n_workers=-1)["workers"]) < len(workers):
        for host, process in workers.items():
            if process.poll() is not None:
                raise Failure(
                    f"{host.name}: the worker ended with exit code {process.returncode}; expected a checkout in "
                    f"{host.folder} with {WORKER_PYTHON} (nox -s worker -- --help makes it)"
                )
        if time.monotonic() > deadline:
            raise Failure(f"--cluster: not every host has a worker within {_START_S:.0f} s; can they reach this one?")
        time.sleep(_POLL_S)


def _end_worker(process: subprocess.Popen[str]) -> None:
    """End a worker by closing its input."""
    try:
        process.communicate(timeout=_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

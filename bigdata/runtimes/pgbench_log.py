"""pgbench's log of transactions (--log with --rate): when each was due, began and ended."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from bigdata.measurement.tally import Taken

PREFIX = "log"

# What was due while the program still stood at the gate, and what queued behind it, is no part of the load.
_SETTLED_AFTER_NS = 20_000_000


def log_options(rate: float) -> list[str]:
    """Return the options that make pgbench keep a Poisson schedule of its own, and log it."""
    return [f"--rate={rate:g}", "--log", f"--log-prefix={PREFIX}"]


def read_log(folder: Path, operations: int, clients: int) -> list[Taken]:
    """Return what each client did, without the beginning. Turns beyond the operations sent nothing."""
    every: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    settled_ns = 0
    for path in folder.glob(f"{PREFIX}.*"):
        for line in path.read_text().splitlines():
            # The latency counts from when it was due; turns count from 1.
            client, number, latency_us, _, epoch_s, us, lag_us = map(int, line.split()[:7])
            ended_ns = (epoch_s * 1_000_000 + us) * 1000
            due_ns = ended_ns - latency_us * 1000
            operation = client + (number - 1) * clients
            if operation == 0:
                settled_ns = ended_ns + _SETTLED_AFTER_NS
            if operation < operations:
                every[client].append((due_ns, due_ns + lag_us * 1000, ended_ns))
    steady = [[one for one in sorted(each) if one[0] >= settled_ns] for each in every.values()]
    return [Taken(len(each), [(ended - began) / 1e9 for _, began, ended in each], {}, each) for each in steady]

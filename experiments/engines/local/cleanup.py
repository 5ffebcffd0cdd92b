"""Removal of servers and data that killed campaigns left."""

from collections.abc import Callable, Iterable

from experiments.engines.local.cluster import end_server
from experiments.engines.local.traces import Trace, read_traces, remove_trace
from experiments.engines.processes import ProcessIdentity, is_alive, with_arguments


def sweep() -> list[str]:
    """Stop and remove every server whose owner has died; return a line for each."""
    removed = []
    for trace in abandoned(read_traces(), is_alive):
        servers = with_arguments(str(trace.data), f"--pgdata={trace.data}")
        for server in servers:
            end_server(server)
        remove_trace(trace)
        running = "a running PostgreSQL" if servers else "a stopped PostgreSQL"
        removed.append(f"removed what a killed run (process {trace.owner.pid}) left: {running} with {trace.data}")
    return removed


def abandoned(traces: Iterable[Trace], alive: Callable[[ProcessIdentity], bool]) -> list[Trace]:
    """Return the traces whose owner has died, with or without data."""
    return [trace for trace in traces if not alive(trace.owner)]


def owners() -> list[ProcessIdentity]:
    """Return the running processes that have servers here."""
    return list(dict.fromkeys(trace.owner for trace in read_traces() if is_alive(trace.owner)))

"""Removal of servers and data that killed campaigns left."""

from collections.abc import Callable, Iterable, Iterator

from experiments.engines.local.cluster import end_orphans, end_server
from experiments.engines.local.traces import Trace, read_traces, remove_trace, traces_folder
from experiments.engines.processes import ProcessIdentity, is_alive, with_arguments
from experiments.environment.cache import turn_at


def sweep() -> list[str]:
    """Stop and remove every server whose owner has died; return a line for each. Only one process does at a time."""
    with turn_at(traces_folder()):
        return list(_sweep())


def _sweep() -> Iterator[str]:
    for trace in abandoned(read_traces(), is_alive):
        servers = with_arguments(str(trace.data), f"--pgdata={trace.data}")
        for server in servers:
            end_server(server)
        end_orphans(trace.data)
        remove_trace(trace)
        running = "a running PostgreSQL" if servers else "a stopped PostgreSQL"
        yield f"removed what a killed run (process {trace.owner.pid}) left: {running} with {trace.data}"


def abandoned(traces: Iterable[Trace], alive: Callable[[ProcessIdentity], bool]) -> list[Trace]:
    """Return the traces whose owner has died, with or without data."""
    return [trace for trace in traces if not alive(trace.owner)]


def owners() -> list[ProcessIdentity]:
    """Return the running processes that have servers here."""
    return list(dict.fromkeys(trace.owner for trace in read_traces() if is_alive(trace.owner)))

"""Measurement of one planned run: clear, load, verify the work that the server holds, build the record."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bigdata.registry import (
    LOADERS,
    WORKLOADS,
    expected_transactions,
    operating_transactions,
    preparing_transactions,
)
from experiments.analysis.time_breakdown import find_ledger
from experiments.campaign.equal_work import NO_LIMIT, find_contradictions, find_differences
from experiments.campaign.monitoring.counters import CounterSampler
from experiments.campaign.monitoring.host import HostMonitor
from experiments.campaign.monitoring.monitor import (
    RunMonitor,
    WriteSamples,
    prioritize_sampler,
    read_samples,
    start_sampler,
)
from experiments.campaign.monitoring.network import connected
from experiments.campaign.monitoring.run_queue import BackendWaits
from experiments.campaign.neighbours import Neighbours
from experiments.campaign.prepared_cell import PreparedCell, clear_arguments, launch_of
from experiments.engines.loader_report import RunFailed, read_report
from experiments.engines.protocol import Finished, Launch
from experiments.errors import EngineLost, Failure
from experiments.matrix.plan import PlannedRun
from experiments.records.facts import NetworkUse
from experiments.records.open_loop import OpenLoop, read_open_loop
from experiments.records.reading import known
from experiments.records.record import Client, Connections, Host, Phase, Record, ServerUse, Status, Work

STEP_TIMEOUT_S = 60.0
"""The least time limit of the harness's own steps around a run, which usually take a fraction of a second."""

REST_WITHIN_S = 20.0
"""Time limit for a server to get rid of its clients: those of a killed loader may still be at a statement."""


@dataclass
class Outcome:
    """Parts of a record known so far, by its names; the record is built from them once, at the end."""

    status: Status = "failed"
    reason: str | None = None
    server: ServerUse | None = None
    host: Host | None = None
    work: Work | None = None
    client: Client | None = None
    phases: Mapping[str, Phase] | None = None
    rows_per_s: float | None = None
    cpu_us_per_row: float | None = None
    operations_per_s: float | None = None
    cpu_us_per_operation: float | None = None
    connections: Connections | None = None
    network: NetworkUse | None = None
    open_loop: OpenLoop | None = None

    def fail(self, reason: str, status: Status = "failed") -> None:
        """Note that the run has failed; what has been measured until then stays."""
        self.status, self.reason = status, reason


def initial_record(campaign: str, run: PlannedRun, key: str) -> Record:
    """Return the record of a run that has begun: what remains of it if the campaign is killed now."""
    return Record(
        campaign=campaign,
        cell_key=key,
        arm=run.arm,
        block=run.block,
        order=run.order,
        repeat=run.repeat,
        started_at=utc_now(),
        status="failed",
        reason="interrupted: the campaign was ended during this run",
        cell=run.cell,
        interrupted=True,
    )


def utc_now() -> str:
    """Return the present time as records have it: '2026-11-22T14:31:07Z'."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def measure(prepared: PreparedCell, initial: Record, write_samples: WriteSamples = lambda line: None) -> Record:
    """Carry out the run of this initial record and return its record; one that fails has the reason.

    ``write_samples`` gets the connection samples of a run that was measured. A server that ended during the run before
    is started again; if that fails, so has this run. Raises EngineLost.
    """
    started = time.monotonic()
    outcome = Outcome()
    try:
        prepared.server.place(prepared.placement)
    except EngineLost:
        raise
    except Failure as failure:
        outcome.fail(str(failure))
    else:
        _run(prepared, outcome, initial, write_samples)
    record = replace(initial, interrupted=False, images=_images(prepared), **vars(outcome))
    return replace(record, ledger_us_per_row=find_ledger(record), wall_s=round(time.monotonic() - started, 3))


def _run(prepared: PreparedCell, outcome: Outcome, initial: Record, write_samples: WriteSamples) -> None:
    """Run on a server that is ready; only after a run that went wrong is it asked whether it has ended."""
    try:
        cleared, finished, monitor = _load(prepared)
        outcome.server, outcome.host = monitor.server_use(prepared.server.facts), monitor.host_load(finished)
        _check(prepared, outcome, read_report("run", finished, prepared.timeout_s), cleared)
        outcome.phases = monitor.add_server(outcome.phases or {})
        outcome.network = monitor.network.use(outcome.phases)
        round_trip_s = cleared.get("round_trip_s") if outcome.network is None else outcome.network.round_trip_s
        outcome.connections, line = monitor.sampled_connections(initial, outcome.phases, round_trip_s)
        if line is not None:
            write_samples(line)
        return
    except RunFailed as failure:
        outcome.fail(failure.reason, failure.status)
    except EngineLost:
        raise
    except Failure as failure:
        outcome.fail(str(failure))
    if (end := prepared.server.find_end()) is not None:
        outcome.fail(f"PostgreSQL {prepared.server.facts.version} ended during the run: {end}")


def _load(prepared: PreparedCell) -> tuple[Mapping[str, Any], Finished, RunMonitor]:
    """Clear the tables and run the loader under observation; return the report of clearing, too."""
    host_monitor = HostMonitor(prepared.placement.cpus)
    with start_sampler(prepared.cell, prepared.host, prepared.server, prepared.placement) as sampler:
        # The sampler starts up meanwhile, which takes longer: it is sampling when the loader begins.
        cleared = _step(prepared, clear_arguments(prepared))
        scheduling = prioritize_sampler(sampler, prepared.server)
        backends = BackendWaits(prepared.server.pid)
        with (
            connected(prepared, partial(_report_of, prepared)) as network,
            CounterSampler(prepared.server.cpu_s) as server_cpu,
            CounterSampler(backends, lossy=True) as waits,
        ):
            watch = _watch(host_monitor, Neighbours(prepared.placement))
            finished = prepared.host.run(replace(launch_of(prepared), watch=watch, port=network.port))
    samples, server_waits = read_samples(sampler, scheduling), waits if backends.is_known else None
    return cleared, finished, RunMonitor(host_monitor, server_cpu, server_waits, samples, network, prepared.here)


@contextmanager
def _watch(host_monitor: HostMonitor, neighbours: Neighbours) -> Iterator[None]:
    """Watch a loader's life, with its neighbours: they have ended, and count as ours, when the monitor is left."""
    with host_monitor, neighbours:
        yield


def _check(prepared: PreparedCell, outcome: Outcome, report: Mapping[str, Any], cleared: Mapping[str, Any]) -> None:
    """Verify the server's work; take over the measurements. Raises RunFailed where the report lacks something."""
    expected, commits_before = _transactions(prepared), cleared["xact_commit"]
    awaited = [] if commits_before is None else ["--expect-transactions", str(commits_before + expected.start)]
    held = _step(prepared, ["digest", *awaited])
    try:
        work = replace(_work(report, held, cleared), transactions_expected=_ends(expected))
        differences = find_differences(work, prepared.data, expected, prepared.cell)
        differences += find_contradictions(report, prepared.cell, prepared.data, prepared.rate_per_s)
        phases = {name: known(Phase, phase) for name, phase in report["phases"].items()}
        client = known(Client, report["client"])
        data = phases["data"]
        rates, per_operation = _rates(data, data.rows), _rates(data, data.operations or 0)
        outcome.open_loop = None if prepared.rate_per_s is None else read_open_loop(report["arrivals"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise RunFailed("failed", f"run: reported a line that cannot be used: {what}") from error
    outcome.status, outcome.reason = "wrong_work" if differences else "ok", "; ".join(differences) or None
    outcome.work, outcome.client, outcome.phases = work, client, phases
    outcome.rows_per_s, outcome.cpu_us_per_row = rates
    outcome.operations_per_s, outcome.cpu_us_per_operation = per_operation


def _transactions(prepared: PreparedCell) -> range:
    """Return how many transactions the workload may add; no upper limit where the server commits some of its own."""
    cell, data = prepared.cell, prepared.data
    loader = LOADERS[cell.loader].with_checkout(cell.checkout)
    if (asked := data.operations_of(cell)) is not None:
        expected = operating_transactions(
            loader,
            WORKLOADS[cell.workload],
            operations=asked.operations + asked.checked,
            poolsize=cell.poolsize,
            protocol=cell.protocol,
        )
        return range(expected.start, NO_LIMIT if prepared.server.facts.has_autovacuum else expected.stop)
    autocommit, executemany = cell.transaction == "autocommit", cell.inserts == "executemany"
    least = expected_transactions(
        loader,
        geo_records=data.geo_records,
        data_records=data.data_records,
        rows=data.rows,
        poolsize=cell.poolsize,
        autocommit=autocommit,
        executemany=executemany,
    )
    more = preparing_transactions(
        loader,
        data.inserts,
        data_records=data.data_records,
        poolsize=cell.poolsize,
        autocommit=autocommit,
        protocol=cell.protocol,
        executemany=executemany,
    )
    return range(least + more.start, NO_LIMIT if prepared.server.facts.has_autovacuum else least + more.stop)


def _ends(expected: range) -> tuple[int, int | None]:
    return expected[0], None if expected.stop == NO_LIMIT else expected[-1]


def _rates(data: Phase, number: int) -> tuple[float | None, float | None]:
    """Return so many per second and the CPU time for each; None for a loader that did nothing, or in no time."""
    if number <= 0 or data.wall_s <= 0:
        return None, None
    return round(number / data.wall_s, 1), round((data.user_s + data.system_s) / number * 1e6, 3)


def _step(prepared: PreparedCell, arguments: Sequence[str]) -> Mapping[str, Any]:
    """Run a step of the harness's own; return its report. Raises RunFailed also where the server is not at rest."""
    report = _report_of(prepared, [*arguments, "--rest-within", f"{REST_WITHIN_S:g}"])
    if report.get("at_rest") is False:
        raise RunFailed(
            "failed",
            f"{arguments[0]}: the server was not at rest: it had other clients still after {REST_WITHIN_S:g} s",
        )
    return report


def _report_of(prepared: PreparedCell, arguments: Sequence[str], port: int | None = None) -> Mapping[str, Any]:
    """Run the loader's program without limits; return its report. Raises RunFailed."""
    placement = prepared.placement.without_loader_limits()
    # As long as a load may take is enough for any amount of data.
    timeout_s = max(STEP_TIMEOUT_S, prepared.timeout_s)
    launch = Launch([*arguments, "--report", "-"], prepared.server, placement, timeout_s, port=port)
    finished = prepared.host.run(launch)
    if finished.timed_out:
        # The status timeout would mean that the loader took too long.
        raise RunFailed("failed", f"{arguments[0]}: the harness's own step had not ended within {timeout_s:g} s")
    return read_report(arguments[0], finished, timeout_s)


def _work(report: Mapping[str, Any], digest: Mapping[str, Any], cleared: Mapping[str, Any]) -> Work:
    scans_before, scans = cleared.get("scans", {}), digest.get("scans", {})
    return Work(
        digest=digest["digest"],
        rows=digest["rows"],
        transactions=_growth(cleared["xact_commit"], digest["xact_commit"]),
        geo_records=digest["geo_records"],
        data_records=report["work"]["data_records"],
        records_read_ahead=report["work"].get("records_read_ahead"),
        records_streamed=report["work"].get("records_streamed"),
        geo_scans=_growth(scans_before.get("geo_record"), scans.get("geo_record")),
        matrix_scans=_growth(scans_before.get("matrix"), scans.get("matrix")),
        checked=report["work"].get("checked"),
        answers=report["work"].get("answers"),
        elements_read=_growth(scans_before.get("elements_read"), scans.get("elements_read")),
        geo_updated=_growth(scans_before.get("geo_updated"), scans.get("geo_updated")),
    )


def _growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _images(prepared: PreparedCell) -> dict[str, str] | None:
    """Return the ids of both images and what they were made from: a pinned reference, or else packages."""
    loader, server = prepared.host.facts, prepared.server.facts
    if loader.image is None or server.image_id is None or server.image is None:
        return None
    return {
        **{"loader": loader.image, "postgres": server.image_id},
        **{"loader_base": loader.build, "postgres_base": server.image},
    }

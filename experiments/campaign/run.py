"""Measure one planned run: clear, load, check what the server holds, judge, and put it all into a record."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bigdata.registry import LOADERS, expected_transactions, preparing_transactions
from experiments.analysis.time_breakdown import find_ledger
from experiments.campaign.datasets import ReadyData
from experiments.campaign.equal_work import NO_LIMIT, find_contradictions, find_differences
from experiments.campaign.monitoring.host import Watch
from experiments.campaign.monitoring.monitor import Keep, Seen, make_sampler_prompt, read_sampled, sampler_beside
from experiments.campaign.monitoring.server_cpu import Meter
from experiments.engines.loader_report import RunFailed, read_report
from experiments.engines.protocol import Finished, LoaderHost, Server
from experiments.environment.affinity import Placement
from experiments.errors import Failure
from experiments.matrix.cell import Cell
from experiments.matrix.plan import PlannedRun
from experiments.records.record import Client, Phase, Record, Status, Work, known

# For the harness's own steps around a run, at least: they take a fraction of a second, and longer with more data.
STEP_TIMEOUT_S = 60.0

# How long a server may take to get rid of its clients: those of a killed loader may still be at a statement.
REST_WITHIN_S = 20.0


@dataclass(frozen=True)
class ReadyCell:
    """A cell with all that it needs standing ready.

    ``directory`` is the data's, as the loader sees it. ``here``: whether it runs on the machine that the harness sees.
    """

    cell: Cell
    key: str
    host: LoaderHost
    server: Server
    placement: Placement
    data: ReadyData
    directory: str
    timeout_s: float
    here: bool = True


def begin(campaign: str, run: PlannedRun, key: str) -> Record:
    """The record of a run that has begun and not ended: what stays of it if the campaign is killed now."""
    return Record(
        campaign=campaign,
        cell_key=key,
        arm=run.arm,
        block=run.block,
        order=run.order,
        started_at=utc_now(),
        status="failed",
        reason="interrupted: the campaign was ended during this run",
        cell=run.cell,
        interrupted=True,
    )


def utc_now() -> str:
    """The present time as records have it: '2026-11-22T14:31:07Z'."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def measure(ready: ReadyCell, begun: Record, keep: Keep = lambda line: None) -> Record:
    """Do the run that has begun, and return its record. A run that fails is a record with its reason.

    ``keep`` is given what was sampled of a run that was measured. For a server that ended in the run before another one
    is started; where that does not work this run has failed.
    """
    started = time.monotonic()
    record = replace(begun, interrupted=False, reason=None, images=_images(ready))
    try:
        ready.server.place(ready.placement)
    except Failure as failure:
        record = replace(record, status="failed", reason=str(failure))
    else:
        record = _run(ready, record, keep)
    return replace(record, ledger_us_per_row=find_ledger(record), wall_s=round(time.monotonic() - started, 3))


def _run(ready: ReadyCell, record: Record, keep: Keep) -> Record:
    """The run on a server that stands ready; only one that went wrong is asked whether the server has ended."""
    try:
        cleared, finished, seen = _load(ready)
        record = seen.note_whole(record, finished, ready.server.facts)
        report = read_report("run", finished, ready.timeout_s)
        record = _check(ready, record, report, cleared)
        record, line = seen.note_phases(record, cleared.get("round_trip_s"))
        if line is not None:
            keep(line)
        return record
    except RunFailed as trouble:
        record = replace(record, status=trouble.status, reason=trouble.reason)
    except Failure as failure:
        record = replace(record, status="failed", reason=str(failure))
    if (end := ready.server.find_end()) is not None:
        reason = f"PostgreSQL {ready.server.facts.version} ended during the run: {end}"
        record = replace(record, status="failed", reason=reason)
    return record


def _load(ready: ReadyCell) -> tuple[Mapping[str, Any], Finished, Seen]:
    """Clear, and run the loader under observation; what clearing reported, how the loader ended, what was seen."""
    watch = Watch(ready.placement.loader_cpus | ready.placement.server_cpus)
    with sampler_beside(ready.cell, ready.host, ready.server, ready.placement) as sampler:
        # While it starts up, which takes longer: it is looking when the loader begins.
        cleared = _step(ready, ["clear", "--poolsize", str(ready.cell.poolsize)])
        scheduling = make_sampler_prompt(sampler, ready.server)
        with Meter(ready.server.cpu_s) as meter:
            finished = ready.host.run(
                run_arguments(ready),
                server=ready.server,
                placement=ready.placement,
                timeout_s=ready.timeout_s,
                environment=environment_of(ready.cell),
                watch=watch,
            )
    return cleared, finished, Seen(watch, meter, read_sampled(sampler, scheduling), ready.here)


def _check(ready: ReadyCell, record: Record, report: Mapping[str, Any], cleared: Mapping[str, Any]) -> Record:
    """Ask for the work that the server holds, take over what the loader measured, and judge both.

    Raises RunFailed where the loader's report lacks something: it has its own word only, and no campaign ends by that.
    """
    expected, commits_before = _transactions(ready), cleared["xact_commit"]
    awaited = [] if commits_before is None else ["--expect-transactions", str(commits_before + expected.start)]
    held = _step(ready, ["digest", *awaited])
    try:
        work = replace(_work(report, held, cleared), transactions_expected=_ends(expected))
        differences = find_differences(work, ready.data, expected, LOADERS[ready.cell.loader])
        differences += find_contradictions(report, ready.cell, ready.data)
        measured = _measured(record, report)
    except (KeyError, TypeError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise RunFailed("failed", f"run: reported a line that cannot be used: {what}") from error
    status: Status = "wrong_work" if differences else "ok"
    return replace(measured, work=work, status=status, reason="; ".join(differences) or None)


def _transactions(ready: ReadyCell) -> range:
    """What the workload may add to the server's count; the first is what it adds at least.

    Where the server commits transactions of its own nobody knows how many there may be at most.
    """
    cell, loader = ready.cell, LOADERS[ready.cell.loader]
    data, autocommit, executemany = ready.data, cell.transaction == "autocommit", cell.inserts == "executemany"
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
    return range(least + more.start, NO_LIMIT if ready.server.facts.has_autovacuum else least + more.stop)


def _ends(expected: range) -> list[int | None]:
    return [expected[0], None if expected.stop == NO_LIMIT else expected[-1]]


def _measured(record: Record, report: Mapping[str, Any]) -> Record:
    """The record with what the loader measured; without rates where it says that it loaded nothing, or in no time."""
    phases = {name: known(Phase, phase) for name, phase in report["phases"].items()}
    data = phases["data"]
    has_rates = data.rows > 0 and data.wall_s > 0
    return replace(
        record,
        rows_per_s=round(data.rows / data.wall_s, 1) if has_rates else None,
        cpu_us_per_row=round((data.user_s + data.system_s) / data.rows * 1e6, 3) if has_rates else None,
        phases=phases,
        client=known(Client, report["client"]),
    )


def run_arguments(ready: ReadyCell) -> list[str]:
    """The loader's command line for the cell."""
    cell = ready.cell
    arguments = ["run", cell.loader, "--directory", ready.directory, "--poolsize", str(cell.poolsize)]
    arguments += [*ready.data.arguments, *choices_of(cell)]
    if cell.transaction == "per_record":
        arguments.append("--no-autocommit")
    if cell.inserts == "executemany":
        arguments.append("--allow-executemany")
    return [*arguments, "--prepared", "--report", "-"]


def choices_of(cell: Cell) -> list[str]:
    """What the loader's command line says of loop, protocol and implementation, as far as the loader has a choice."""
    several = len(LOADERS[cell.loader].protocols) > 1
    chosen = {"--loop": cell.loop, "--protocol": cell.protocol if several else None}
    chosen["--implementation"] = cell.implementation
    return [word for option, value in chosen.items() if value is not None for word in (option, value)]


def environment_of(cell: Cell) -> dict[str, str]:
    """Variables for the loader's process: a module must not switch the GIL on again where it is to stay off."""
    return {"PYTHON_GIL": "0"} if cell.gil == "off" else {}


def _step(ready: ReadyCell, arguments: Sequence[str]) -> Mapping[str, Any]:
    """One of the harness's own steps around the run, on the cores where the loader runs: they are idle now.

    Raises RunFailed also where the server did not come to rest: what it counts would be another run's, too.
    """
    placement = ready.placement.without_loader_limits()
    # What a load may take is long enough for them, however much data there are.
    timeout_s = max(STEP_TIMEOUT_S, ready.timeout_s)
    arguments = [*arguments, "--rest-within", f"{REST_WITHIN_S:g}", "--report", "-"]
    finished = ready.host.run(arguments, server=ready.server, placement=placement, timeout_s=timeout_s)
    if finished.timed_out:
        # A record with the status timeout would say that the loader had taken too long.
        raise RunFailed("failed", f"{arguments[0]}: the harness's own step had not ended within {timeout_s:g} s")
    report = read_report(arguments[0], finished, timeout_s)
    if report.get("at_rest") is False:
        raise RunFailed(
            "failed",
            f"{arguments[0]}: the server was not at rest: it had other clients still after {REST_WITHIN_S:g} s",
        )
    return report


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
    )


def _growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _images(ready: ReadyCell) -> dict[str, str] | None:
    """The ids of both images and what they were made from: a pinned reference, or packages where there was none."""
    loader, server = ready.host.facts, ready.server.facts
    if loader.image is None or server.image_id is None or server.image is None:
        return None
    return {
        **{"loader": loader.image, "postgres": server.image_id},
        **{"loader_base": loader.build, "postgres_base": server.image},
    }

"""Runs of a cell with instruments: one run for each, so that none disturbs another."""

import json
import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bigdata.registry import LOADERS
from experiments.campaign.prepared_cell import PreparedCell, clear_arguments, launch_of
from experiments.campaign.run import initial_record, measure, utc_now
from experiments.engines.loader_report import RunFailed, last_line, read_report
from experiments.engines.postgres import DATABASE
from experiments.engines.profilers import PY_SPY, PY_SPY_GIL, THREAD_STATES, Instrument, Instruments, Observed
from experiments.engines.protocol import Launch
from experiments.environment.hashes import PROJECT
from experiments.errors import Failure, Unsupported
from experiments.matrix.plan import PlannedRun
from experiments.profiling import explanation
from experiments.profiling.stacks import Stacks, cut_to_hot_loops, read_speedscope, write_speedscope
from experiments.profiling.thread_time import find_thread_time
from experiments.records.record import Record
from experiments.validation.same_sql.statements import forget_query

SLOWDOWN = 10.0
"""Factor of the time limit: tracing every system call makes a loader ten times slower."""

NO_LOOP = "the loader has no event loop"
NOT_KNOWN_TO_PY_SPY = "py-spy cannot read free-threaded builds of Python"

Thing = TypeVar("Thing")


@dataclass
class InstrumentedRuns:
    """The runs of a cell with instruments, and how fast each was.

    ``only_data``: no phase but data runs, on tables that have what the others would bring.
    """

    ready: PreparedCell
    instruments: Instruments
    environment: Mapping[str, str] = field(default_factory=dict)
    only_data: bool = False
    rows_per_s: dict[str, float] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def observe(
        self, instrument: Instrument | None, more: Sequence[str] = (), name: str = ""
    ) -> tuple[Mapping[str, Any], str]:
        """Clear, load with the instrument; return report and output. Raises RunFailed, Unsupported without output."""
        ready, timeout_s = self.ready, self.ready.timeout_s * SLOWDOWN
        clear = [*clear_arguments(ready, fill=self.only_data), "--rest-within", "20", "--report", "-"]
        placement = ready.placement.without_loader_limits()
        read_report("clear", ready.host.run(Launch(clear, ready.server, placement, timeout_s)), timeout_s)
        launch = launch_of(ready)
        environment = {**launch.environment, **self.environment}
        arguments = [*launch.arguments, *(["--only-data"] if self.only_data else []), *more]
        launch = replace(launch, arguments=arguments, timeout_s=timeout_s, environment=environment)
        observed = self.instruments.observe(instrument, launch)
        report = _report(observed, instrument, timeout_s)
        if instrument is not None and observed.seen is None:
            words = last_line(observed.finished.stderr) or "no error message"
            raise Unsupported(f"{instrument.name} wrote nothing: {words}")
        if name:
            data = report["phases"]["data"]
            self.rows_per_s[name] = data.get("operations", data["rows"]) / data["wall_s"]
        return report, observed.seen or ""


def explain_cell(ready: PreparedCell, instruments: Instruments) -> explanation.Explanation:
    """Run a cell without instruments, then with each of them. Raises Failure if the run without them is not ok."""
    loader = LOADERS[ready.cell.loader]
    runs = InstrumentedRuns(ready, instruments)
    record, statements = _run_plainly(ready, instruments)
    gil = record.client is None or record.client.gil_enabled
    # The error of py-spy itself would not explain it.
    unknown = record.client is not None and record.client.free_threaded
    busy: Stacks | str = NOT_KNOWN_TO_PY_SPY
    if not unknown:
        busy = _or_reason(lambda: _profile(runs, PY_SPY, "busy"))
    holding: Stacks | str = NOT_KNOWN_TO_PY_SPY if gil else "there is no GIL in this cell"
    if gil and not unknown:
        holding = _or_reason(lambda: _profile(runs, PY_SPY_GIL, "gil"))
    threads = _or_reason(lambda: _threads(runs, loader.runtime, gil=gil))
    calls = _or_reason(lambda: _count_calls(runs))
    lag = _or_reason(lambda: _lag(runs)) if ready.cell.loop is not None else NO_LOOP
    return explanation.Explanation(
        label=ready.cell.label(),
        made_at=utc_now(),
        runtime=loader.runtime,
        loop=ready.cell.loop or ("gevent" if loader.runtime == "greenlets" else None),
        modules=loader.modules,
        record=record,
        rows_per_s=runs.rows_per_s,
        busy=busy,
        gil=holding,
        threads=threads,
        calls=calls,
        lag_s=lag,
        statements=statements,
        files=runs.files,
        source=_source_lines(busy, holding),
    )


def _run_plainly(ready: PreparedCell, instruments: Instruments) -> tuple[Record, Any]:
    """Run as in a campaign, with all checks; return the record and the time of the statements at the server."""
    asked = _or_reason(lambda: _forget(ready, instruments))
    record = measure(ready, initial_record("explained", PlannedRun(ready.cell, "a", 1, 1), ready.key))
    if record.status != "ok":
        raise Failure(f"{ready.cell.label()}: the run without instruments was not ok: {record.reason}")
    if asked:
        return record, asked
    return record, _or_reason(
        lambda: explanation.read_uses(instruments.ask(ready.server, explanation.uses_query(DATABASE)))
    )


def _forget(ready: PreparedCell, instruments: Instruments) -> str:
    ready.server.place(ready.placement)
    instruments.ask(ready.server, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    instruments.ask(ready.server, forget_query(DATABASE))
    return ""


def _profile(runs: InstrumentedRuns, instrument: Instrument, name: str) -> Stacks:
    _, seen = runs.observe(instrument, name=instrument.name)
    stacks = cut_to_hot_loops(read_speedscope(seen))
    if not stacks:
        raise Unsupported(f"{instrument.name} found no thread in the hot loops: the load was too short")
    runs.files[f"{name}.speedscope.json"] = write_speedscope(stacks, f"{runs.ready.cell.label()} ({name})")
    return stacks


def _threads(runs: InstrumentedRuns, runtime: str, *, gil: bool) -> Any:
    report, seen = runs.observe(THREAD_STATES, name=THREAD_STATES.name)
    data = report["phases"]["data"]
    return find_thread_time(json.loads(seen), runtime, (data["started_s"], data["ended_s"]), gil=gil)


def _count_calls(runs: InstrumentedRuns) -> explanation.Calls:
    """Count by the difference of two loads, one with a tenth of the records: without start and connections."""
    counter = runs.instruments.counter()
    records = max(1, runs.ready.data.geo_records // 10)
    report, more = runs.observe(counter, name=counter.name)
    few, fewer = runs.observe(counter, more=["--records", str(records)])
    units = explanation.report_units(report) - explanation.report_units(few)
    if units <= 0:
        raise Unsupported("too few records to separate their system calls from those of the start")
    return explanation.per_row(
        counter.name, explanation.read_counts(counter.name, more), explanation.read_counts(counter.name, fewer), units
    )


def _lag(runs: InstrumentedRuns) -> Mapping[str, float]:
    report, _ = runs.observe(None, more=["--loop-lag"], name="loop lag")
    lag: Mapping[str, float] | None = report.get("loop_lag_s")
    if lag is None:
        raise Unsupported("no callback of the event loop was measured: phase data was too short")
    return lag


def _report(observed: Observed, instrument: Instrument | None, timeout_s: float) -> Mapping[str, Any]:
    try:
        return read_report("run", observed.finished, timeout_s)
    except RunFailed as failure:
        name = "" if instrument is None else f"{instrument.name}: "
        raise RunFailed(failure.status, f"{name}{failure.reason}") from failure


def _or_reason(find: Callable[[], Thing]) -> Thing | str:
    """Return the result, or the reason why there is none: an instrument that fails costs only its own section."""
    try:
        return find()
    except RunFailed as failure:
        return failure.reason
    except (Failure, Unsupported, ValueError, KeyError) as reason:
        return str(reason)


def _source_lines(*found: Stacks | str) -> dict[tuple[str, int], str]:
    """Return the lines of the loader's own code in the stacks."""
    frames = {frame for stacks in found if not isinstance(stacks, str) for stack in stacks for frame in stack}
    own = {(frame.file, frame.line) for frame in frames if frame.file.startswith("bigdata/")}
    return {place: linecache.getline(str(PROJECT / place[0]), place[1]).strip() for place in own}

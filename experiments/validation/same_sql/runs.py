"""Runs of every loader in every way that it has, once each through the proxy."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bigdata.registry import OPERATING, Workload
from experiments.campaign.datasets import PreparedData
from experiments.engines.loader_report import RunFailed, read_report, read_trial
from experiments.engines.local.cluster import write_private
from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.server import LocalServer
from experiments.engines.postgres import DATABASE, HOST, USER
from experiments.engines.protocol import Finished, Launch
from experiments.formatting import duration
from experiments.records.redaction import without_paths
from experiments.validation.same_sql import statements
from experiments.validation.same_sql.conversation import Conversation
from experiments.validation.same_sql.findings import (
    Finding,
    Observation,
    Variant,
    differences_of_choice,
    differences_of_start_up,
    observe,
)
from experiments.validation.same_sql.proxy import Proxy

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Workplace:
    """Interpreter, server and data of the runs. The server counts statements in its database ``postgres``."""

    host: LocalLoaderHost
    server: LocalServer
    data: PreparedData

    @property
    def amount(self) -> statements.Amount:
        """Counts of the data."""
        return statements.Amount(self.data.geo_records, self.data.data_records, self.data.rows, self.data.workloads)


def prepare(work: Workplace) -> None:
    """Create tables and dictionary in the loader's database, and the extension in another one."""
    work.server.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    read_report("clear", _run(work, ["clear", "--report", "-"]), TIMEOUT_S)


def examine_all(work: Workplace, chosen: Sequence[Variant], tell: Callable[[str], None]) -> Iterator[Finding]:
    """Yield the finding of each variant; ``tell`` hears of each, and of the time left."""
    started_s, all_of_them = time.monotonic(), len(chosen)
    for done, variant in enumerate(chosen):
        left_s = (time.monotonic() - started_s) / done * (all_of_them - done) if done else None
        left = "time left not known yet" if left_s is None else f"{duration(left_s)} left"
        tell(f"{variant.name} ({done + 1} of {all_of_them}), {left}")
        yield examine(work, variant)


def examine(work: Workplace, variant: Variant) -> Finding:
    """Load the data in every way of committing and inserting that the variant has, if it runs here."""
    try:
        reason = read_trial(_run(work, ["check", *variant.arguments, "--report", "-"]), TIMEOUT_S)
        if reason is not None:
            return Finding(variant, unsupported=without_paths(reason))
        loads = [_load(work, variant, transaction, inserts) for transaction, inserts in variant.ways]
        loads += _operations(work, variant)
    except RunFailed as failure:
        return Finding(variant, differences=(without_paths(failure.reason),))
    observation = loads[0].observation
    differences = [f"{load.way}: {line}" for load in loads for line in load.comparison.differences]
    for load in loads:
        found = differences_of_choice(variant, load.observation.inserts.protocol, load.client)
        found += differences_of_start_up(load.observation.parameters)
        differences += [f"{load.way}: {line}" for line in found]
    return Finding(variant, None, tuple(differences), loads[0].comparison.of_driver, observation, loads[0].client)


@dataclass(frozen=True)
class _Load:
    way: str
    comparison: statements.LogComparison
    observation: Observation
    client: Mapping[str, Any]


def _load(work: Workplace, variant: Variant, transaction: str, inserts: str) -> _Load:
    way = transaction if inserts == "execute" else f"{transaction}, {inserts}"
    work.server.execute(statements.CLEAR, database=DATABASE)
    options = [] if transaction == "autocommit" else ["--no-autocommit"]
    options += [] if inserts == "execute" else ["--allow-executemany"]
    return _log(work, variant, way, options, statements.expected_log(work.amount, transaction))


def _operations(work: Workplace, variant: Variant) -> Iterator[_Load]:
    """Do the operations of each workload, on tables that are filled again only after they have been changed."""
    filling = ["clear", "--directory", str(work.data.directory), *work.data.arguments, "--report", "-"]
    filled = False
    for workload in sorted(OPERATING.values(), key=lambda workload: workload.changes_data):
        if not filled:
            read_report("clear", _run(work, filling), TIMEOUT_S)
        yield _operate(work, variant, workload)
        filled = not workload.changes_data


def _operate(work: Workplace, variant: Variant, workload: Workload) -> _Load:
    expected = statements.expected_operations(work.data.workloads[workload.name], workload)
    options = ["--workload", workload.name]
    return _log(work, variant, f"workload {workload.name}", options, expected, expected[0].text)


def _log(
    work: Workplace,
    variant: Variant,
    way: str,
    options: Sequence[str],
    expected: Sequence[statements.Entry],
    observed: str = statements.INSERT_ELEMENT,
) -> _Load:
    """Run the loader with these options and compare what the server logs."""
    work.server.execute(statements.forget_query(DATABASE))
    arguments = ["run", *variant.arguments, "--directory", str(work.data.directory), *work.data.arguments]
    report, conversations = _through_proxy(
        work, [*arguments, *options, "--poolsize", "1", "--prepared", "--report", "-"]
    )
    seen = statements.read_log(work.server.execute(statements.log_query(DATABASE)))
    comparison = statements.compare(seen, expected, variant.loader)
    if len(conversations) != 1:
        raise RunFailed("failed", f"{way}: {len(conversations)} connections instead of 1")
    observation = observe(conversations[0], observed)
    if observation is None:
        raise RunFailed("failed", f"{way}: the connection was never established")
    return _Load(way, comparison, observation, report["client"])


def _through_proxy(work: Workplace, arguments: Sequence[str]) -> tuple[Mapping[str, Any], list[Conversation]]:
    server = work.server
    # Its name begins with the server's, so that two servers have two, and a sweep finds what a killed run left.
    password_file = server.password_file.with_suffix(".proxy.pgpass")
    try:
        with Proxy(server.port) as proxy:
            known = server.password_file.read_text()
            write_private(password_file, known.replace(f":{server.port}:", f":{proxy.port}:"))
            through = ["--dburl", f"postgresql://{USER}@{HOST}:{proxy.port}/{DATABASE}", *arguments]
            launch = Launch(through, None, None, TIMEOUT_S, environment={"PGPASSFILE": str(password_file)})
            finished = work.host.run(launch)
    finally:
        password_file.unlink(missing_ok=True)
    return read_report(arguments[0], finished, TIMEOUT_S), proxy.conversations()


def _run(work: Workplace, arguments: Sequence[str]) -> Finished:
    return work.host.run(Launch(arguments, work.server, None, TIMEOUT_S))

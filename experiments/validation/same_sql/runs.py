"""Every loader in every way that it has, once through the relay: what the server saw, what went over the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.campaign.datasets import ReadyData
from experiments.engines.loader_report import RunFailed, read_report, read_trial
from experiments.engines.local.cluster import write_private
from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.server import LocalServer
from experiments.engines.postgres import DATABASE, HOST, USER
from experiments.engines.protocol import Finished, Launch
from experiments.records.redaction import without_paths
from experiments.validation.same_sql.conversation import Conversation
from experiments.validation.same_sql.findings import (
    Finding,
    Observation,
    Variant,
    differences_of_choice,
    differences_of_start_up,
    observe,
)
from experiments.validation.same_sql.proxy import Relay
from experiments.validation.same_sql.statements import (
    CLEAR,
    Amount,
    Verdict,
    compare,
    forget_query,
    golden_ledger,
    read_ledger,
    seen_query,
)

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Workplace:
    """Where everything runs. The server has ``pg_stat_statements`` in its database ``postgres``."""

    host: LocalLoaderHost
    server: LocalServer
    data: ReadyData

    @property
    def amount(self) -> Amount:
        """How much the fixture has."""
        return Amount(self.data.geo_records, self.data.data_records, self.data.rows)


def make_ready(work: Workplace) -> None:
    """Tables and dictionary into the loader's database, the extension into another one, that it may not show."""
    work.server.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    read_report("clear", _run(work, ["clear", "--report", "-"]), TIMEOUT_S)


def examine_all(work: Workplace, chosen: Sequence[Variant], tell: Callable[[str], None]) -> Iterator[Finding]:
    """Examine one after the other."""
    for number, variant in enumerate(chosen, 1):
        tell(f"{variant.name} ({number} of {len(chosen)})")
        yield examine(work, variant)


def examine(work: Workplace, variant: Variant) -> Finding:
    """Try whether it runs here, and if so load the fixture in every way of committing and inserting that it has."""
    try:
        reason = read_trial(_run(work, ["check", *variant.arguments, "--report", "-"]), TIMEOUT_S)
        if reason is not None:
            return Finding(variant, unsupported=without_paths(reason))
        loads = [_load(work, variant, transaction, inserts) for transaction, inserts in variant.ways]
    except RunFailed as trouble:
        return Finding(variant, differences=(without_paths(trouble.reason),))
    observation = loads[0].observation
    differences = [f"{load.way}: {line}" for load in loads for line in load.verdict.differences]
    for load in loads:
        found = differences_of_choice(variant, load.observation.inserts.protocol, load.client)
        found += differences_of_start_up(load.observation.parameters)
        differences += [f"{load.way}: {line}" for line in found]
    return Finding(variant, None, tuple(differences), loads[0].verdict.of_driver, observation, loads[0].client)


@dataclass(frozen=True)
class _Load:
    way: str
    verdict: Verdict
    observation: Observation
    client: Mapping[str, Any]


def _load(work: Workplace, variant: Variant, transaction: str, inserts: str) -> _Load:
    way = transaction if inserts == "execute" else f"{transaction}, {inserts}"
    work.server.execute(CLEAR, database=DATABASE)
    work.server.execute(forget_query(DATABASE))
    arguments = ["run", *variant.arguments, "--directory", str(work.data.directory), *work.data.arguments]
    arguments += ["--poolsize", "1", "--prepared", "--report", "-"]
    arguments += [] if transaction == "autocommit" else ["--no-autocommit"]
    arguments += [] if inserts == "execute" else ["--allow-executemany"]
    report, conversations = _through_relay(work, arguments)
    seen = read_ledger(work.server.execute(seen_query(DATABASE)))
    verdict = compare(seen, golden_ledger(work.amount, transaction), variant.loader)
    if len(conversations) != 1:
        raise RunFailed("failed", f"{way}: {len(conversations)} connections went over the wire, expected 1")
    observation = observe(conversations[0])
    if observation is None:
        raise RunFailed("failed", f"{way}: the connection broke off while it was being made")
    return _Load(way, verdict, observation, report["client"])


def _through_relay(work: Workplace, arguments: Sequence[str]) -> tuple[Mapping[str, Any], list[Conversation]]:
    server = work.server
    password_file = server.password_file.with_name("relay-password")
    try:
        with Relay(server.port) as relay:
            known = server.password_file.read_text()
            write_private(password_file, known.replace(f":{server.port}:", f":{relay.port}:"))
            through = ["--dburl", f"postgresql://{USER}@{HOST}:{relay.port}/{DATABASE}", *arguments]
            launch = Launch(through, None, None, TIMEOUT_S, environment={"PGPASSFILE": str(password_file)})
            finished = work.host.run(launch)
    finally:
        password_file.unlink(missing_ok=True)
    return read_report(arguments[0], finished, TIMEOUT_S), relay.conversations()


def _run(work: Workplace, arguments: Sequence[str]) -> Finished:
    return work.host.run(Launch(arguments, work.server, None, TIMEOUT_S))

"""Tables of what each driver sends, in Markdown and CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tabulate import tabulate

from bigdata.registry import WORKLOADS, Loader
from experiments.formatting import NOTHING, axis_value, whole
from experiments.report.builds import describe_libpq
from experiments.validation.same_sql.conversation import Traffic
from experiments.validation.same_sql.findings import Finding, Observation
from experiments.validation.same_sql.statements import (
    TRANSACTIONS,
    Amount,
    expected_log,
    expected_operations,
    own_texts,
    same_text,
)

HEADINGS = (
    "loader",
    "loop",
    "driver",
    "implementation",
    "protocol",
    "messages per INSERT",
    "bytes sent",
    "bytes received",
    "round trips",
    "own statements per connection",
    "start-up",
)
CSV_COLUMNS = """
loader loop driver implementation protocol checkout protocol_seen inserts messages_sent_per_insert
messages_received_per_insert bytes_sent_per_insert bytes_received_per_insert round_trips_per_insert usual_messages
own_statements_per_connection start_up start_up_bytes_sent start_up_round_trips versions unsupported differences
""".split()  # noqa: SIM905
ALIGNMENT = ("left",) * 6 + ("right",) * 4 + ("left",)
NOT_OF_THE_DRIVER = ("user", "database")
"""Start-up parameters that every client must send."""


def markdown_page(findings: Sequence[Finding], facts: Sequence[str], amount: Amount) -> str:
    """Return the page: comparison, table, the drivers' own statements, variants that could not run."""
    parts = [
        "# The same SQL, and what each driver sends for it",
        "\n".join(f"- {line}" for line in facts),
        "## The statement log\n\nThe statements of every loader below as PostgreSQL counted them, without values. "
        "Nothing else was sent but the driver's own statements (further down). One connection.",
        expected_table(amount),
        *(["Of the other workloads:", operations_table(amount)] if amount.workloads else []),
        "## On the wire\n\nMean per INSERT of a data element, in autocommit. A round trip is a wait of the client "
        "for the server. Start-up: the client's parameters besides user and database; the program asks for UTF-8 as "
        "`client_encoding`.",
        wire_table(findings, "pipe"),
        *_sections(findings),
    ]
    return "\n\n".join(parts) + "\n"


def expected_table(amount: Amount) -> str:
    """Return the expected log of both ways of committing."""
    calls = {name: {entry.text: entry for entry in expected_log(amount, name)} for name in TRANSACTIONS}
    rows = []
    for text, entry in calls[TRANSACTIONS[-1]].items():
        by_way = [NOTHING if text not in calls[name] else whole(calls[name][text].calls) for name in TRANSACTIONS]
        rows.append([f"`{text}`", *by_way, whole(entry.rows)])
    headings = ["statement", *(f"calls, {name}" for name in TRANSACTIONS), "rows"]
    return tabulate(
        rows, headings, tablefmt="pipe", disable_numparse=True, colalign=("left", "right", "right", "right")
    )


def operations_table(amount: Amount) -> str:
    """Return the expected logs of the workloads other than ``ingest``."""
    rows = [
        [name, f"`{entry.text}`", whole(entry.calls), whole(entry.rows)]
        for name, asked in amount.workloads.items()
        for entry in expected_operations(asked, WORKLOADS[name])
    ]
    headings = ["workload", "statement", "calls", "rows"]
    return tabulate(rows, headings, tablefmt="pipe", disable_numparse=True, colalign=("left", "left", "right", "right"))


def wire_table(findings: Iterable[Finding], form: str) -> str:
    """Return a table with a row for each variant that ran."""
    loading = (one for one in findings if not one.variant.pooled)
    rows = [_wire_row(one, one.observation) for one in loading if one.observation is not None]
    return tabulate(rows, HEADINGS, tablefmt=form, disable_numparse=True, colalign=ALIGNMENT if rows else None)


def csv_table(findings: Iterable[Finding]) -> str:
    """Return the table for programs, with a row for each variant that could not run."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_csv_row(finding) for finding in findings)
    return text.getvalue()


def unsupported_lines(findings: Iterable[Finding]) -> list[str]:
    """Return every reason why variants could not run, with their names."""
    names: dict[str, list[str]] = {}
    for one in findings:
        if one.unsupported is not None:
            names.setdefault(one.unsupported, []).append(one.variant.name)
    return [f"{reason} ({'; '.join(of_reason)})" for reason, of_reason in names.items()]


def difference_lines(findings: Iterable[Finding]) -> list[str]:
    """Return every difference with its variant."""
    return [f"{one.variant.name}: {difference}" for one in findings for difference in one.differences]


def _sections(findings: Sequence[Finding]) -> Iterator[str]:
    own = list(_own_statements(one.variant.loader for one in findings if one.observation is not None))
    yield "## The drivers' own statements"
    yield "\n".join(own) or "None."
    texts = list(_layers_texts(one.variant.loader for one in findings if one.observation is not None))
    if texts:
        yield "## The layers' own texts"
        yield "\n".join(texts)
    packages = _packages(findings)
    yield "## Versions"
    yield "\n".join(f"- {line}" for line in packages)
    unsupported = unsupported_lines(findings)
    if unsupported:
        yield "## Could not run here"
        yield "\n".join(f"- {line}" for line in unsupported)


def _own_statements(loaders: Iterable[Loader]) -> Iterator[str]:
    for loader in dict.fromkeys(loaders):
        for one in loader.driver_statements:
            times = f"{one.per_process} per process" if one.per_process else f"{one.per_connection} per connection"
            times = f"{one.per_operation} per operation" if one.per_operation else times
            yield f"- {loader.name}, {times}: `{same_text(one.text)}`; {one.why}"


def _layers_texts(loaders: Iterable[Loader]) -> Iterator[str]:
    for loader in dict.fromkeys(loaders):
        if loader.casts_parameters:
            yield f"- {loader.name}: every parameter has its type behind it, such as `$1::INTEGER`"
        for text in own_texts(loader).values():
            yield f"- {loader.name}: `{text}`"


def _packages(findings: Sequence[Finding]) -> list[str]:
    """Return the versions of each driver, each combination once."""
    lines: dict[str, None] = {}
    for one in findings:
        if one.client is not None:
            lines[f"{one.variant.loader.driver}: {versions(one.client)}"] = None
    return list(lines)


def versions(client: Mapping[str, object]) -> str:
    """Return the packages and the libpq of a report: 'aiopg 1.4.0, psycopg2 2.9.13, libpq 17.11'."""
    packages = client.get("packages")
    known = [f"{name} {version}" for name, version in packages.items()] if isinstance(packages, dict) else []
    libpq = client.get("libpq")
    if isinstance(libpq, int):
        known.append(f"libpq {describe_libpq(libpq)}")
    return ", ".join(known)


def _wire_row(finding: Finding, seen: Observation) -> list[str]:
    variant, inserts = finding.variant, seen.inserts
    return [
        variant.loader.name,
        axis_value(variant.loop),
        variant.loader.driver,
        axis_value(variant.implementation),
        inserts.protocol,
        " ".join(inserts.usual),
        f"{_each(inserts, inserts.sent_bytes):.1f}",
        f"{_each(inserts, inserts.received_bytes):.1f}",
        f"{_each(inserts, inserts.round_trips):.2f}",
        str(sum(entry.calls for entry in finding.of_driver)),
        _start_up(seen),
    ]


def _csv_row(finding: Finding) -> dict[str, object]:
    variant, seen = finding.variant, finding.observation
    return {
        "loader": variant.loader.name,
        "loop": variant.loop or "",
        "driver": variant.loader.driver,
        "implementation": variant.implementation or "",
        "protocol": variant.protocol,
        "checkout": variant.checkout,
        **({} if seen is None or variant.pooled else _seen_columns(finding, seen)),
        "versions": "" if finding.client is None else versions(finding.client),
        "unsupported": finding.unsupported or "",
        "differences": "; ".join(finding.differences),
    }


def _seen_columns(finding: Finding, seen: Observation) -> dict[str, object]:
    inserts = seen.inserts
    return {
        "protocol_seen": inserts.protocol,
        "inserts": inserts.executions,
        "messages_sent_per_insert": round(_each(inserts, inserts.sent.total()), 3),
        "messages_received_per_insert": round(_each(inserts, inserts.received.total()), 3),
        "bytes_sent_per_insert": round(_each(inserts, inserts.sent_bytes), 1),
        "bytes_received_per_insert": round(_each(inserts, inserts.received_bytes), 1),
        "round_trips_per_insert": round(_each(inserts, inserts.round_trips), 3),
        "usual_messages": " ".join(inserts.usual),
        "own_statements_per_connection": sum(entry.calls for entry in finding.of_driver),
        "start_up": _start_up(seen),
        "start_up_bytes_sent": seen.starting.sent_bytes,
        "start_up_round_trips": seen.starting.round_trips,
    }


def _each(traffic: Traffic, number: int) -> float:
    return number / traffic.executions if traffic.executions else 0.0


def _start_up(seen: Observation) -> str:
    """Return the client's start-up besides user and database: requests, parameters, a version other than 3.0."""
    parts = list(seen.requests)
    parts += [f"{name}={value}" for name, value in seen.parameters.items() if name not in NOT_OF_THE_DRIVER]
    parts += [] if seen.version == (3, 0) else [f"protocol {seen.version[0]}.{seen.version[1]}"]
    parts += [] if seen.farewell == ("Terminate",) else ["leaves without Terminate"]
    return ", ".join(parts) or NOTHING

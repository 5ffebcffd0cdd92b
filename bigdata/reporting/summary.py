"""Summary of a run for people."""

from __future__ import annotations

from collections import Counter
from typing import Any, Mapping, TextIO

from bigdata.choice import Choice
from bigdata.runtimes.job import Outcome


def print_summary(stream: TextIO, choice: Choice, outcome: Outcome, client: Mapping[str, Any]) -> None:
    """Print the choice, a line per phase, the spread over workers, and the records read ahead."""
    print(f"{choice.loader.name}{describe_choice(choice, client)}", file=stream)
    for phase, measured in outcome.measured.items():
        cpu_s = measured.usage.user_s + measured.usage.system_s
        rows = max(measured.rows, 1)
        print(
            f"  {phase:<5}{measured.rows:>11,} rows {measured.wall_s:>9.3f} s {measured.rows / measured.wall_s:>9,.0f} "
            f"rows/s {cpu_s * 1e6 / rows:>8.2f} us client CPU per row",
            file=stream,
        )
    if "check" in outcome.measured:
        number, data = max(outcome.records["data"], 1), outcome.measured["data"]
        cpu_s = data.usage.user_s + data.usage.system_s
        print(
            f"  {number:,} operations, {number / data.wall_s:,.0f} operations/s, {cpu_s * 1e6 / number:.2f} us client "
            "CPU per operation; a data record is one operation",
            file=stream,
        )
    if client["record_latency_s"]:
        print(f"  {describe_workers(client['rows_per_worker'], client['record_latency_s'])}", file=stream)
    streamed = f", {outcome.streamed:,} while it ran" if outcome.streamed else ""
    print(f"  {outcome.read_ahead:,} records were read and parsed before the clock started{streamed}", file=stream)


def describe_choice(choice: Choice, client: Mapping[str, Any]) -> str:
    """Return the text after a loader's name: loop, protocol, and peculiarities of driver and interpreter."""
    on = f" on {choice.loop}" if choice.loop else ""
    parts = [f"protocol {choice.protocol}"]
    if client["driver_implementation"]:
        parts.append(f"implementation {client['driver_implementation']}")
    if client["free_threaded"]:
        parts.append(f"free-threaded Python with its lock (GIL) {'on' if client['gil_enabled'] else 'off'}")
    if client["optimized_build"] is False:
        parts.append("Python built without optimizations")
    return f"{on}, {', '.join(parts)}"


def describe_workers(rows: Mapping[str, int], latency_s: Mapping[str, float]) -> str:
    """Return the spread of phase data's rows over the workers, and the latency of its records."""
    each = (
        f"{rows['smallest']:,}" if rows["smallest"] == rows["largest"] else "{smallest:,} to {largest:,}".format(**rows)
    )
    p50, p95, p99 = (f"{latency_s[name] * 1e3:,.1f}" for name in ("p50", "p95", "p99"))
    return f"{each} data rows per worker; a data record took {p50} ms (median), 95% at most {p95} ms, 99% {p99} ms"


def print_statements(stream: TextIO, statements: Counter[str]) -> None:
    """Print each distinct statement once, with its count."""
    for statement, count in statements.most_common():
        print(f"{count:>11,}  {' '.join(statement.split())}", file=stream)

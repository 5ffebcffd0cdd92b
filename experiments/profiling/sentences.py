"""Time of an explained cell in sentences: one for each instrument with a result."""

from collections.abc import Iterator, Mapping

from experiments.formatting import count, whole
from experiments.profiling.explanation import Calls, Explanation
from experiments.profiling.stacks import ENTRY_FILE, Frame, Share, find_shares, is_hub
from experiments.profiling.thread_time import ELSE, GIL, LOCK, READY, RUNNING, SERVER, ThreadTime
from experiments.records.record import Connections, Phase, Record
from experiments.validation.same_sql.statements import INSERT_ELEMENT, same_text

STATES = {
    RUNNING: "running",
    READY: "ready to run, waiting for a core",
    GIL: "waiting for the GIL",
    SERVER: "waiting for the server",
    LOCK: "waiting for another lock",
    ELSE: "asleep for another reason",
}

# With so many samples a share of a half is uncertain by a tenth.
_FEW_SAMPLES = 100
_LEAST_NAMED = 0.05
_NAMED = 3
_LEAST_STATE = 0.001


def describe_time(explanation: Explanation) -> Iterator[str]:
    """Yield the sentences, the most important first."""
    yield from _of_row(explanation.record)
    if not isinstance(explanation.statements, str):
        inserts = [use for use in explanation.statements if use.text == same_text(INSERT_ELEMENT)]
        for use in inserts:
            yield f"The server executed an INSERT in {use.mean_us:.1f} µs (mean of {use.calls:,})."
    if explanation.record.connections:
        yield _of_connections(explanation.record.connections)
    if not isinstance(explanation.threads, str):
        yield _of_workers(explanation.threads, explanation)
    if not isinstance(explanation.busy, str):
        yield _of_code(explanation)
    if not isinstance(explanation.calls, str):
        yield _of_calls(explanation.calls, explanation.record)
    if not isinstance(explanation.lag_s, str):
        lag = explanation.lag_s
        yield (
            f"The event loop got round to a callback within {milliseconds(lag['p50'])} in the median, "
            f"{milliseconds(lag['p95'])} in 95% of cases, and {milliseconds(lag['max'])} at the latest."
        )


def _of_row(record: Record) -> Iterator[str]:
    data: Phase | None = (record.phases or {}).get("data")
    if data is None or not data.units or record.rate is None:
        return
    wall, user, system = (value / data.units * 1e6 for value in (data.wall_s, data.user_s, data.system_s))
    yield (
        f"{whole(record.rate)} rows/s are one every {wall:.1f} µs. The client computed for {user + system:.1f} "
        f"of them, {user:.1f} in Python and its driver and {system:.1f} in the kernel on their behalf: it had a core "
        f"busy for {(user + system) / wall:.0%} of the time."
    )


def _of_connections(seen: Connections) -> str:
    """Describe the states of the connections at the server."""
    waits = sorted(seen.waits.items(), key=lambda item: -item[1])
    named = [f"{share(value)} {'on the CPU' if name == 'CPU' else name}" for name, value in waits[:_NAMED]]
    text = f"The server saw {share(seen.active)} of the connections at a statement"
    return f"{text}{f' ({_listed(named)})' if named else ''} and {share(seen.idle)} idle."


def _of_workers(time: ThreadTime, explanation: Explanation) -> str:
    who = "the one thread that does everything" if time.workers == 1 else f"each of the {time.workers} workers"
    parts = [
        f"{share(time.shares[state])} {text}"
        for state, text in STATES.items()
        if time.shares.get(state, 0.0) >= _LEAST_STATE
    ]
    waiting = time.shares.get(SERVER, 0.0)
    text = f"Of its time {who} spent {_listed(parts)}."
    if explanation.has_loop and waiting:
        text += " (Waiting for the server here means having nothing to do for any connection.)"
    return text


def _of_code(explanation: Explanation) -> str:
    assert not isinstance(explanation.busy, str)
    shares = [one for one in find_shares(explanation.busy) if one.own >= _LEAST_NAMED][:_NAMED]
    samples = sum(explanation.busy.values())
    named = [f"{one.own:.0%} in {describe_place(one, explanation)}" for one in shares]
    text = f"Of the time in which it ran, or was ready to, it spent {_listed(named)}."
    if samples < _FEW_SAMPLES:
        text += f" (From {count(samples, 'sample')} only; more records give more.)"
    return text


def describe_place(found: Share, explanation: Explanation) -> str:
    """Return the function, with its line in the loader's own code, or the compiled code that it stands for."""
    function = f"`{found.function.rpartition('<locals>.')[2]}`"
    line = describe_line(found, explanation)
    if line and not line.startswith("`"):
        return line
    return f"{function} at the line {line}" if line else f"{function} ({found.file})"


def describe_line(found: Share, explanation: Explanation) -> str:
    """Return the line of the loader's own code, or the compiled code that it stands for; '' for others' code."""
    if found.file == ENTRY_FILE or is_hub(Frame(found.function, found.file, found.line)):
        compiled = explanation.loop not in (None, "asyncio")
        return f"the compiled code of {explanation.loop} and what it calls" if compiled else ""
    line = explanation.source.get((found.file, found.line), "").replace("`", "")
    return f"`{line}`" if line else ""


def _of_calls(calls: Calls, record: Record) -> str:
    most = sorted(calls.by_name.items(), key=lambda item: -item[1])[:4]
    named = _listed([f"{number:.2f} {name}" for name, number in most if number >= 0.01])
    switches = context_switches(record)
    more = f" and {sum(switches.values()):.2f} context switches" if switches else ""
    return f"The client made {calls.per_row:.1f} system calls per row ({named}){more}."


def context_switches(record: Record) -> Mapping[str, float] | None:
    """Return context switches per row or operation: 'voluntary' (the thread went to sleep) and 'involuntary'."""
    client, data = record.client, (record.phases or {}).get("data")
    if client is None or data is None or client.voluntary_switches is None or client.involuntary_switches is None:
        return None
    switches = {"voluntary": client.voluntary_switches, "involuntary": client.involuntary_switches}
    return {name: number / data.units for name, number in switches.items()} if data.units else None


def milliseconds(seconds: float) -> str:
    """Format a duration: '0.25 ms', '12 ms'."""
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.01 else f"{seconds * 1e3:.0f} ms"


def share(value: float) -> str:
    """Format a share in percent, with a decimal near either end: '64%', '2.4%', '99.7%'."""
    return f"{value:.0%}" if 0.1 <= value <= 0.9 or value in (0.0, 1.0) else f"{value:.1%}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

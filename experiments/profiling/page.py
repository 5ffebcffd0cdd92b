"""Page of an explained cell: its time in sentences, tables and pictures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tabulate import tabulate

from experiments.formatting import count, in_units, shortened, unit_of, whole
from experiments.profiling.explanation import Calls, Explanation, StatementUse
from experiments.profiling.flame_graph import draw_flame_graph
from experiments.profiling.sentences import STATES, context_switches, describe_line, describe_time, milliseconds, share
from experiments.profiling.stacks import KINDS, Share, Stacks, find_kinds, find_shares
from experiments.profiling.thread_time import ThreadTime
from experiments.records.record import Cell

HEAD = """\
One cell, run again with instruments, outside the campaign's timed blocks, each instrument in a run of its own.
They slow the loader down: this page explains the cell, and the tables compare it with others.
"""
OF_CODE = """\
Where threads were while they ran or were ready to, in {samples} that py-spy took of the hot loops. It sees Python's
frames: what a compiled module does counts for the line that calls it, so that psycopg2 with its libpq is in the line of
the hot loop that executes a statement, and asyncpg's protocol, which asyncio calls, in the event loop. **Self** is what
a function did itself, **total** that with all that it called.
"""
OF_GIL = "**Holding the GIL** is the same of the moments in which a thread held the lock ({samples})."
OF_THREADS = """\
Of phase data. How long threads ran and waited for a core is the kernel's own account. What they slept for is from
{samples} samples of the system call of each; a thread that waits for the GIL is known by the address it sleeps at.
"""
OF_STATEMENTS = """\
From `pg_stat_statements`: how long the server executed each statement of the workload in both phases, without parsing,
the commit that follows, and the way to the client.
"""
OF_CALLS = """\
Counted by {tool}, as the difference of two loads, one with a tenth of the records: without starting up and connecting.
"""
OF_STRACE = "strace makes threads run one after the other, which adds calls of `futex`.\n"

_TOP = 12
_SHOWN_STATEMENT = 90


def pictures_of(explanation: Explanation) -> dict[str, str]:
    """Return the flame graphs by file name."""
    drawn = {}
    for name, stacks in (("busy", explanation.busy), ("gil", explanation.gil)):
        if not isinstance(stacks, str):
            title = f"{explanation.label}: {'running' if name == 'busy' else 'holding the GIL'}"
            drawn[f"{name}.svg"] = draw_flame_graph(stacks, explanation.modules, title, has_loop=explanation.has_loop)
    return drawn


def explanation_page(explanation: Explanation, folder: str, files: Iterable[str]) -> str:
    """Return the page in Markdown. ``files`` are those published of the cell, in ``folder`` beside the page."""
    there = set(files)
    sentences = "\n".join(f"- {sentence}" for sentence in describe_time(explanation))
    sections = [
        ("Where the time went", sentences + "\n"),
        ("Whose code", _code_section(explanation, folder, there)),
        ("What the workers did", _thread_section(explanation.threads)),
        ("What the server did", _statement_section(explanation)),
        ("System calls and context switches", _call_section(explanation)),
    ]
    if explanation.runtime == "tasks":
        sections.append(("The event loop", _loop_section(explanation.lag_s)))
    sections.append(("What the instruments cost", _cost_section(explanation)))
    body = "\n".join(f"## {title}\n\n{text}" for title, text in sections)
    page = f"# Why: {explanation.label}\n\n{HEAD}\nMade by `nox -s explain` at {explanation.made_at}.\n\n{body}"
    return in_units(page, unit_of([explanation.record.cell.workload]))


def _code_section(explanation: Explanation, folder: str, there: set[str]) -> str:
    busy, gil = explanation.busy, explanation.gil
    if isinstance(busy, str):
        return f"Not known: {busy}.\n"
    parts = [OF_CODE.format(samples=count(sum(busy.values()), "sample"))]
    parts.append(
        f"Holding the GIL: not known: {gil}.\n"
        if isinstance(gil, str)
        else OF_GIL.format(samples=count(sum(gil.values()), "sample")) + "\n"
    )
    known = {"running": busy} if isinstance(gil, str) else {"running": busy, "holding the GIL": gil}
    parts += [_kind_table(known, explanation), _frame_table(find_shares(busy)[:_TOP], explanation)]
    parts += list(_pictures(folder, there))
    return "\n".join(parts)


def _kind_table(known: Mapping[str, Stacks], explanation: Explanation) -> str:
    kinds = {
        name: find_kinds(stacks, explanation.modules, has_loop=explanation.has_loop) for name, stacks in known.items()
    }
    rows = [
        [kind, *(share(found.get(kind, 0.0)) for found in kinds.values())]
        for kind in KINDS
        if any(kind in found for found in kinds.values())
    ]
    return _table(rows, ["whose code", *known])


def _frame_table(shares: Sequence[Share], explanation: Explanation) -> str:
    rows = []
    for one in shares:
        place = f"{one.file}:{one.line}" if one.line else one.file
        function = f"`{one.function.rpartition('<locals>.')[2]}`"
        rows.append([function, place, share(one.own), share(one.total), describe_line(one, explanation)])
    return _table(rows, ["function", "at", "self", "total", "line"], right=(2, 3))


def _pictures(folder: str, there: set[str]) -> Iterator[str]:
    for name, text in (("busy", "running"), ("gil", "holding the GIL")):
        speedscope = f"{name}.speedscope.json"
        if f"{name}.svg" in there:
            yield f"![Flame graph of the hot loops, {text}]({folder}/{name}.svg)\n"
        if speedscope in there:
            yield (
                f"The same to click through, {text}: [{speedscope}]({folder}/{speedscope}), at "
                "[speedscope.app](https://www.speedscope.app) (Left Heavy).\n"
            )


def _thread_section(threads: ThreadTime | str) -> str:
    if isinstance(threads, str):
        return f"Not known: {threads}.\n"
    rows = [[STATES[state], share(value)] for state, value in threads.shares.items()]
    who = "one thread" if threads.workers == 1 else f"{threads.workers} workers"
    return f"{OF_THREADS.format(samples=threads.samples)}\n{_table(rows, [f'time of {who}', 'share'])}"


def _statement_section(explanation: Explanation) -> str:
    statements = explanation.statements
    if isinstance(statements, str):
        return f"Not known: {statements}.\n"
    rows = [
        [f"`{shortened(use.text, _SHOWN_STATEMENT)}`", f"{use.calls:,}", f"{use.mean_us:.1f}"]
        for use in _of_workload(statements, explanation.record.cell)
    ]
    return f"{OF_STATEMENTS}\n{_table(rows, ['statement', 'calls', 'mean µs'])}"


def _of_workload(statements: Sequence[StatementUse], cell: Cell) -> Iterator[StatementUse]:
    """Yield the loader's statements, without the harness's own transactions if the loader begins none."""
    for use in statements:
        if cell.transaction == "per_record" or use.text not in ("BEGIN", "COMMIT"):
            yield use


def _call_section(explanation: Explanation) -> str:
    calls, switches = explanation.calls, context_switches(explanation.record)
    rows = _call_rows(calls) if not isinstance(calls, str) else []
    text = f"System calls are not known: {calls}.\n" if isinstance(calls, str) else OF_CALLS.format(tool=calls.tool)
    if not isinstance(calls, str) and calls.tool == "strace":
        text += OF_STRACE
    if switches is not None:
        rows += [[f"context switches, {name}", f"{value:.2f}"] for name, value in switches.items()]
    return f"{text}\n{_table(rows, ['what', 'per row'])}" if rows else text


def _call_rows(calls: Calls) -> list[list[str]]:
    named = sorted(calls.by_name.items(), key=lambda item: -item[1])
    rest = calls.per_row - sum(calls.by_name.values())
    rows = [["system calls", f"{calls.per_row:.2f}"], *([f"… {name}", f"{number:.2f}"] for name, number in named)]
    return rows + ([["… others", f"{rest:.2f}"]] if rest >= 0.005 else [])


def _loop_section(lag: Mapping[str, float] | str) -> str:
    if isinstance(lag, str):
        return f"Not known: {lag}.\n"
    rows = [[name, milliseconds(lag[name])] for name in ("p50", "p95", "max")]
    text = (
        "A thread asked the loop every 10 ms to call it back at once, and this is how late the callbacks were "
        f"({count(int(lag['count']), 'callback')} in phase data). Answers of the server wait as long.\n"
    )
    return f"{text}\n{_table(rows, ['lag', 'time'])}"


def _cost_section(explanation: Explanation) -> str:
    plain = explanation.record.rate
    rows = [["none (`pg_stat_statements`)", whole(plain or 0.0), ""]]
    for name, rate in explanation.rows_per_s.items():
        rows.append([name, whole(rate), f"{rate / plain - 1:+.0%}" if plain else ""])
    return _table(rows, ["with", "rows/s", "change"])


def _table(rows: Sequence[Sequence[str]], headings: Sequence[str], right: Sequence[int] = ()) -> str:
    numeric = right or range(1, len(headings))
    align = ["right" if index in numeric else "left" for index in range(len(headings))]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return tabulate(escaped, headings, "pipe", colalign=align, disable_numparse=True) + "\n"

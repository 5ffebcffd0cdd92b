"""Progress of a campaign: a bar on a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column

from experiments.formatting import duration, unit_of
from experiments.matrix.cell import Cell
from experiments.matrix.plan import PlannedRun
from experiments.records.record import Record

BAR_WIDTH = 12
COUNT_WIDTH = len("1000/1000")


class TimeLeft:
    """Estimate of the time left: the mean of each cell's runs so far, or of all runs for a cell that had none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._left: Counter[Cell] = Counter()
        self._taken_s: dict[Cell, float] = {}
        self._runs: Counter[Cell] = Counter()

    def expect(self, runs: Sequence[PlannedRun]) -> None:
        """Set the runs that are left."""
        self._since = self._clock()
        self._left = Counter(run.cell for run in runs)

    def start(self) -> None:
        """Note that a run begins: what was waited for before it is no part of it."""
        self._since = self._clock()

    def add(self, runs: Sequence[PlannedRun]) -> None:
        """Add runs to those that are left."""
        self._left.update(run.cell for run in runs)

    def count(self, cell: Cell) -> None:
        """Count a run of the cell that has ended."""
        now = self._clock()
        self._taken_s[cell] = self._taken_s.get(cell, 0.0) + now - self._since
        self._runs[cell] += 1
        self._since = now
        self._left[cell] -= 1

    def __str__(self) -> str:
        if not self._taken_s:
            return "time left not known yet"
        usual_s = sum(self._taken_s.values()) / self._runs.total()
        each_s = {cell: taken_s / self._runs[cell] for cell, taken_s in self._taken_s.items()}
        left_s = sum(each_s.get(cell, usual_s) * runs for cell, runs in self._left.items())
        return f"{duration(left_s)} left"


class PlainLines:
    """One line per run, for logs and pipes."""

    def __init__(self, write: Callable[[str], None] = print, clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._planned = self._number = 0
        self._left = TimeLeft(clock)
        self._label = self._budget = ""

    def __enter__(self) -> "PlainLines":
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def tell(self, text: str) -> None:
        """Show one line that stays."""
        self._write(text)

    def begin(self, left: Sequence[PlannedRun], done: int) -> None:
        """Show that the runs left begin, after those done; called again when blocks are added."""
        self._planned, self._number = done + len(left), done
        self._left.expect(left)

    def repeat(self, runs: Sequence[PlannedRun]) -> None:
        """Count these runs once more."""
        self._planned += len(runs)
        self._left.add(runs)

    def begin_run(self, run: PlannedRun, block: str, budget: str = "") -> None:
        """Remember the run, its block ('block 2/10') and the rest of the budget for the line of its result."""
        self._left.start()
        self._label = f"{block}: {describe_run(run)}"
        self._budget = f", {budget}" if budget else ""

    def end_run(self, record: Record, label: str | None = None) -> None:
        """Write the line of the run, with this ``label`` or that of the run that was begun."""
        self._number += 1
        self._left.count(record.cell)
        self._write(
            f"[{self._number}/{self._planned}] {label or self._label}: {describe_result(record)}; "
            f"{self._left}{self._budget}"
        )


class Bar:
    """A bar with the present cell and the last result, drawn only between runs so that it costs them nothing."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        # On a narrow terminal only the text is cut.
        columns = (
            BarColumn(bar_width=BAR_WIDTH, table_column=Column(min_width=BAR_WIDTH)),
            MofNCompleteColumn(table_column=Column(min_width=COUNT_WIDTH)),
            TextColumn("{task.fields[now]}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
        )
        self._progress = Progress(*columns, console=console, auto_refresh=False, expand=True)
        self._task = self._progress.add_task("", total=None, visible=False, now="")
        self._left = TimeLeft(clock)
        self._last = ""

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def tell(self, text: str) -> None:
        """Show one line that stays, above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin(self, left: Sequence[PlannedRun], done: int) -> None:
        """Draw the bar, or make it longer."""
        self._left.expect(left)
        self._progress.update(self._task, total=done + len(left), completed=done, visible=True, now="")

    def repeat(self, runs: Sequence[PlannedRun]) -> None:
        """Make the bar longer by these runs."""
        self._left.add(runs)
        self._progress.update(self._task, total=(self._progress.tasks[0].total or 0) + len(runs))

    def begin_run(self, run: PlannedRun, block: str, budget: str = "") -> None:
        """Show block, time left, the present cell and the last result."""
        self._left.start()
        now = f"{block}, {self._left} | {describe_run(run)}{self._last}" + (f" | {budget}" if budget else "")
        self._progress.update(self._task, now=now, refresh=True)

    def end_run(self, record: Record, label: str | None = None) -> None:
        """Move the bar on; a run that is not ok leaves a line."""
        self._left.count(record.cell)
        self._last = f" | last: {f'{label}: ' if label else ''}{describe_result(record)}"
        if record.status != "ok":
            self.tell(f"{record.status}: {record.cell.loader}, block {record.block}: {record.reason}")
        self._progress.update(self._task, advance=1, now=f"{self._left}{self._last}", refresh=True)


Reporter = PlainLines | Bar


def choose_reporter(console: Console) -> Reporter:
    """Return a bar on a terminal, plain lines elsewhere."""
    return Bar(console) if console.is_terminal else PlainLines(lambda line: print(line, flush=True))


def describe_run(run: PlannedRun) -> str:
    """Return the cell's label, marked if it is the baseline's second arm, or a repetition."""
    return run.cell.label() + " (baseline again)" * (run.arm == "b") + " (repeated)" * (run.repeat > 0)


def describe_result(record: Record) -> str:
    """Return the result of a run in a few words."""
    if record.status == "ok" and record.rate is not None:
        return f"{record.rate:,.0f} {unit_of([record.cell.workload])}s/s"
    return f"{record.status}: {record.reason}"

"""Loaders compared with minimal scripts by counted instructions, and reading with a bare loop by pairs of CPU times."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bigdata.registry import LOADERS, LOOP_PACKAGES, Loader
from experiments.analysis.stats import Estimate, estimate_median, estimate_ratio
from experiments.campaign.prepared_cell import PreparedCell
from experiments.engines.loader_report import RunFailed, read_report
from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.profilers import LocalInstruments
from experiments.engines.protocol import Launch
from experiments.errors import Failure, Unsupported
from experiments.matrix.cell import Cell
from experiments.matrix.spec import AxisLists, DataSet, Defaults, Experiment, Matrix, PostgresConfiguration, Resources
from experiments.profiling.counters import SAME_HASHES, Instructions, count_instructions
from experiments.profiling.runs import InstrumentedRuns
from experiments.records.facts import Placement

SCRIPTS = Path(__file__).parent
TIMEOUT_S = 120.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Counted:
    """Instructions of a row or operation, of a loader and of its minimal script."""

    cell: Cell
    ours: Instructions
    other: Instructions

    @property
    def ratio(self) -> float:
        """Return the loader's instructions relative to the script's."""
        return self.ours.each / self.other.each

    @property
    def noise(self) -> float:
        """Return by how much of it the ratio may be off."""
        return self.ours.noise + self.other.noise


@dataclass(frozen=True)
class Skipped:
    """A cell that cannot be compared, with the reason."""

    cell: Cell
    reason: str


def name_of(cell: Cell) -> str:
    """Return what distinguishes it here: loader, loop and workload."""
    return " ".join(part for part in (cell.loader, cell.loop, cell.workload) if part)


@dataclass(frozen=True)
class Comparison:
    """Two medians in the same unit, and the paired ratio of ours to the other."""

    name: str
    ours: Estimate
    other: Estimate
    ratio: Estimate


def minimal_script(loader: Loader) -> Path | None:
    """Return the script with the minimal loads of the loader's driver; None without one."""
    script = SCRIPTS / f"minimal_{loader.driver}.py"
    return script if script.is_file() else None


def bench_matrix(loaders: Sequence[Loader], workloads: Sequence[str], python: str) -> Matrix:
    """Return a matrix of these loaders with all loops and workloads, on the local engine.

    Each has one connection: with several, how many answers a loop finds at once is a matter of time, and costs more or
    less than what is compared.
    """
    names = tuple(loader.name for loader in loaders)
    lists: AxisLists = {"loader": names, "loop": ("asyncio", *LOOP_PACKAGES), "workload": tuple(workloads)}
    return Matrix(
        version=1,
        repeats=1,
        seed=2014,
        timeout_s=TIMEOUT_S,
        data={"ny": DataSet("synthetic", state="NY", records=100)},
        postgres={"default": PostgresConfiguration("17", "disk")},
        resources={"split": Resources(loader_cpuset="0", server_cpuset="rest")},
        defaults=Defaults(names[0], 1, "default", "ny", "split", engine="local", python=python),
        experiments={"bench": Experiment("Does a hot loop cost more than it must?", lists)},
    )


def compare_loaders(cells: Mapping[Cell, PreparedCell | str], tell: Tell) -> Iterator[Counted | Skipped]:
    """Count the instructions of each loader and of its minimal script."""
    for number, (cell, ready) in enumerate(cells.items(), 1):
        tell(f"counting {name_of(cell)} ({number} of {len(cells)})")
        found = _compare_or_reason(cell, ready)
        tell(f"{found.ratio:.3f} times its script" if isinstance(found, Counted) else found.reason)
        yield found


def _compare_or_reason(cell: Cell, ready: PreparedCell | str) -> Counted | Skipped:
    try:
        return Skipped(cell, ready) if isinstance(ready, str) else _compare(ready)
    except RunFailed as failure:
        return Skipped(cell, failure.reason)
    except (Failure, Unsupported, ValueError) as reason:
        return Skipped(cell, str(reason))


def _compare(ready: PreparedCell) -> Counted:
    script = minimal_script(LOADERS[ready.cell.loader])
    assert script is not None, "chosen by the caller"
    assert isinstance(ready.host, LocalLoaderHost), "of the local engine"
    runs = InstrumentedRuns(ready, LocalInstruments(ready.host), SAME_HASHES, only_data=True)
    ours = count_instructions(runs)
    other = count_instructions(replace(runs, instruments=LocalInstruments(ready.host.of_script(script))))
    return Counted(ready.cell, ours, other)


def compare_reading(
    host: LocalLoaderHost, placement: Placement, directory: Path, passes: int, tell: Tell
) -> Iterator[Comparison]:
    """Compare CPU (ms) of reading a state's segment 01, checked and parsed, with a bare loop over its lines."""
    bare, lines, records = {}, {}, {}
    script = host.of_script(SCRIPTS / "reading.py")
    for number in range(passes):
        tell(f"reading, {number + 1} of {passes}")
        finished = script.run(Launch(["--directory", str(directory)], None, placement, TIMEOUT_S))
        times = read_report("reading.py", finished, TIMEOUT_S)
        bare[number], lines[number], records[number] = (times[key] * 1e3 for key in ("bare_s", "lines_s", "records_s"))
    yield _comparison("checked lines", lines, bare)
    yield _comparison("parsed records", records, bare)


def _comparison(name: str, ours: Mapping[int, float], other: Mapping[int, float]) -> Comparison:
    ratio = estimate_ratio(ours, other)
    assert ratio is not None
    return Comparison(name, estimate_median(list(ours.values())), estimate_median(list(other.values())), ratio)

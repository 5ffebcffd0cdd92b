"""The comparisons: pairs of runs, taken in turn on the same cores, and the ratio within each pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bigdata.registry import Loader
from experiments.analysis.stats import Estimate, estimate_median, estimate_ratio
from experiments.campaign.datasets import ReadyData
from experiments.engines.loader_report import read_report, read_trial
from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.server import LocalServer
from experiments.engines.protocol import Finished, Launch
from experiments.environment.affinity import Placement

SCRIPTS = Path(__file__).parent
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Bench:
    """Where everything runs, and how often: ``pairs`` of runs for each comparison."""

    host: LocalLoaderHost
    server: LocalServer
    placement: Placement
    data: ReadyData
    records: int
    poolsize: int
    pairs: int


@dataclass(frozen=True)
class Comparison:
    """Two medians in the same unit, and the ratio of ours to the other's, paired."""

    name: str
    ours: Estimate
    other: Estimate
    ratio: Estimate


@dataclass(frozen=True)
class Skipped:
    """A loader that cannot run on this Python, and why."""

    name: str
    reason: str


def compare_loaders(
    bench: Bench, loaders: Iterable[Loader], tell: Callable[[str], None]
) -> Iterator[Comparison | Skipped]:
    """Client CPU per row (us) of each of the loaders, on every loop, beside its minimal script."""
    for loader in loaders:
        for loop in loader.loops or (None,):
            name = f"{loader.name} {loop or ''}".strip()
            chosen = [] if loop is None else ["--loop", loop]
            reason = read_trial(_run(bench, ["check", loader.name, *chosen]), TIMEOUT_S)
            if reason is None:
                yield _compare_loader(bench, loader, chosen, name, tell)
            else:
                yield Skipped(name, reason)


def compare_reading(bench: Bench, directory: Path, tell: Callable[[str], None]) -> Iterator[Comparison]:
    """CPU (ms) of reading a state's segment 01, checked and parsed, beside the bare loop over its lines."""
    bare, lines, records = {}, {}, {}
    for pair in range(bench.pairs):
        tell(f"reading, {pair + 1} of {bench.pairs}")
        times = _script(bench, "reading.py", ["--directory", str(directory)], None)
        bare[pair], lines[pair], records[pair] = (times[key] * 1e3 for key in ("bare_s", "lines_s", "records_s"))
    yield _comparison("checked lines", lines, bare)
    yield _comparison("parsed records", records, bare)


def minimal_script(loader: Loader) -> Path:
    """The script that the loader is held against."""
    return SCRIPTS / f"minimal_{loader.name}.py"


def _compare_loader(
    bench: Bench, loader: Loader, chosen: Sequence[str], name: str, tell: Callable[[str], None]
) -> Comparison:
    choice = ["--poolsize", str(bench.poolsize if loader.concurrent else 1), *chosen]
    part = ["--directory", str(bench.data.directory), "--records", str(bench.records)]
    ours, other = {}, {}
    for pair in range(bench.pairs):
        tell(f"{name}, pair {pair + 1} of {bench.pairs}")
        _loader(bench, ["clear"])
        report = _loader(bench, ["run", loader.name, *part, *choice, "--prepared"])
        ours[pair] = _cpu_us_per_row(report["phases"]["data"])
        # The script empties data_element itself, and finds the geo records that the loader has left.
        other[pair] = _cpu_us_per_row(_script(bench, minimal_script(loader).name, [*part, *choice], bench.server))
    return _comparison(name, ours, other)


def _comparison(name: str, ours: Mapping[int, float], other: Mapping[int, float]) -> Comparison:
    ratio = estimate_ratio(ours, other)
    assert ratio is not None
    return Comparison(name, estimate_median(list(ours.values())), estimate_median(list(other.values())), ratio)


def _cpu_us_per_row(phase: Mapping[str, Any]) -> float:
    return float((phase["user_s"] + phase["system_s"]) / phase["rows"] * 1e6)


def _loader(bench: Bench, arguments: list[str]) -> Mapping[str, Any]:
    return read_report(arguments[0], _run(bench, arguments), TIMEOUT_S)


def _run(bench: Bench, arguments: list[str]) -> Finished:
    return bench.host.run(Launch([*arguments, "--report", "-"], bench.server, bench.placement, TIMEOUT_S))


def _script(bench: Bench, name: str, arguments: list[str], server: LocalServer | None) -> Mapping[str, Any]:
    finished = bench.host.run_script(SCRIPTS / name, Launch(arguments, server, bench.placement, TIMEOUT_S))
    return read_report(name, finished, TIMEOUT_S)

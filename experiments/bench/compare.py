"""The comparisons: pairs of runs, taken in turn on the same cores, and the ratio within each pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bigdata.registry import LOADERS, Loader
from experiments.affinity import Placement
from experiments.datasets import ReadyData
from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.server import LocalServer
from experiments.judge import read_report
from experiments.stats import Estimate, estimate_median, estimate_ratio

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


def compare_loaders(bench: Bench, tell: Callable[[str], None]) -> Iterator[Comparison]:
    """Client CPU per row (us) of every loader, on every loop, beside the minimal script of its driver."""
    for loader in LOADERS.values():
        for loop in loader.loops or (None,):
            name = f"{loader.name} {loop or ''}".strip()
            yield _compare_loader(bench, loader, loop, name, tell)


def compare_reading(bench: Bench, directory: Path, tell: Callable[[str], None]) -> Iterator[Comparison]:
    """CPU (ms) of reading a state's segment 01, checked and parsed, beside the bare loop over its lines."""
    bare, lines, records = {}, {}, {}
    for pair in range(bench.pairs):
        tell(f"reading, {pair + 1} of {bench.pairs}")
        times = _script(bench, "reading.py", ["--directory", str(directory)], None)
        bare[pair], lines[pair], records[pair] = (times[key] * 1e3 for key in ("bare_s", "lines_s", "records_s"))
    yield _comparison("checked lines", lines, bare)
    yield _comparison("parsed records", records, bare)


def _compare_loader(
    bench: Bench, loader: Loader, loop: str | None, name: str, tell: Callable[[str], None]
) -> Comparison:
    choice = ["--poolsize", str(bench.poolsize), *([] if loop is None else ["--loop", loop])]
    part = ["--directory", str(bench.data.directory), "--records", str(bench.records)]
    ours, other = {}, {}
    for pair in range(bench.pairs):
        tell(f"{name}, pair {pair + 1} of {bench.pairs}")
        _loader(bench, ["clear"])
        report = _loader(bench, ["run", loader.name, *part, *choice, "--prepared"])
        ours[pair] = _cpu_us_per_row(report["phases"]["data"])
        # The script empties data_element itself, and finds the geo records that the loader has left.
        other[pair] = _cpu_us_per_row(_script(bench, f"minimal_{loader.driver}.py", [*part, *choice], bench.server))
    return _comparison(name, ours, other)


def _comparison(name: str, ours: Mapping[int, float], other: Mapping[int, float]) -> Comparison:
    ratio = estimate_ratio(ours, other)
    assert ratio is not None
    return Comparison(name, estimate_median(list(ours.values())), estimate_median(list(other.values())), ratio)


def _cpu_us_per_row(phase: Mapping[str, Any]) -> float:
    return float((phase["user_s"] + phase["system_s"]) / phase["rows"] * 1e6)


def _loader(bench: Bench, arguments: list[str]) -> Mapping[str, Any]:
    finished = bench.host.run(
        [*arguments, "--report", "-"], server=bench.server, placement=bench.placement, timeout_s=TIMEOUT_S
    )
    return read_report(arguments[0], finished, TIMEOUT_S)


def _script(bench: Bench, name: str, arguments: list[str], server: LocalServer | None) -> Mapping[str, Any]:
    finished = bench.host.run_script(
        SCRIPTS / name, arguments, server=server, placement=bench.placement, timeout_s=TIMEOUT_S
    )
    return read_report(name, finished, TIMEOUT_S)

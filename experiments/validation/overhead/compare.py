"""Comparisons by pairs of runs: both on the same cores, one after the other, with the ratio within each pair."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bigdata.registry import Loader
from experiments.analysis.stats import Estimate, estimate_median, estimate_ratio
from experiments.campaign.datasets import PreparedData
from experiments.engines.loader_report import read_report, read_trial
from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.server import LocalServer
from experiments.engines.protocol import Finished, Launch
from experiments.records.facts import Placement

SCRIPTS = Path(__file__).parent
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Bench:
    """Surroundings of all runs, and how many ``pairs`` of them each comparison takes."""

    host: LocalLoaderHost
    server: LocalServer
    placement: Placement
    data: PreparedData
    records: int
    poolsize: int
    pairs: int


@dataclass(frozen=True)
class Comparison:
    """Two medians in the same unit, and the paired ratio of ours to the other."""

    name: str
    ours: Estimate
    other: Estimate
    ratio: Estimate


@dataclass(frozen=True)
class Skipped:
    """A loader that cannot run on this Python, with the reason."""

    name: str
    reason: str


def compare_loaders(
    bench: Bench, loaders: Iterable[Loader], show_progress: Callable[[str], None]
) -> Iterator[Comparison | Skipped]:
    """Compare client CPU per row (us) of each loader, on each of its loops, with its minimal script."""
    for loader in loaders:
        if loader.layer_over is not None:
            yield Skipped(loader.name, f"it is a layer over {loader.layer_over}, which an experiment compares it with")
            continue
        for loop in loader.loops or (None,):
            name = f"{loader.name} {loop or ''}".strip()
            chosen = [] if loop is None else ["--loop", loop]
            reason = read_trial(_run(bench, ["check", loader.name, *chosen]), TIMEOUT_S)
            if reason is None:
                yield _compare_loader(bench, loader, chosen, name, show_progress)
            else:
                yield Skipped(name, reason)


def compare_reading(bench: Bench, directory: Path, show_progress: Callable[[str], None]) -> Iterator[Comparison]:
    """Compare CPU (ms) of reading a state's segment 01, checked and parsed, with a bare loop over its lines."""
    bare, lines, records = {}, {}, {}
    for pair in range(bench.pairs):
        show_progress(f"reading, {pair + 1} of {bench.pairs}")
        times = _script(bench, "reading.py", ["--directory", str(directory)], None)
        bare[pair], lines[pair], records[pair] = (times[key] * 1e3 for key in ("bare_s", "lines_s", "records_s"))
    yield _comparison("checked lines", lines, bare)
    yield _comparison("parsed records", records, bare)


def minimal_script(loader: Loader) -> Path:
    """Return the script with the minimal loads of the loader's driver."""
    return SCRIPTS / f"minimal_{loader.driver}.py"


def _compare_loader(
    bench: Bench, loader: Loader, chosen: Sequence[str], name: str, show_progress: Callable[[str], None]
) -> Comparison:
    choice = ["--poolsize", str(bench.poolsize if loader.concurrent else 1), *chosen]
    part = ["--directory", str(bench.data.directory), "--records", str(bench.records)]
    script = minimal_script(loader).name
    ours, other = {}, {}
    for pair in range(bench.pairs):
        show_progress(f"{name}, pair {pair + 1} of {bench.pairs}")
        _loader(bench, ["clear"])
        report = _loader(bench, ["run", loader.name, *part, *choice, "--prepared"])
        ours[pair] = _cpu_us_per_row(report["phases"]["data"])
        # The script empties data_element itself and uses the geo records that the loader has left.
        other[pair] = _cpu_us_per_row(_script(bench, script, [loader.name, *part, *choice], bench.server))
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

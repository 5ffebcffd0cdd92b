"""Data sets as folders of files, made and digested by the loader's command line; every load must match the digest."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bigdata.registry import USUAL_POOLSIZE, TypedInserts
from experiments.environment.cache import cache_folder, turn_at
from experiments.environment.hashes import PROJECT
from experiments.errors import BadInput, Failure
from experiments.matrix.cell import Cell, canonical_json
from experiments.matrix.spec import DataSet
from experiments.matrix.values import ALL
from experiments.records.facts import DataFacts

Program = Callable[[Sequence[str]], str]
"""Runs ``python -m bigdata.cmd`` with these arguments and returns its standard output."""

_BAD_INPUT = 2


@dataclass(frozen=True)
class AskedOperations:
    """What the operations of a workload come to: as ``digest`` reports it."""

    operations: int
    checked: int
    rows: int
    answers: str | None
    digest: str


@dataclass(frozen=True)
class PreparedData:
    """Files of a data set; ``arguments`` choose the part of the local ``directory`` that is loaded."""

    directory: Path
    arguments: tuple[str, ...]
    digest: str
    geo_records: int
    data_records: int
    rows: int
    inserts: TypedInserts = field(default_factory=TypedInserts)
    workloads: Mapping[str, AskedOperations] = field(default_factory=dict)
    """By name, those other than ``ingest``."""
    open_loops: Mapping[str, AskedOperations] = field(default_factory=dict)
    """The same of open loops."""

    def operations_of(self, cell: Cell) -> AskedOperations | None:
        """Return what the cell's operations come to; None of the workload ``ingest``."""
        return (self.open_loops if cell.is_open else self.workloads).get(cell.workload)

    def facts(self) -> DataFacts:
        """Return what identifies it, for the campaign's description: no path."""
        return DataFacts(self.digest, self.geo_records, self.data_records, self.rows)


def provide(
    data: DataSet, poolsize: int = USUAL_POOLSIZE, *, cache: Path, source: str, program: Program | None = None
) -> PreparedData:
    """Make and digest the files, and a pool's operations, for this ``source`` hash.

    ``data.records`` is a number or all. Raises BadInput for unusable files, or Failure.
    """
    run = program or run_program
    directory = _directory(data, cache, source, run)
    arguments = ["--segments", ",".join(data.segments)]
    if data.records != ALL:
        arguments += ["--records", str(data.records)]
    digest = ["digest", "--directory", str(directory), *arguments, "--poolsize", str(poolsize), "--report", "-"]
    report = json.loads(run(digest).splitlines()[-1])
    if not report["rows"]:
        raise BadInput(f"{directory} holds no data records of segments {', '.join(data.segments)}")
    counts = (report["geo_records"], report["data_records"], report["rows"])
    inserts = {phase: tuple(times) for phase, times in report["inserts"].items()}
    asked = [
        {name: AskedOperations(**digest) for name, digest in report.get(part, {}).items()}
        for part in ("workloads", "open_loops")
    ]
    return PreparedData(directory, tuple(arguments), report["digest"], *counts, TypedInserts(**inserts), *asked)


def providing(source: str) -> Callable[[DataSet, int], PreparedData]:
    """Return ``provide`` for this ``source`` hash, with the user's cache folder."""
    return partial(provide, cache=cache_folder(), source=source)


def run_program(arguments: Sequence[str]) -> str:
    """Run the loader's command line. Raises BadInput for its exit code 2, Failure for any other but 0."""
    command = [sys.executable, "-m", "bigdata.cmd", *arguments]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            errors = _read_errors(process, show=arguments[0] == "fetch")
            output, _ = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode == 0:
        return output
    message = errors[-1].removeprefix("error: ") if errors else f"ended with exit code {process.returncode}"
    if process.returncode == _BAD_INPUT:
        raise BadInput(message)
    raise Failure(f"{arguments[0]}: {message}")


def _read_errors(process: subprocess.Popen[str], *, show: bool) -> list[str]:
    """Return the lines on a program's standard error; ``show``: print all but the error itself as they come."""
    lines = []
    for line in process.stderr or ():
        lines.append(line.strip())
        if show and not line.startswith("error: "):
            print(line, end="", file=sys.stderr, flush=True)
    return lines


def _directory(data: DataSet, cache: Path, source: str, run: Program) -> Path:
    if data.source == "directory":
        return Path(str(data.path)).expanduser().resolve()
    made_from = {"source": data.source, "state": data.state, "segments": data.segments}
    chosen = ["--state", str(data.state), "--segments", ",".join(data.segments)]
    if data.source == "census":
        return _fill("fetch", chosen, made_from, cache, run)
    chosen += ["--records", str(data.records), "--seed", str(data.seed)]
    return _fill(
        "generate", chosen, {**made_from, "records": data.records, "seed": data.seed, "by": source}, cache, run
    )


def _fill(verb: str, chosen: list[str], made_from: dict[str, Any], cache: Path, run: Program) -> Path:
    """Return the folder that ``verb`` fills once, named by a hash of everything that decides its content."""
    key = hashlib.sha256(canonical_json(made_from).encode()).hexdigest()[:16]
    directory = cache / "data" / f"{made_from['state']}-{key}"
    if directory.exists():
        return directory
    with turn_at(directory):
        # Another campaign may have filled it meanwhile.
        if not directory.exists():
            # Under another name until it is complete: a kill leaves nothing that looks like data.
            unfinished = directory.with_name(f"{directory.name}.unfinished")
            unfinished.mkdir(exist_ok=True)
            run([verb, "--directory", str(unfinished), *chosen])
            unfinished.rename(directory)
    return directory

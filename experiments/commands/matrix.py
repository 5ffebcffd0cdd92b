"""run the experiment matrix and write the tables"""

from __future__ import annotations

import hashlib
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from experiments.affinity import allowed_cpus
from experiments.announce import describe_outcome, describe_plan
from experiments.cells import AXES, ENGINES
from experiments.engines import open_engine
from experiments.engines.protocol import Engine
from experiments.errors import BadInput, Failure
from experiments.expand import expand
from experiments.plan import Plan, make_plan
from experiments.prepare import foresee
from experiments.progress import choose_reporter
from experiments.records import Record
from experiments.report import write_front_page, write_tables
from experiments.selection import Selection, apply_selection, parse_selection
from experiments.spec import Matrix, load_matrix
from experiments.start import Order, conduct
from experiments.store import locked

RESULTS = Path("results")
GO_ON = "interrupted; the same command goes on where it stopped"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options; what they mean is in the README, too."""
    option = parser.add_argument
    option("--plan", action="store_true", help="print cells and a time estimate; run nothing")
    option("--profile", metavar="NAME", help="a profile of the matrix, such as smoke")
    option("--experiment", metavar="NAME", action="append", default=[], help="only this experiment; may be repeated")
    option(
        "--only",
        metavar="AXIS=VALUE[,...]",
        action="append",
        default=[],
        help=f"only cells with these values; axes: {', '.join(AXES)}",
    )
    option("--engine", metavar="NAME", help=f"auto or one of: {', '.join(ENGINES)}")
    option("--matrix", metavar="FILE", type=Path, default=Path("matrix.yaml"), help="default: matrix.yaml")
    option("--results", metavar="DIR", type=Path, default=RESULTS, help="where campaigns go (default: results)")
    option("--repeats", metavar="N", help="how many blocks")
    option("--records", metavar="N", help="the first N records of each state (default: as many as the data set says)")
    option(
        "--data",
        metavar="NAME|DIRECTORY",
        help="a data set of the matrix, or a folder of SF1 files",
    )
    option("--fresh", action="store_true", help="begin a new campaign even where one is unfinished")
    option("--pg-bin", metavar="DIR", type=Path, help="PostgreSQL programs to use for cells of their version")


def run(options: Namespace) -> int:
    """Run the campaign: 0 when all runs were ok, 1 when one failed or the campaign was interrupted."""
    selection = parse_selection(
        profile=options.profile,
        experiments=options.experiment,
        only=options.only,
        engine=options.engine,
        repeats=options.repeats,
        records=options.records,
        data=options.data,
    )
    loaded = load_matrix(options.matrix)
    matrix = apply_selection(loaded, selection)
    engine = open_engine(resolve_engine(matrix.defaults.engine), pg_bin=options.pg_bin)
    plan = make_plan(expand(loaded, selection, MachineResolver(engine)), matrix.repeats, matrix.seed)
    chosen = _chosen(selection)
    if engine.own_postgres is not None:
        chosen["pg_bin"] = check_pg_bin(options.pg_bin, engine.own_postgres, plan, matrix)
    if options.plan:
        obstacles = foresee(plan, matrix, engine, allowed_cpus())
        print(describe_plan(plan, matrix, obstacles))
        return 0
    matrix_hash = "sha256:" + hashlib.sha256(options.matrix.read_bytes()).hexdigest()
    order = Order(matrix, matrix_hash, chosen, plan, options.results, options.fresh)
    return _carry_out(order, engine)


def _carry_out(order: Order, engine: Engine) -> int:
    console = Console()
    try:
        with locked(order.results), choose_reporter(console) as reporter, engine:
            folder = conduct(order, engine, reporter)
        with locked(order.results):
            write_tables(folder)
            write_front_page(order.results)
    except KeyboardInterrupt:
        raise Failure(GO_ON) from None
    print(describe_outcome(folder))
    return exit_code(folder.records())


def check_pg_bin(folder: Path, version: str, plan: Plan, matrix: Matrix) -> str:
    """What the records say of the user's own programs. Raises BadInput where no cell asks for their version."""
    asked = sorted({matrix.postgres[planned.cell.postgres].version for planned in plan.cells})
    if version.partition(".")[0] not in asked:
        raise BadInput(
            f"--pg-bin: {folder} holds PostgreSQL {version}, and no cell asks for that version (asked for: "
            f"{', '.join(asked)}); change the version of a postgres entry in the matrix, or leave the option out"
        )
    return version


def exit_code(records: list[Record]) -> int:
    """0 when something was measured and all of it was ok. Interrupted attempts do not count: they were repeated."""
    statuses = {record.status for record in records if not record.interrupted}
    return 0 if "ok" in statuses and statuses <= {"ok", "unsupported"} else 1


def resolve_engine(value: str) -> str:
    """The engine for a value of the axis: ``auto`` is the best that there is."""
    return ENGINES[0] if value == "auto" else value


class MachineResolver:
    """Resolves what only this machine knows, with the engine of the campaign."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def resolve_engine(self, value: str) -> str:
        """The engine's name."""
        return resolve_engine(value)

    def default_python(self, engine: str) -> str:
        """The newest Python that the engine has with a lock. Raises BadInput where it has none."""
        pythons = self._engine.pythons()
        if not pythons:
            raise BadInput(
                f"engine {engine}: found no Python that has locked packages; install one that "
                "docker/requirements/ has a file for (nox -s lock makes them)"
            )
        return pythons[-1]


def _chosen(selection: Selection) -> dict[str, object]:
    """The options that were given, for the record."""
    return {name: value for name, value in asdict(selection).items() if value not in (None, (), {})}

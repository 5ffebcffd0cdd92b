"""run the experiment matrix and write the tables"""

from __future__ import annotations

import contextlib
import hashlib
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast, get_args

from rich.console import Console

from experiments.campaign.prepare import foresee
from experiments.campaign.progress import choose_reporter
from experiments.campaign.reproduce import Reproduction, read_reproduction
from experiments.campaign.start import Order, run_campaign
from experiments.campaign.stopping_rule import USUAL_BUDGET, Until, describe_growth, parse_until
from experiments.cli.announce import describe_engines, describe_outcome, describe_plan
from experiments.engines.protocol import Engine
from experiments.engines.select import Engines, MachineResolver
from experiments.engines.settings import RefusedSettings
from experiments.environment.image_lock import Asked
from experiments.errors import BadInput, Failure
from experiments.matrix.cell import AXES, ENGINES
from experiments.matrix.expand import expand
from experiments.matrix.plan import Plan, make_plan
from experiments.matrix.selection import Selection, apply_selection, parse_selection
from experiments.matrix.spec import Matrix, load_matrix
from experiments.matrix.yaml_document import Finding, read_document, refuse
from experiments.profiling.explain import explain_asked
from experiments.records.campaign import find_campaign
from experiments.records.folder import locked
from experiments.records.published import keep_published
from experiments.records.record import Record
from experiments.report.publish import verdicts_of, write_front_page, write_tables

RESULTS = Path("results")
MATRIX = Path("matrix.yaml")
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
    option("--matrix", metavar="FILE", type=Path, help="default: matrix.yaml")
    option("--results", metavar="DIR", type=Path, default=RESULTS, help="where campaigns go (default: results)")
    option("--repeats", metavar="N", help="how many blocks")
    option(
        "--until", metavar="PRECISION", help="add blocks until the interval of every ratio is this narrow, such as 5%%"
    )
    option("--budget", metavar="TIME", help=f"how long --until may go on, such as 2h or 90s (default: {USUAL_BUDGET})")
    option("--records", metavar="N", help="the first N records of each state (default: as many as the data set says)")
    option(
        "--data",
        metavar="NAME|DIRECTORY",
        help="a data set of the matrix, or a folder of SF1 files",
    )
    option("--fresh", action="store_true", help="begin a new campaign even where one is unfinished")
    option(
        "--source",
        choices=get_args(Asked),
        default="auto",
        help="where the docker engine takes base images from: a registry, Debian's packages, or what there is",
    )
    option(
        "--pg-bin",
        metavar="DIR",
        type=Path,
        help="PostgreSQL programs for the local engine to use for cells of their version",
    )
    _add_reproduction_arguments(parser)


def _add_reproduction_arguments(parser: ArgumentParser) -> None:
    option = parser.add_argument
    option("--reproduce", metavar="CAMPAIGN", help="run its cells again and say whether its numbers come out again")
    option(
        "--cell",
        metavar="KEY",
        action="append",
        default=[],
        help="of --reproduce: only this cell; its key's beginning is enough",
    )
    option(
        "--anyway", action="store_true", help="of --reproduce: even where pins are others, or there can be no verdict"
    )


@dataclass(frozen=True)
class _Asked:
    """What the options ask for, of matrix.yaml or of a campaign that is to be reproduced."""

    matrix: Matrix
    matrix_hash: str
    plan: Plan
    engines: Engines
    until: Until | None
    chosen: Mapping[str, object]
    reproduction: Reproduction | None = None


def run(options: Namespace) -> int:
    """Run the campaign: 0 when all runs were ok, 1 when one failed or the campaign was interrupted."""
    asked = _read_matrix(options) if options.reproduce is None else _read_reproduction(options)
    plan, matrix, until, chosen = asked.plan, asked.matrix, asked.until, dict(asked.chosen)
    used = {name: asked.engines[name] for name in dict.fromkeys(planned.cell.engine for planned in plan.cells)}
    chosen |= {} if options.source == "auto" else {"source": options.source}
    chosen |= {} if until is None else {"until": options.until, "budget": options.budget or USUAL_BUDGET}
    if options.pg_bin is not None:
        chosen["pg_bin"] = check_pg_bin(options.pg_bin, used, plan, matrix)
    if options.source != "auto" and "docker" not in used:
        raise BadInput("--source: only the docker engine has images; add --engine docker, or leave the option out")
    if options.plan:
        for line in describe_engines(asked.engines.notice, used):
            print(line)
        print(describe_plan(plan, matrix, foresee(plan, matrix, used)))
        if until is not None:
            print(describe_growth(until))
        return 0
    order = Order(
        matrix, asked.matrix_hash, chosen, plan, options.results, options.fresh, asked.engines.notice, until=until
    )
    if asked.reproduction is not None:
        return _reproduce(order, used, asked.reproduction)
    try:
        return _carry_out(order, used)
    except RefusedSettings as refusal:
        raise refuse(read_document(options.matrix), [Finding(refusal.path, refusal.text)]) from refusal


def _read_matrix(options: Namespace) -> _Asked:
    for option in ("cell", "anyway"):
        if getattr(options, option):
            raise BadInput(f"--{option}: it is only for --reproduce CAMPAIGN; leave it out (--only chooses cells)")
    selection = parse_selection(
        profile=options.profile,
        experiments=options.experiment,
        only=options.only,
        engine=options.engine,
        repeats=options.repeats,
        records=options.records,
        data=options.data,
    )
    options.matrix = options.matrix or MATRIX
    loaded = load_matrix(options.matrix)
    matrix = apply_selection(loaded, selection)
    until = parse_until(options.until, options.budget, matrix.repeats)
    engines = Engines(pg_bin=options.pg_bin, source=options.source)
    plan = make_plan(expand(loaded, selection, MachineResolver(engines)), matrix.repeats, matrix.seed)
    matrix_hash = "sha256:" + hashlib.sha256(options.matrix.read_bytes()).hexdigest()
    return _Asked(matrix, matrix_hash, plan, engines, until, _chosen(selection))


def _read_reproduction(options: Namespace) -> _Asked:
    for option in ("matrix", "profile", "experiment", "only", "engine", "records"):
        if getattr(options, option):
            raise BadInput(
                f"--{option}: --reproduce takes it from the campaign; leave one of them out (--cell chooses cells)"
            )
    repeats = parse_selection(repeats=options.repeats).repeats
    reproduction = read_reproduction(
        find_campaign(options.results, options.reproduce),
        keys=options.cell,
        repeats=repeats,
        data=options.data,
        anyway=options.anyway,
    )
    reproduction.check_verdicts()
    description = reproduction.published.description
    matrix = reproduction.matrix
    # Whether images come from a registry or from Debian's packages is a pin, too.
    published = cast(Asked, description.engines.get("docker", {}).get("source", "auto"))
    engines = Engines(pg_bin=options.pg_bin, source=published if options.source == "auto" else options.source)
    plan = make_plan(reproduction.cells, matrix.repeats, description.seed)
    given = {"reproduce": description.campaign, "cell": options.cell, "repeats": repeats, "data": options.data}
    chosen = {name: value for name, value in given.items() if value} | ({"anyway": "yes"} if options.anyway else {})
    until = parse_until(options.until, options.budget, matrix.repeats)
    return _Asked(matrix, description.matrix_hash, plan, engines, until, chosen, reproduction)


def _reproduce(order: Order, engines: Mapping[str, Engine], reproduction: Reproduction) -> int:
    order = replace(
        order,
        reproduces=reproduction.published.name,
        max_connections=reproduction.max_connections,
        check=reproduction.check,
        begun=lambda folder: keep_published(folder, reproduction.published),
    )
    return _carry_out(order, engines)


def _carry_out(order: Order, engines: Mapping[str, Engine]) -> int:
    """Run the campaign, write what is published of it, and say what came out."""
    console = Console()
    try:
        with contextlib.ExitStack() as inside:
            inside.enter_context(locked(order.results))
            reporter = inside.enter_context(choose_reporter(console))
            for engine in engines.values():
                inside.enter_context(engine)
            folder = run_campaign(order, engines, reporter)
            explained = explain_asked(folder, order.matrix, order.plan.cells, engines, reporter.tell)
        with locked(order.results):
            written = write_tables(folder)
            write_front_page(order.results, written)
    except KeyboardInterrupt:
        raise Failure(GO_ON) from None
    campaign = written.campaign
    print(describe_outcome(folder, campaign, written.experiments))
    verdicts = verdicts_of(folder, campaign, "simple")
    if verdicts is not None:
        print(f"\n{verdicts}", end="")
    code = exit_code(campaign.records, campaign.missing)
    return code if explained else 1


def check_pg_bin(folder: Path, engines: Mapping[str, Engine], plan: Plan, matrix: Matrix) -> str:
    """What the records say of the user's own programs. Raises BadInput where no cell would use them."""
    own = {name: engine.own_postgres for name, engine in engines.items() if engine.own_postgres is not None}
    if not own:
        raise BadInput("--pg-bin: only the local engine uses programs of this machine; add --engine local")
    ((user, version),) = own.items()
    asked = sorted({matrix.postgres[one.cell.postgres].version for one in plan.cells if one.cell.engine == user})
    if version.partition(".")[0] not in asked:
        raise BadInput(
            f"--pg-bin: {folder} holds PostgreSQL {version}, and no cell asks for that version (asked for: "
            f"{', '.join(asked)}); change the version of a postgres entry in the matrix, or leave the option out"
        )
    return version


def exit_code(records: Sequence[Record], left: int = 0) -> int:
    """0 when something was measured, all of it was ok, and no planned run is ``left``.

    Interrupted attempts do not count: they were repeated.
    """
    if left:
        return 1
    statuses = {record.status for record in records if not record.interrupted}
    return 0 if "ok" in statuses and statuses <= {"ok", "unsupported"} else 1


def _chosen(selection: Selection) -> dict[str, object]:
    """The options that were given, for the record."""
    return {name: value for name, value in asdict(selection).items() if value not in (None, (), {})}

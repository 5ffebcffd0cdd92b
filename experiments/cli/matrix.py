"""run the experiment matrix and write the tables"""

import contextlib
import sys
import webbrowser
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import cast, get_args

from rich.console import Console

from experiments.campaign.cluster.start import check_address, run_on_cluster
from experiments.campaign.feasibility import find_impossible
from experiments.campaign.obstacles import find_obstacles
from experiments.campaign.progress import Reporter, choose_reporter
from experiments.campaign.reproduce import read_reproduction
from experiments.campaign.start import Order, run_campaign
from experiments.campaign.stopping_rule import USUAL_BUDGET, Until, describe_growth, parse_patience, parse_until
from experiments.cli.announce import (
    describe_delays,
    describe_engines,
    describe_outcome,
    describe_plan,
    outcome_document,
)
from experiments.cli.listing import list_experiments
from experiments.cli.options import MATRIX, add_results, add_selection, read_selection
from experiments.cli.output import add_output, print_result, print_text, progress_aside, terminal_width
from experiments.engines.protocol import Engine
from experiments.engines.select import Engines
from experiments.engines.settings import RefusedSettings
from experiments.environment.hashes import text_hash
from experiments.environment.image_lock import Asked
from experiments.errors import BadInput, EngineLost, Failure
from experiments.formatting import count, duration
from experiments.matrix.expand import expand
from experiments.matrix.plan import Plan, make_plan
from experiments.matrix.records import fit_records
from experiments.matrix.selection import apply_selection, parse_selection
from experiments.matrix.spec import Matrix, load_matrix
from experiments.matrix.yaml_document import Finding, read_document, refuse
from experiments.profiling.count import COUNTING_S, asked_cells, count_asked
from experiments.profiling.explain import explain_asked
from experiments.records.campaign import LOCAL, PUBLISHED, find_campaign, keep_published
from experiments.records.folder import CampaignFolder, locked
from experiments.records.record import Record
from experiments.report.page.html import REPORT
from experiments.report.publish import find_front_page, verdicts_of, write_front_page, write_tables

INTERRUPTED = "interrupted; rerun the same command to resume"

_FOR_ONE_MACHINE = {
    "plan": "it is about this machine; leave out --cluster",
    "until": "blocks added one at a time would leave machines idle; use --repeats",
    "pg_bin": "it is a folder of this machine",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    option = parser.add_argument
    option("--plan", action="store_true", help="print cells and a time estimate; run nothing")
    add_selection(parser)
    add_results(parser)
    option("--repeats", metavar="N", help="number of blocks")
    option("--until", metavar="PRECISION", help="add blocks until every ratio's interval is this narrow, such as 5%%")
    option("--budget", metavar="TIME", help=f"time limit of --until, such as 2h or 90s (default: {USUAL_BUDGET})")
    option("--patience", metavar="TIME", help="time that a block waits for quiet cores, such as 5m; 0: none")
    option("--no-count", action="store_true", help="do not count instructions after the timed blocks")
    option("--open", action="store_true", help="open the campaign's page in a browser at the end")
    option("--cluster", metavar="ADDRESS", help="measure on machines: tcp://HOST:PORT, tls://HOST:PORT or ssh:FILE")
    option("--fresh", action="store_true", help="begin a new campaign even if one is unfinished")
    option("--reproduce", metavar="CAMPAIGN", help="run its cells again and check whether its ratios are reproduced")
    option("--cell", metavar="KEY", action="append", default=[], help="with --reproduce: only this cell (key prefix)")
    option("--force", action="store_true", help="with --reproduce: run even if pins differ or no verdict is possible")
    option("--list", action="store_true", help="print the experiments, or the cells of those that are chosen")
    add_output(parser, progress=True)


def run(options: Namespace) -> int:
    """Run the campaign; return 0 if all runs were ok, 1 if one failed or the campaign was interrupted."""
    if options.list:
        return list_experiments(options)
    if options.plan and options.json:
        raise BadInput("--json cannot be combined with --plan; use --list --json for the cells")
    _check_cluster(options)
    order, engines = _read_matrix(options) if options.reproduce is None else _read_reproduction(options)
    plan, matrix, until, chosen = order.plan, order.matrix, order.until, dict(order.selection)
    used = {name: engines[name] for name in dict.fromkeys(planned.cell.engine for planned in plan.cells)}
    chosen |= {} if options.source == "auto" else {"source": options.source}
    chosen |= {} if until is None else {"until": options.until, "budget": options.budget or USUAL_BUDGET}
    if options.pg_bin is not None:
        chosen["pg_bin"] = check_pg_bin(options.pg_bin, used, plan, matrix)
    if options.source != "auto" and "docker" not in used:
        raise BadInput("--source requires the docker engine; use --engine docker")
    try:
        # The machines of a cluster look for themselves.
        if options.cluster is None and (finding := next(find_impossible(plan, matrix, used), None)) is not None:
            raise RefusedSettings(finding.path, finding.text)
        if options.plan:
            return _show_plan(plan, matrix, used, engines.notice, until)
        order = replace(order, selection=chosen, notice=engines.notice)
        if options.cluster is not None:
            carry_out = partial(run_on_cluster, order, options.cluster, list(used), options.source)
            return _finish(order, options, carry_out)
        return _finish(order, options, partial(_run_here, order, used))
    except RefusedSettings as refusal:
        if order.reproduces is not None:
            raise
        if options.records is not None and refusal.path[-1] == "records":
            raise BadInput(f"--records: {refusal.text}") from refusal
        raise refuse(read_document(options.matrix), [Finding(refusal.path, refusal.text)]) from refusal


def _show_plan(
    plan: Plan, matrix: Matrix, engines: Mapping[str, Engine], notice: str | None, until: Until | None
) -> int:
    """Print the plan; return 1 if none of its cells can run here."""
    for line in (*describe_engines(notice, engines), *describe_delays(plan, matrix, engines)):
        print_text(line)
    obstacles = find_obstacles(plan, matrix, engines)
    print_text(describe_plan(plan, matrix, obstacles))
    if until is not None:
        print_text(describe_growth(until))
    if asked := len(asked_cells(matrix, plan.cells)):
        print(f"then {count(asked, 'cell')} counted, in about {duration(asked * COUNTING_S)}")
    return 1 if obstacles.keys() >= {planned.cell for planned in plan.runnable} else 0


def _read_matrix(options: Namespace) -> tuple[Order, Engines]:
    for option in ("cell", "force"):
        if getattr(options, option):
            raise BadInput(f"--{option} requires --reproduce; use --only to select cells")
    selection = read_selection(options)
    options.matrix = options.matrix or MATRIX
    loaded = load_matrix(options.matrix)
    matrix = _with_options(apply_selection(loaded, selection), options)
    until = parse_until(options.until, options.budget, matrix.repeats)
    engines = Engines(pg_bin=options.pg_bin, source=options.source)
    plan = make_plan(expand(loaded, selection, engines), matrix.repeats, matrix.seed)
    matrix = fit_records(matrix, plan.cells)
    chosen = {name: value for name, value in asdict(selection).items() if value not in (None, (), {})}
    return Order(matrix, text_hash(options.matrix), chosen, plan, options.results, options.fresh, until=until), engines


def _with_options(matrix: Matrix, options: Namespace) -> Matrix:
    """Return the matrix with the patience that is asked for, and without counting if that is."""
    if options.patience is not None:
        matrix = replace(matrix, patience_s=parse_patience(options.patience, matrix.repeats))
    if options.no_count:
        uncounted = {name: replace(one, count=False) for name, one in matrix.experiments.items()}
        matrix = replace(matrix, experiments=uncounted)
    return matrix


def _read_reproduction(options: Namespace) -> tuple[Order, Engines]:
    for option in ("matrix", "profile", "experiment", "only", "engine", "records", "packages"):
        if getattr(options, option):
            raise BadInput(
                f"--{option} cannot be combined with --reproduce, which takes it from the campaign; "
                "use --cell to select cells"
            )
    repeats = parse_selection(repeats=options.repeats).repeats
    reproduction = read_reproduction(
        find_campaign(options.results, options.reproduce, LOCAL, PUBLISHED),
        keys=options.cell,
        repeats=repeats,
        data=options.data,
        force=options.force,
    )
    reproduction.check_verdicts()
    description = reproduction.published.description
    matrix = _with_options(reproduction.matrix, options)
    # The source of images is a pin, too.
    published = description.engines.get("docker", {}).get("source")
    chosen_source = published if options.source == "auto" and published in get_args(Asked) else options.source
    engines = Engines(pg_bin=options.pg_bin, source=cast(Asked, chosen_source))
    plan = make_plan(reproduction.cells, matrix.repeats, description.seed)
    given = {"reproduce": description.campaign, "cell": options.cell, "repeats": repeats, "data": options.data}
    chosen = {name: value for name, value in given.items() if value} | ({"force": "yes"} if options.force else {})
    until = parse_until(options.until, options.budget, matrix.repeats)
    order = Order(
        matrix,
        description.matrix_hash,
        chosen,
        plan,
        options.results,
        options.fresh,
        reproduces=description.campaign,
        max_connections=reproduction.max_connections,
        check=reproduction.check,
        add_files=lambda folder: keep_published(folder, reproduction.published),
        until=until,
    )
    return order, engines


def _check_cluster(options: Namespace) -> None:
    """Raise BadInput for an address that cannot be one, and for options that are for one machine."""
    if options.cluster is None:
        return
    check_address(options.cluster)
    for option, why in _FOR_ONE_MACHINE.items():
        if getattr(options, option):
            raise BadInput(f"--{option.replace('_', '-')} cannot be combined with --cluster: {why}")
    # Of which machine would it be?
    options.no_count = True


def _run_here(order: Order, engines: Mapping[str, Engine], reporter: Reporter) -> tuple[CampaignFolder, bool]:
    """Run the campaign on this machine; return its folder, and whether all that was asked for was counted."""
    with contextlib.ExitStack() as inside:
        for engine in engines.values():
            inside.enter_context(engine)
        folder = run_campaign(order, engines, reporter)
        counted = count_asked(folder, order.matrix, order.plan.cells, engines, reporter.tell)
        explained = counted and explain_asked(folder, order.matrix, order.plan.cells, engines, reporter.tell)
    return folder, explained


def _finish(order: Order, options: Namespace, carry_out: Callable[[Reporter], tuple[CampaignFolder, bool]]) -> int:
    """Run the campaign, write its tables, print the outcome, and open the page if it is to be shown."""
    find_front_page(order.results)
    try:
        with progress_aside(options):
            reporter = choose_reporter(Console())
            with locked(order.results), reporter:
                folder, explained = carry_out(reporter)
        with locked(order.results):
            written = write_tables(folder)
            write_front_page(order.results, written)
            folder.set_reported(True)
    except KeyboardInterrupt:
        raise Failure(INTERRUPTED) from None
    except EngineLost as lost:
        raise Failure(f"{lost}; {INTERRUPTED}") from lost
    campaign, width = written.campaign, terminal_width()
    outcome = describe_outcome(folder, written, width, quiet=options.quiet)
    verdicts = verdicts_of(folder, campaign, width)
    text = outcome if verdicts is None else f"{outcome}\n\n{verdicts.rstrip()}"
    print_result(options, text, lambda: outcome_document(folder, written))
    if options.open and not webbrowser.open((folder.path / REPORT).resolve().as_uri()):
        print("warning: --open: found no browser; open the page yourself", file=sys.stderr)
    code = exit_code(campaign.records, campaign.missing)
    return code if explained else 1


def check_pg_bin(folder: Path, engines: Mapping[str, Engine], plan: Plan, matrix: Matrix) -> str:
    """Return the version of the user's own PostgreSQL. Raises BadInput if no cell would use it."""
    own = {name: engine.own_postgres for name, engine in engines.items() if engine.own_postgres is not None}
    if not own:
        raise BadInput("--pg-bin requires the local engine; use --engine local")
    ((user, version),) = own.items()
    asked = sorted({matrix.postgres[one.cell.postgres].version for one in plan.cells if one.cell.engine == user})
    if version.partition(".")[0] not in asked:
        raise BadInput(
            f"--pg-bin: no cell uses PostgreSQL {version} of {folder} (used: {', '.join(asked)}); "
            "change the version of a postgres entry in the matrix"
        )
    return version


def exit_code(records: Sequence[Record], left: int = 0) -> int:
    """Return 0 if something was measured, all of it ok but for interrupted attempts, and no planned run is ``left``."""
    if left:
        return 1
    statuses = {record.status for record in records if not record.interrupted}
    return 0 if "ok" in statuses and statuses <= {"ok", "unsupported"} else 1

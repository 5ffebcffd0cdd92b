"""run cells again with instruments on, and write for each a page that says where its time goes"""

from __future__ import annotations

import contextlib
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import get_args

from experiments.engines.select import Engines, MachineResolver
from experiments.environment.image_lock import Asked
from experiments.errors import BadInput
from experiments.formatting import count
from experiments.matrix.cell import AXES, ENGINES
from experiments.matrix.expand import expand, matches
from experiments.matrix.selection import apply_selection, parse_selection
from experiments.matrix.spec import load_matrix
from experiments.profiling.explain import can_be_explained, choose_folders, explain_cells
from experiments.records.folder import list_campaigns, locked


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options: those of nox -s matrix that choose cells."""
    option = parser.add_argument
    option(
        "--only",
        metavar="AXIS=VALUE[,...]",
        action="append",
        default=[],
        help=f"only cells with these values; axes: {', '.join(AXES)}",
    )
    option("--experiment", metavar="NAME", action="append", default=[], help="only this experiment; may be repeated")
    option("--profile", metavar="NAME", help="a profile of the matrix, such as smoke")
    option("--engine", metavar="NAME", help=f"auto or one of: {', '.join(ENGINES)}")
    option("--matrix", metavar="FILE", type=Path, default=Path("matrix.yaml"), help="default: matrix.yaml")
    option("--results", metavar="DIR", type=Path, default=Path("results"), help="where campaigns are (results)")
    option("--records", metavar="N", help="the first N records of each state; more of them make more samples")
    option("--data", metavar="NAME|DIRECTORY", help="a data set of the matrix, or a folder of SF1 files")
    option("--source", choices=get_args(Asked), default="auto", help="where base images come from, as for matrix")
    option("--pg-bin", metavar="DIR", type=Path, help="PostgreSQL programs for the local engine")


def run(options: Namespace) -> int:
    """Write the pages; 1 where a cell could not be explained. Raises BadInput where no campaign has a cell."""
    selection = parse_selection(
        profile=options.profile,
        experiments=options.experiment,
        only=options.only,
        engine=options.engine,
        records=options.records,
        data=options.data,
    )
    loaded = load_matrix(options.matrix)
    engines = Engines(pg_bin=options.pg_bin, source=options.source)
    planned = expand(loaded, selection, MachineResolver(engines))
    # A baseline is planned in any case, as ratios need it. There are none here.
    cells = [cell for cell in can_be_explained(planned) if matches(cell, selection.only)]
    if not cells:
        raise BadInput("--only: none of these cells can be explained: they cannot run, or are no Python (ceilings)")
    with contextlib.ExitStack() as inside:
        inside.enter_context(locked(options.results))
        folders = choose_folders(cells, list_campaigns(options.results), options.results, _tell)
        used = {name: engines[name] for name in dict.fromkeys(cell.engine for cell in cells)}
        for engine in used.values():
            inside.enter_context(engine)
        pages = explain_cells(folders, apply_selection(loaded, selection), used, _tell)
    failed = [page for page in pages if page.path is None]
    print(f"{count(len(pages) - len(failed), 'page')} written, {count(len(failed), 'cell')} not explained")
    return 1 if failed else 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr)

"""profile cells: run them again with instruments, and write a page about the time of each"""

import contextlib
from argparse import ArgumentParser, Namespace

from experiments.cli.options import MATRIX, add_results, add_selection, read_selection
from experiments.cli.output import add_quiet, progress_of
from experiments.engines.select import Engines
from experiments.errors import BadInput
from experiments.formatting import count
from experiments.matrix.expand import expand, matches
from experiments.matrix.records import fit_records
from experiments.matrix.selection import apply_selection
from experiments.matrix.spec import load_matrix
from experiments.profiling.explain import can_be_explained, choose_folders, explain_cells
from experiments.records.campaign import list_known
from experiments.records.folder import locked


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options: those of nox -s matrix that choose cells."""
    add_selection(parser)
    add_results(parser)
    add_quiet(parser)


def run(options: Namespace) -> int:
    """Write the pages; return 1 if a cell could not be explained. Raises BadInput for a cell that no campaign has."""
    selection, tell = read_selection(options), progress_of(options)
    loaded = load_matrix(options.matrix or MATRIX)
    engines = Engines(pg_bin=options.pg_bin, source=options.source)
    planned = expand(loaded, selection, engines)
    matrix = fit_records(apply_selection(loaded, selection), planned)
    # The plan always has the baseline, which only ratios need.
    cells = [cell for cell in can_be_explained(planned) if matches(cell, selection.only)]
    if not cells:
        raise BadInput("--only: none of these cells can be explained: they cannot run, or are not Python (ceilings)")
    with contextlib.ExitStack() as inside:
        inside.enter_context(locked(options.results))
        folders = choose_folders(cells, list_known(options.results), options.results, tell)
        used = {name: engines[name] for name in dict.fromkeys(cell.engine for cell in cells)}
        for engine in used.values():
            inside.enter_context(engine)
        pages = explain_cells(folders, matrix, used, tell)
    failed = [page for page in pages if page.path is None]
    print(f"{count(len(pages) - len(failed), 'page')} written, {count(len(failed), 'cell')} not explained")
    return 1 if failed else 0

"""count instructions and system calls per row or operation of cells, into the campaign that measured them"""

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
from experiments.profiling.count import asked_cells, count_cells
from experiments.profiling.explain import can_be_explained, choose_folders
from experiments.records.campaign import list_known
from experiments.records.folder import locked
from experiments.report.publish import write_tables


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options: those of nox -s matrix that choose cells."""
    add_selection(parser)
    add_results(parser)
    add_quiet(parser)


def run(options: Namespace) -> int:
    """Count the cells and write their tables anew; return 1 if a cell has no count of its instructions."""
    selection, tell = read_selection(options), progress_of(options)
    loaded = load_matrix(options.matrix or MATRIX)
    engines = Engines(pg_bin=options.pg_bin, source=options.source)
    planned = expand(loaded, selection, engines)
    matrix = fit_records(apply_selection(loaded, selection), planned)
    able = can_be_explained(planned) if selection.experiments else asked_cells(loaded, planned)
    cells = [cell for cell in able if matches(cell, selection.only)]
    if not cells:
        raise BadInput(
            "none of these cells can be counted: they cannot run, are not Python (ceilings), or their experiment has "
            "no 'count: true'; name it with --experiment"
        )
    with contextlib.ExitStack() as inside:
        inside.enter_context(locked(options.results))
        folders = choose_folders(cells, list_known(options.results), options.results, tell, "counted")
        used = {name: engines[name] for name in dict.fromkeys(cell.engine for cell in folders)}
        for engine in used.values():
            inside.enter_context(engine)
        found = count_cells(folders, matrix, used, tell)
        for folder in dict.fromkeys(folders.values()):
            write_tables(folder)
    counted = sum(one.instructions_per_row is not None for one in found)
    print(f"{count(counted, 'cell')} counted, {count(len(folders) - counted, 'cell')} not")
    return 0 if counted == len(folders) else 1

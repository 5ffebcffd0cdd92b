"""List of the experiments of a matrix, with their cells where some are chosen."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace

from experiments.cli.options import MATRIX, read_selection
from experiments.cli.output import print_result
from experiments.engines.select import Engines
from experiments.formatting import count
from experiments.matrix.cell import Cell
from experiments.matrix.expand import expand
from experiments.matrix.selection import apply_selection
from experiments.matrix.spec import Matrix, Profile, load_matrix

Cells = Mapping[str, Sequence[Cell]]


def list_experiments(options: Namespace) -> int:
    """Print every experiment and profile; of chosen experiments only those, with their cells."""
    loaded, selection = load_matrix(options.matrix or MATRIX), read_selection(options)
    chosen = bool(options.profile or options.experiment or options.only)
    selection = selection if chosen else replace(selection, experiments=tuple(loaded.experiments))
    planned = expand(loaded, selection, Engines(pg_bin=options.pg_bin, source=options.source))
    matrix = apply_selection(loaded, selection)
    cells = {
        name: [one.cell for one in planned if name in one.experiments and one.arm == "a"] for name in matrix.experiments
    }
    profiles = {} if chosen else loaded.profiles
    text = describe_experiments(matrix, cells, profiles, with_cells=chosen)
    print_result(options, text, lambda: list_document(matrix, cells, profiles))
    return 0


def describe_experiments(matrix: Matrix, cells: Cells, profiles: Mapping[str, Profile], *, with_cells: bool) -> str:
    """Return a line for each experiment, its cells below it if asked for, and one for each profile."""
    lines = []
    for name, of_name in cells.items():
        lines.append(f"{name}: {matrix.experiments[name].question} ({count(len(of_name), 'cell')})")
        lines += [f"  - {cell.label()}" for cell in of_name] if with_cells else []
    lines += [f"profile {name}: {', '.join(one.experiments or ('all',))}" for name, one in profiles.items()]
    return "\n".join(lines)


def list_document(matrix: Matrix, cells: Cells, profiles: Mapping[str, Profile]) -> dict[str, object]:
    """Return the same for programs."""
    experiments = [
        {"name": name, "question": matrix.experiments[name].question, "cells": of_name}
        for name, of_name in cells.items()
    ]
    return {"experiments": experiments, "profiles": {name: one.experiments for name, one in profiles.items()}}

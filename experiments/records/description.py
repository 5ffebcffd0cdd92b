"""The description of a campaign, ``campaign.json``: its plan, the machine and the software."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from experiments.errors import BadInput
from experiments.matrix.cell import Cell, read_cell
from experiments.records.facts import DataFacts, InterpreterFacts, MachineFacts, Placement, ServerFacts
from experiments.records.record import SCHEMA, check_schema, known, to_values

Part = TypeVar("Part")


@dataclass(frozen=True)
class ShownExperiment:
    """A question of the matrix, as the tables print it."""

    name: str
    question: str


@dataclass(frozen=True)
class ShownCell:
    """One planned cell and arm, in the order of the matrix. ``unsupported`` is the reason why it cannot run."""

    cell_key: str
    arm: str
    experiments: tuple[str, ...]
    cell: Cell
    unsupported: str | None = None


@dataclass(frozen=True)
class Description:
    """All of ``campaign.json``.

    Commands with the same ``fingerprint`` mean the same campaign. ``environment`` are the facts of the machine,
    ``engines`` those of each engine. ``placements``, ``interpreters`` and ``postgres`` have the parts of each engine by
    ``part_key``, ``data`` those by name.

    ``repeats`` is the number of blocks. It grows with ``until``: ``precision`` as a factor above 1 less 1, ``budget_s``
    and, at the end, ``ended`` with a reason of ``precision.py``. ``source_hash`` is the SHA-256 of the loader's source,
    ``reproduces`` the campaign whose cells were run again.
    """

    campaign: str
    created_at: str
    fingerprint: str
    engine: str
    seed: int
    repeats: int
    matrix_hash: str
    matrix: Mapping[str, Any]
    selection: Mapping[str, Any]
    experiments: tuple[ShownExperiment, ...]
    cells: tuple[ShownCell, ...]
    placements: Mapping[str, Placement]
    data: Mapping[str, DataFacts]
    interpreters: Mapping[str, InterpreterFacts]
    postgres: Mapping[str, ServerFacts]
    environment: MachineFacts
    engines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    until: Mapping[str, Any] | None = None
    source_hash: str | None = None
    reproduces: str | None = None
    schema: int = SCHEMA

    @property
    def may_grow(self) -> bool:
        """Return whether blocks may still be added, as ``until`` has not ended."""
        return self.until is not None and "ended" not in self.until

    @property
    def planned_runs(self) -> set[tuple[str, str, int]]:
        """Return every planned run as (cell key, arm, block)."""
        blocks = range(1, self.repeats + 1)
        return {(cell.cell_key, cell.arm, block) for cell in self.cells if not cell.unsupported for block in blocks}

    def listed(self, experiment: str) -> Mapping[str, Sequence[Any]]:
        """Return the values that the matrix of an experiment lists, by axis."""
        lists: Mapping[str, Sequence[Any]] = self.matrix["experiments"][experiment]["matrix"]
        return lists


def part_key(engine: str, name: str) -> str:
    """Make the key of the part that a name means in an engine: 'docker: 3.13'."""
    return f"{engine}: {name}"


def part_of(parts: Mapping[str, Part], cell: Cell, axis: str) -> Part | None:
    """Return the part of a cell's value of an axis; older campaigns, of a single engine, have bare names for keys."""
    name = str(cell.value(axis))
    return parts.get(part_key(cell.engine, name), parts.get(name))


def to_json(description: Description) -> str:
    """Write the text of ``campaign.json``, without absolute paths."""
    placements = {name: {**one.facts(), "note": one.note} for name, one in description.placements.items()}
    values = {**to_values(description), "placements": placements}
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def as_written(description: Description) -> Description:
    """Return what a later command would read; only that compares with descriptions that were read."""
    return from_json(to_json(description), "campaign.json")


def from_json(text: str, place: str) -> Description:
    """Read ``campaign.json``. Raises BadInput, which names ``place``, where it is not one."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{place}: not JSON ({error}); the file has been edited or damaged") from error
    check_schema(values, place)
    try:
        parts = {
            "experiments": tuple(known(ShownExperiment, item) for item in values["experiments"]),
            "cells": tuple(_cell(item) for item in values["cells"]),
            "placements": {name: _placement(item) for name, item in values["placements"].items()},
            "data": {name: known(DataFacts, item) for name, item in values["data"].items()},
            "interpreters": {name: known(InterpreterFacts, item) for name, item in values["interpreters"].items()},
            "postgres": {name: known(ServerFacts, item) for name, item in values["postgres"].items()},
            "environment": known(MachineFacts, values["environment"]),
        }
        return known(Description, {**values, **parts})
    except (TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{place}: not a whole description of a campaign of schema {SCHEMA}: {error}") from error


def _placement(values: Mapping[str, Any]) -> Placement:
    cores = {side: frozenset(values[side]) for side in ("loader_cpus", "server_cpus")}
    return known(Placement, {**values, **cores})


def _cell(values: Mapping[str, Any]) -> ShownCell:
    return known(ShownCell, {**values, "experiments": tuple(values["experiments"]), "cell": read_cell(values["cell"])})

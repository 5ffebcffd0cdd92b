"""The description of a campaign, ``campaign.json``: its plan, the machine and the software."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from experiments.matrix.bounds import (
    MOST_RUNS,
    Amount,
    Divisor,
    Name,
    Number,
    Question,
    Repeats,
    Report,
    Scalar,
    Seed,
    Text,
)
from experiments.matrix.cell import Cell
from experiments.matrix.packages import LOCKED
from experiments.records.facts import DataFacts, InterpreterFacts, MachineFacts, Placement, ServerFacts
from experiments.records.reading import Schema, SharedCell, read_json
from experiments.records.record import SCHEMA, to_values

Part = TypeVar("Part")


@dataclass(frozen=True)
class ShownExperiment:
    """A question of the matrix, as the tables print it."""

    name: Name
    question: Question


@dataclass(frozen=True)
class ShownCell:
    """One planned cell and arm, in the order of the matrix. ``unsupported`` is the reason why it cannot run."""

    cell_key: Text
    arm: Literal["a", "b"]
    experiments: tuple[Name, ...]
    cell: SharedCell
    unsupported: Report | None = None


@dataclass(frozen=True)
class Description:
    """All of ``campaign.json``.

    Commands with the same ``fingerprint`` mean the same campaign. ``environment`` are the facts of the machine,
    ``engines`` those of each engine. ``placements``, ``interpreters`` and ``postgres`` have the parts of each engine by
    ``part_key``, ``data`` those by name.

    ``repeats`` is the number of blocks. It grows with ``until``: ``precision`` as a factor above 1 less 1, ``budget_s``
    and, at the end, ``ended`` with a reason of ``precision.py``. ``source_hash`` is the SHA-256 of the loader's source,
    ``reproduces`` the campaign whose cells were run again. ``machines`` are those of a cluster: there
    ``environment`` is the first of them, and cores are numbered from 0.
    """

    campaign: Name
    created_at: Text
    fingerprint: Text
    engine: Text
    seed: Seed
    repeats: Repeats
    matrix_hash: Text
    matrix: Mapping[str, Any]
    selection: Mapping[str, Any]
    experiments: Annotated[tuple[ShownExperiment, ...], Field(min_length=1)]
    cells: tuple[ShownCell, ...]
    placements: Mapping[Text, Placement]
    data: Mapping[Text, DataFacts]
    interpreters: Mapping[Text, InterpreterFacts]
    postgres: Mapping[Text, ServerFacts]
    environment: MachineFacts
    engines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    until: Mapping[str, Any] | None = None
    source_hash: Text | None = None
    reproduces: Name | None = None
    machines: Mapping[Text, MachineFacts] = field(default_factory=dict)
    schema: Schema = SCHEMA

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
        listing: Mapping[str, Mapping[str, Mapping[str, Sequence[Any]]]] = self.matrix.get("experiments", {})
        return listing.get(experiment, {}).get("matrix", {})


@dataclass(frozen=True)
class _Lists:
    matrix: Mapping[Text, Sequence[Scalar]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Asked:
    settings: Mapping[Text, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class _Matrix:
    experiments: Mapping[Name, _Lists] = field(default_factory=dict)
    postgres: Mapping[Text, _Asked] = field(default_factory=dict)
    timeout_s: Number = 0.0


@dataclass(frozen=True)
class _Until:
    precision: Divisor
    budget_s: Amount
    ended: Text = ""


@dataclass(frozen=True)
class _Plain:
    """What pages read of the parts of a description that stay plain mappings."""

    matrix: _Matrix
    selection: Mapping[Text, Scalar | Sequence[Scalar] | Mapping[Text, Sequence[Scalar]]]
    engines: Mapping[Text, Mapping[Text, Scalar]] = field(default_factory=dict)
    until: _Until | None = None


def _check_runs(described: Description) -> Description:
    if described.repeats * len(described.cells) > MOST_RUNS:
        raise PydanticCustomError("runs", "{text}", {"text": f"expected at most {MOST_RUNS:,} runs"})
    return described


_DESCRIPTION = TypeAdapter(Annotated[Description, AfterValidator(_check_runs)])
_PLAIN = TypeAdapter(_Plain)


def part_key(engine: str, name: str) -> str:
    """Make the key of the part that a name means in an engine: 'docker: 3.13'."""
    return f"{engine}: {name}"


def part_name(cell: Cell, axis: str) -> str:
    """Return the name of the part that a cell has on an axis; an interpreter is another one with other packages."""
    name = str(cell.value(axis))
    return f"{name} with {cell.packages}" if axis == "python" and cell.packages != LOCKED else name


def part_apart(name: str, cell: Cell) -> str:
    """Return the name of a part that the cell has on two hosts, which may be other ones than the harness's machine."""
    return f"{name} over {cell.network}"


def part_of(parts: Mapping[str, Part], cell: Cell, axis: str) -> Part | None:
    """Return the part of a cell's value of an axis; older campaigns, of a single engine, have bare names for keys."""
    name = part_name(cell, axis)
    of_engine = parts.get(part_key(cell.engine, name), parts.get(name))
    return parts.get(part_key(cell.engine, part_apart(name, cell)), of_engine)


def to_json(description: Description) -> str:
    """Write the text of ``campaign.json``, without absolute paths."""
    placements = {name: {**one.facts(), "note": one.note} for name, one in description.placements.items()}
    values = {**to_values(description), "placements": placements}
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def as_written(description: Description) -> Description:
    """Return what a later command would read; only that compares with descriptions that were read."""
    return from_json(to_json(description), "campaign.json")


def from_json(text: str | bytes, place: str) -> Description:
    """Read ``campaign.json``. Raises BadInput, which names ``place``, where it is not one."""
    content = text.encode() if isinstance(text, str) else text
    read_json(_PLAIN, content, place)
    return read_json(_DESCRIPTION, content, place)

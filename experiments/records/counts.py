"""The count of one cell, a line of ``counts.jsonl``: instructions and system calls per row or operation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from experiments.matrix.bounds import Amount, Divisor, Pool
from experiments.records.reading import SCHEMA, Schema, SharedCell, SharedReport, SharedText, read_json
from experiments.records.record import to_values


@dataclass(frozen=True, slots=True)
class CellCount:
    """The client's work for one INSERTed row, counted after the timed blocks.

    Of another workload than ``ingest`` a row means an operation, in the names of the fields, too.
    ``instructions_per_row`` are those in user space, the mean of two counts that differ by ``noise``, as a share of it.
    ``system_calls_per_row`` are the kernel's part. The tools, with their versions if known, counted them over so many
    ``connections``; a reason says why there is no number. Of several lines of a cell the last one is valid.
    """

    campaign: SharedText
    cell_key: SharedText
    counted_at: SharedText
    cell: SharedCell
    instructions_per_row: Divisor | None = None
    noise: Amount | None = None
    instructions_tool: SharedText | None = None
    instructions_tool_version: SharedText | None = None
    instructions_reason: SharedReport | None = None
    system_calls_per_row: Amount | None = None
    system_calls_tool: SharedText | None = None
    system_calls_tool_version: SharedText | None = None
    system_calls_reason: SharedReport | None = None
    connections: Pool | None = None
    schema: Schema = SCHEMA


_COUNT = TypeAdapter(CellCount)


def to_json_line(count: CellCount) -> str:
    """Write the count as one line of JSON, without its end and without absolute paths."""
    return json.dumps(to_values(count), ensure_ascii=False)


def from_json_line(line: bytes, place: str, shared: dict[Any, Any] | None = None) -> CellCount:
    """Read the count of one line. Raises BadInput, which names ``place``."""
    return read_json(_COUNT, line, place, shared)

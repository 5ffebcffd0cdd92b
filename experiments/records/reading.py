"""Validation of the files of campaigns, which anybody may have written: JSON to dataclasses, once, where it is read."""

from __future__ import annotations

import re
from array import array
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import fields
from functools import cache
from struct import Struct
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, Field, PlainValidator, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError, from_json

from experiments.errors import BadInput
from experiments.formatting import shortened
from experiments.matrix.bounds import Amount, Count, Number, Report, Text
from experiments.matrix.cell import Cell, read_cell

Read = TypeVar("Read")
Part = TypeVar("Part")

SCHEMA = 1

# A text, a mark, or a number or constant.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{},:]|[^][{},:"\s]+')
_LINE = re.compile(r" at line (\d+) column (\d+)")
_CELL = TypeAdapter(Cell)
_DOUBLE = Struct("d")


class Numbers(Mapping[str, float]):
    """Numbers by name, of which records have many: equal names are shared, and a number takes 8 bytes."""

    __slots__ = ("_names", "_numbers")

    def __init__(self, names: tuple[str, ...], numbers: Iterable[float]) -> None:
        self._names, self._numbers = names, array("d", numbers).tobytes()

    def __getitem__(self, name: str) -> float:
        try:
            place = self._names.index(name)
        except ValueError:
            raise KeyError(name) from None
        number: float = _DOUBLE.unpack_from(self._numbers, place * _DOUBLE.size)[0]
        return number

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    # The inherited views look up one name after the other.
    def items(self) -> ItemsView[str, float]:
        """Return names with numbers."""
        return dict(zip(self._names, array("d", self._numbers), strict=True)).items()

    def values(self) -> ValuesView[float]:
        """Return the numbers."""
        return dict(zip(self._names, array("d", self._numbers), strict=True)).values()

    def __deepcopy__(self, memo: object) -> dict[str, float]:
        """Return what can be written as JSON, for ``dataclasses.asdict``."""
        return dict(self.items())


def _pack(values: Mapping[str, float], info: ValidationInfo[dict[Any, Any]]) -> Numbers:
    names = tuple(values)
    return Numbers(info.context.setdefault(names, names), values.values())


def share(value: Any, info: ValidationInfo[dict[Any, Any]]) -> Any:
    """Return the equal value that the file had before, if any: a campaign repeats its cells and its work."""
    return info.context.setdefault(tuple(value.items()) if isinstance(value, dict) else value, value)


def _share_count(value: int, info: ValidationInfo[dict[Any, Any]]) -> int:
    # An amount may be equal, and is no integer.
    count: int = info.context.setdefault(("count", value), value)
    return count


def _read_cell(values: Any, info: ValidationInfo[dict[Any, Any]]) -> Cell:
    if not isinstance(values, dict):
        raise PydanticCustomError("cell", "expected the axes of a cell")
    try:
        known: Cell = info.context[key := ("cell", *values.items())]
        return known
    except (KeyError, TypeError):
        # Read below: a key that cannot be looked up is no cell, either.
        pass
    try:
        cell = info.context[key] = _CELL.validate_python(read_cell(values).axes())
        return cell
    except (TypeError, ValidationError) as error:
        text = _describe(error) if isinstance(error, ValidationError) else str(error)
        raise PydanticCustomError("cell", "{text}", {"text": text}) from error


Schema = Annotated[int, Field(strict=True, ge=1, le=SCHEMA)]
# For numbers that are rounded, or often 0.
SharedAmount = Annotated[Amount, AfterValidator(share)]
SharedNumber = Annotated[Number, AfterValidator(share)]
SharedText = Annotated[Text, AfterValidator(share)]
SharedReport = Annotated[Report, AfterValidator(share)]
SharedCount = Annotated[Count, AfterValidator(_share_count)]
SharedCounts = Annotated[Mapping[Text, Count], AfterValidator(share)]
Amounts = Annotated[Mapping[Text, Amount], AfterValidator(_pack)]
SignedNumbers = Annotated[Mapping[Text, Number], AfterValidator(_pack)]
SharedTexts = Annotated[Mapping[Text, Text], AfterValidator(share)]
SharedCell = Annotated[Cell, PlainValidator(_read_cell)]


def read_json(adapter: TypeAdapter[Read], content: bytes, place: str, shared: dict[Any, Any] | None = None) -> Read:
    """Return what the JSON says; equal parts are one, ``shared`` with other lines. Raises BadInput with the place.

    The place is ``FILE:LINE`` of a line, or ``FILE`` for all of its content.
    """
    try:
        return adapter.validate_json(content, strict=True, context={} if shared is None else shared)
    except ValidationError as error:
        whole = f"{place}:{{line}}" if ":" not in place.rpartition("/")[2] else place
        raise BadInput(_refuse(error, content, whole)) from error


def _refuse(error: ValidationError, content: bytes, place: str) -> str:
    damaged = "the file has been edited or damaged"
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        at, what = _LINE.search(first["msg"]), _LINE.sub("", first["msg"].removeprefix("Invalid JSON: "))
        return f"{place.format(line=at[1] if at else 1)}: not JSON ({what}); {damaged}"
    values = from_json(content)
    schema = values.get("schema") if isinstance(values, dict) else None
    if not isinstance(schema, int):
        return f"{place.format(line=1)}: found no schema number; expected the schema number {SCHEMA}"
    if schema > SCHEMA:
        newer = f"written with schema {schema}, and this version reads up to {SCHEMA}"
        return f"{place.format(line=1)}: {newer}; update this checkout to read these results"
    line = find_line(content, first["loc"])
    return f"{place.format(line=line)}: not valid by schema {SCHEMA}: {_describe(error)}; {damaged}"


def _describe(error: ValidationError) -> str:
    """Return the first fault: 'phases.data.rows: found -1, input should be greater than or equal to 0'."""
    first = error.errors(include_url=False, include_context=False)[0]
    path, found = ".".join(map(str, first["loc"])), first["input"]
    shown = f"found {shortened(repr(found), 60)}, " if isinstance(found, str | int | float | None) else ""
    return f"{shortened(path, 200)}{': ' * bool(path)}{shown}{first['msg'][:1].lower()}{first['msg'][1:]}"


def find_line(content: bytes, path: Sequence[str | int]) -> int:
    """Return the line, from 1, of the deepest part of the path that the JSON has."""
    wanted = [step if isinstance(step, int) else step.encode() for step in path]
    here: list[Any] = []
    depth, line, key = 0, 1, b""
    for match in _TOKEN.finditer(content):
        token = match[0]
        if token in (b"{", b"["):
            here.append(b"" if token == b"{" else 0)
        elif token in (b"}", b"]"):
            here.pop()
        elif token == b"," and isinstance(here[-1], int):
            here[-1] += 1
        elif token == b":":
            here[-1] = key
        key = token[1:-1]
        if depth < len(here) <= len(wanted) and here == wanted[: len(here)]:
            depth, line = len(here), content.count(b"\n", 0, match.start()) + 1
    return line


@cache
def _field_names(part: type[Any]) -> frozenset[str]:
    return frozenset(item.name for item in fields(part))


def known(part: type[Part], values: Mapping[str, Any]) -> Part:
    """Make an instance of the dataclass from those ``values`` that it knows; TypeError where one is missing."""
    names = _field_names(cast(Any, part))
    return part(**{name: value for name, value in values.items() if name in names})

"""Readers for one geo header or one data segment of a state; every line is checked before it is used.

Checks run over whole blocks where they can, so that they cost little beside splitting the lines. A line that does not
pass is then explained by the slow functions of ``bigdata.census.sf1``.
"""

from __future__ import annotations

import re
from itertools import islice
from operator import itemgetter
from typing import Callable, Iterator, NamedTuple, Sequence

from bigdata.census.dictionary import segment, segment_columns
from bigdata.census.sf1 import (
    DECIMAL_NUMBER,
    KEY_COLUMNS,
    MAXIMUM_DATA_LINE_CHARACTERS,
    GeoRecord,
    data_line_prefix,
    explain_data_line,
    explain_geo_line,
    geo_line_pattern,
    parse_geo_line,
)
from bigdata.census.zip_lines import Block, ZippedFile
from bigdata.errors import BadInput

_LOGRECNO_OF_GEO_LINE = slice(18, 25)
_LOGRECNO_OF_DATA_LINE = slice(15, 22)
_DIGITS_AND_COMMAS = b"0123456789,"


class GeoFile(NamedTuple):
    """The geo header of a state, or its first records."""

    file: ZippedFile
    stusab: str
    records: int | None
    """Number of records to read; None for all."""

    def lines(self) -> Iterator[str]:
        """Yield the checked lines, without line ends. Raises BadInput at the first bad one."""
        return islice(self._lines(), self.records)

    def geo_records(self) -> Iterator[GeoRecord]:
        """Yield the records, in order. Raises BadInput at the first bad line."""
        return map(parse_geo_line, self.lines())

    def logical_records(self) -> bytes:
        """Return 1 or 0 for each number from 0 to the last LOGRECNO: 1 if a geo record has it.

        Raises BadInput at the first bad line, and if LOGRECNO does not rise from line to line.
        """
        present = bytearray(1)
        for position, line in enumerate(self.lines(), 1):
            number = int(line[_LOGRECNO_OF_GEO_LINE])
            if number < len(present):
                raise _not_rising(self.file, position, line, _LOGRECNO_OF_GEO_LINE)
            present += bytes(number - len(present))
            present.append(1)
        return bytes(present)

    def _lines(self) -> Iterator[str]:
        matches = geo_line_pattern(self.stusab).fullmatch
        for position, line in self.file.numbered_lines():
            if not matches(line):
                raise BadInput(f"{self.file.place(position)}: {explain_geo_line(line, self.stusab)}")
            yield line


class SegmentFile(NamedTuple):
    """One segment of data of a state."""

    file: ZippedFile
    stusab: str
    number: str
    """Number of the segment: '01' to '39'."""
    only_first: bool
    """Read only the records up to the last one of the geo header's first records, rather than all."""

    def fields(self, logical_records: bytes) -> Iterator[list[str]]:
        """Yield the columns of each line as checked text. ``logical_records`` is that of the state's geo file.

        Raises BadInput at the first bad line, if LOGRECNO does not rise from line to line, and if it is not in
        the geo header.
        """
        prefix = data_line_prefix(self.stusab, self.number)
        columns = segment(self.number).columns
        decimals_are_right = _decimals_check(self.number)
        previous, last = 0, len(logical_records) - 1
        stop = last if self.only_first else None
        for block in self.file.blocks():
            suspect = not _is_clean(block, prefix, decimals_are_right is not None)
            for position, line in enumerate(block.lines(), block.first_line):
                fields = line.split(",")
                if (
                    suspect
                    or len(fields) != columns
                    or not line.startswith(prefix)
                    or len(fields[4]) != 7
                    or not fields[-1]
                    or len(line) > MAXIMUM_DATA_LINE_CHARACTERS
                    or (decimals_are_right is not None and not decimals_are_right(line, fields))
                ):
                    self._refuse_if_wrong(line, position)
                number = int(fields[4])
                if number <= previous or number > last or not logical_records[number]:
                    if number > last and self.only_first:
                        return
                    raise self._out_of_place(line, position, number <= previous)
                previous = number
                yield fields
                if number == stop:
                    return

    def _refuse_if_wrong(self, line: str, position: int) -> None:
        reason = explain_data_line(line, self.stusab, self.number)
        if reason:
            raise BadInput(f"{self.file.place(position)}: {reason}")

    def _out_of_place(self, line: str, position: int, not_rising: bool) -> BadInput:
        if not_rising:
            return _not_rising(self.file, position, line, _LOGRECNO_OF_DATA_LINE)
        return BadInput(
            f"{self.file.place(position)}: found LOGRECNO {line[_LOGRECNO_OF_DATA_LINE]}, which is not in the "
            f"geo header of {self.stusab}; expected a data record whose geo record is there"
        )


def _is_clean(block: Block, prefix: str, decimals: bool) -> bool:
    """Return True if no line has unexpected characters or an empty item before its last one.

    A few passes over the bytes in C, in place of a look at every item.
    """
    left = block.data.translate(None, _DIGITS_AND_COMMAS + b"." * decimals)
    letters = prefix.encode().translate(None, _DIGITS_AND_COMMAS)
    lines = left.count(b"\n")
    return b",," not in block.data and left in ((letters + b"\r\n") * lines, (letters + b"\n") * lines)


def _decimals_check(number: str) -> Callable[[str, Sequence[str]], bool] | None:
    """Return a function of (line, fields) that checks that exactly the decimal items have a point.

    None for a segment without decimal items.
    """
    if not segment(number).decimal_items:
        # Most have none, and then the long list of items need not be read at all.
        return None
    columns = [column for column, item in enumerate(segment_columns(number), KEY_COLUMNS) if item.decimal]
    # The LOGRECNO comes along, because itemgetter returns no tuple for a single column.
    cut = itemgetter(4, *columns)
    matches = re.compile(r"\d+" + f",{DECIMAL_NUMBER}" * len(columns), re.ASCII).fullmatch

    def are_right(line: str, fields: Sequence[str]) -> bool:
        decimals = ",".join(cut(fields))
        return matches(decimals) is not None and line.count(".") == decimals.count(".")

    return are_right


def _not_rising(file: ZippedFile, position: int, line: str, logrecno: slice) -> BadInput:
    found = line[logrecno]
    for earlier, text in islice(file.numbered_lines(), position - 1):
        if text[logrecno] == found:
            return BadInput(
                f"{file.place(position)}: found LOGRECNO {found} again, a duplicate of line {earlier}; "
                "expected each LOGRECNO once"
            )
    return BadInput(
        f"{file.place(position)}: found LOGRECNO {found}; expected one above that of the line before, from 0000001 on"
    )

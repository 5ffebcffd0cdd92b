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

ABSENT, IN_ALL_SEGMENTS, BLOCK_ROW = range(3)

_BLOCK_LEVELS = ("091", "101", "150", "154")
_SUMLEV_OF_GEO_LINE = slice(8, 11)
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
        """Return for each number from 0 to the last LOGRECNO which segments have it.

        ABSENT: none; BLOCK_ROW: only those with records of blocks; IN_ALL_SEGMENTS: all.
        Raises BadInput at the first bad line, and if LOGRECNO does not rise from line to line.
        """
        present = bytearray(1)
        for position, line in enumerate(self.lines(), 1):
            number = int(line[_LOGRECNO_OF_GEO_LINE])
            if number < len(present):
                raise _not_rising(self.file, position, line, _LOGRECNO_OF_GEO_LINE)
            present += bytes(number - len(present))
            present.append(BLOCK_ROW if line[_SUMLEV_OF_GEO_LINE] in _BLOCK_LEVELS else IN_ALL_SEGMENTS)
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

        Raises BadInput at the first bad line, and unless each geo record has its line, once and in order.
        """
        prefix = data_line_prefix(self.stusab, self.number)
        columns = segment(self.number).columns
        decimals_are_right = _decimals_check(self.number)
        wanted = self._wanted(logical_records)
        expected, position = wanted.find(1), 0
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
                if number != expected:
                    raise self._out_of_place(line, position, expected, logical_records)
                yield fields
                expected = wanted.find(1, number + 1)
                if expected < 0 and self.only_first:
                    return
        if expected >= 0:
            raise BadInput(
                f"{self.file.place(position)}: the file ends here, before LOGRECNO {expected:07}; "
                f"expected a data record for each geo record of {self.stusab}"
            )

    def _wanted(self, logical_records: bytes) -> bytes:
        """Return 1 for each number that a record of this segment must have, 0 for the others."""
        block_rows = 1 if segment(self.number).in_block_rows else 0
        return logical_records.translate(bytes([0, 1, block_rows]) + bytes(253))

    def _refuse_if_wrong(self, line: str, position: int) -> None:
        reason = explain_data_line(line, self.stusab, self.number)
        if reason:
            raise BadInput(f"{self.file.place(position)}: {reason}")

    def _out_of_place(self, line: str, position: int, expected: int, logical_records: bytes) -> BadInput:
        found = line[_LOGRECNO_OF_DATA_LINE]
        number = int(found)
        known = logical_records[number : number + 1] not in (b"", b"\0")
        if 0 <= expected < number:
            return BadInput(
                f"{self.file.place(position)}: found LOGRECNO {found}, expected {expected:07}: "
                f"each geo record of {self.stusab} has one data record, in the same order"
            )
        if not known:
            return BadInput(
                f"{self.file.place(position)}: found LOGRECNO {found}, which is not in the "
                f"geo header of {self.stusab}; expected a data record whose geo record is there"
            )
        if logical_records[number] == BLOCK_ROW and not segment(self.number).in_block_rows:
            return BadInput(
                f"{self.file.place(position)}: found LOGRECNO {found}, a geo record of a summary level "
                f"({', '.join(_BLOCK_LEVELS)}) that segment {self.number} leaves out"
            )
        return _not_rising(self.file, position, line, _LOGRECNO_OF_DATA_LINE)


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

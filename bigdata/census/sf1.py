"""The two line formats of Census 2000 Summary File 1, field by field: geo header and data segments.

A geo line has 400 characters in fixed columns, a data line comma-separated columns: ``FILEID,STUSAB,CHARITER,CIFSN,
LOGRECNO,item,item,...``. Text is Latin-1. Both are described in chapters 6 and 7 of the Bureau's technical
documentation (census.gov/prod/cen2000/doc/sf1.pdf).

Whole files are checked elsewhere, in bulk; the functions here that explain are for the one line that was refused.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Callable, Dict, NamedTuple, Pattern, Sequence, Union

from bigdata.census.dictionary import geo_field, segment, segment_columns

FILEID = "uSF1"
CHARITER = "000"
GEO_LINE_CHARACTERS = 400
KEY_COLUMNS = 5
"""Number of columns before the items of a data line."""

# Far more than the longest data line has, and few enough for int() to take an item of that length.
MAXIMUM_DATA_LINE_CHARACTERS = 4000

Number = Union[int, Decimal]


class GeoRecord(NamedTuple):
    """A logical record of the geo header, which is one place: the parameters of its INSERT, in order.

    Text without the blanks around it; None if the file has only blanks.
    """

    fileid: str
    stusab: str
    sumlev: str
    geocomp: str
    chariter: str
    cifsn: str | None
    logrecno: str
    state: str
    county: str | None
    tract: str | None
    blkgrp: str | None
    block: str | None
    name: str
    pop100: int
    hu100: int
    latitude: Decimal
    """Degrees, with six decimal places."""
    longitude: Decimal
    land_area: int
    """Square metres."""
    water_area: int


class DataRecord(NamedTuple):
    """One segment's items of one logical record."""

    fileid: str
    stusab: str
    chariter: str
    cifsn: str
    logrecno: str
    segment: str
    values: tuple[Number, ...]
    """Ordered as ``dictionary.segment_columns``; those with a decimal point are Decimal and keep their scale."""


class Key(NamedTuple):
    """What a geo record is found by: the parameters of a statement, in order."""

    fileid: str
    stusab: str
    logrecno: str


GEO_COLUMNS: tuple[str, ...] = GeoRecord._fields

# In the order of GeoRecord, as are the two below.
_KEY_FIELDS = ("FILEID", "STUSAB", "SUMLEV", "GEOCOMP", "CHARITER", "CIFSN", "LOGRECNO")
_TEXT_FIELDS = (*_KEY_FIELDS, "STATE", "COUNTY", "TRACT", "BLKGRP", "BLOCK", "NAME")
_COUNT_FIELDS = ("POP100", "HU100", "AREALAND", "AREAWATR")
_DEGREE_FIELDS = ("INTPTLAT", "INTPTLON")
_REQUIRED_TEXT_FIELDS = ("GEOCOMP", "STATE", "NAME")

WHOLE_NUMBER = r"\d+"
# Decimal items have a point in all known files ('35.2'), but nothing is lost in taking one that has none.
DECIMAL_NUMBER = r"\d*\.?\d+"


def describe(record: GeoRecord | DataRecord | Key) -> str:
    """Return the record's name for errors: 'data record RI segment 01 logrecno 0000123'."""
    if isinstance(record, DataRecord):
        return f"data record {record.stusab} segment {record.segment} logrecno {record.logrecno}"
    return f"geo record {record.stusab} logrecno {record.logrecno}"


def parse_geo_line(line: str) -> GeoRecord:
    """Return the record of a line that ``geo_line_pattern`` matches."""
    texts, counts, degrees = (cut(line) for cut in _geo_cuts())
    fileid, stusab, sumlev, geocomp, chariter, cifsn, logrecno, state, county, tract, blkgrp, block, name = (
        text.strip(" ") for text in texts
    )
    pop100, hu100, land_area, water_area = map(int, counts)
    latitude, longitude = (Decimal(text).scaleb(-6) for text in degrees)
    return GeoRecord(
        fileid,
        stusab,
        sumlev,
        geocomp,
        chariter,
        cifsn or None,
        logrecno,
        state,
        county or None,
        tract or None,
        blkgrp or None,
        block or None,
        name,
        pop100,
        hu100,
        latitude,
        longitude,
        land_area,
        water_area,
    )


def parse_data_fields(fields: Sequence[str], numbers: dict[str, Number]) -> DataRecord:
    """Return the record of a data line's checked columns. ``numbers`` converts texts, as NumberCache does."""
    fileid, stusab, chariter, cifsn, logrecno = fields[:KEY_COLUMNS]
    return DataRecord(fileid, stusab, chariter, cifsn, logrecno, cifsn, itemgetter(*fields[KEY_COLUMNS:])(numbers))


class NumberCache(Dict[str, Number]):
    """Cache from the text of a checked item to its number. It is bounded: most items have the same few values."""

    _MAXIMUM_LENGTH = 1 << 15

    def __missing__(self, text: str) -> Number:
        number: Number = Decimal(text) if "." in text else int(text)
        if len(self) < self._MAXIMUM_LENGTH:
            self[text] = number
        return number


def data_line_prefix(stusab: str, number: str) -> str:
    """Return the beginning of every line of a state's segment: 'uSF1,RI,000,01,'."""
    return f"{FILEID},{stusab},{CHARITER},{number},"


def geo_line_pattern(stusab: str) -> Pattern[str]:
    """Return a pattern for whole valid geo lines of this state, without line ends; see ``explain_geo_line``."""
    parts = {
        "FILEID": FILEID.ljust(6),
        "STUSAB": re.escape(stusab),
        "SUMLEV": r"\d{3}",
        "CHARITER": CHARITER,
        "CIFSN": "  ",
        "LOGRECNO": r"(\d{7})",
    }
    for name in _REQUIRED_TEXT_FIELDS:
        parts[name] = f"(?! {{{_width(name)}}})[^\\0]{{{_width(name)}}}"
    for name in _COUNT_FIELDS:
        # Blanks, then digits, up to exactly the end of the field.
        parts[name] = rf" *\d+(?<=\A.{{{geo_field(name).end}}})"
    for name in _DEGREE_FIELDS:
        parts[name] = rf"[+-]\d{{{_width(name) - 1}}}"
    pattern, position = "", 0
    for name in sorted(parts, key=lambda part: geo_field(part).start):
        field = geo_field(name)
        skipped = field.start - position
        pattern += f"[^\\0]{{{skipped}}}{parts[name]}" if skipped else parts[name]
        position = field.end
    return re.compile(f"{pattern}[^\\0]{{{GEO_LINE_CHARACTERS - position}}}", re.ASCII | re.DOTALL)


def explain_geo_line(line: str, stusab: str) -> str | None:
    """Return what is wrong with this line of the state's geo header (found and expected), or None."""
    if len(line) != GEO_LINE_CHARACTERS:
        return f"found {len(line)} characters, expected {GEO_LINE_CHARACTERS}"
    if "\0" in line:
        return f"character {line.index(chr(0)) + 1}: found '\\x00', expected text: no database can hold this"
    expectations: list[tuple[str, str, str]] = [
        ("FILEID", re.escape(FILEID.ljust(6)), f"'{FILEID.ljust(6)}'"),
        ("STUSAB", re.escape(stusab), f"'{stusab}' as the file's name says"),
        ("SUMLEV", r"\d{3}", "three digits"),
        ("CHARITER", CHARITER, f"'{CHARITER}'"),
        ("CIFSN", "  ", "blanks, as this is the geo header"),
        ("LOGRECNO", r"\d{7}", "seven digits"),
    ]
    expectations += [(name, r".*[^ ].*", "text") for name in _REQUIRED_TEXT_FIELDS]
    expectations += [(name, r" *\d+", "a whole number, to the right") for name in _COUNT_FIELDS]
    expectations += [(name, r"[+-]\d+", "a sign and millionths of a degree") for name in _DEGREE_FIELDS]
    for name, pattern, expected in expectations:
        field = geo_field(name)
        found = line[field.start : field.end]
        if not re.fullmatch(pattern, found, re.ASCII | re.DOTALL):
            return f"{name} (characters {field.start + 1} to {field.end}): found {found!r}, expected {expected}"
    return None


def explain_data_line(line: str, stusab: str, number: str) -> str | None:
    """Return what is wrong with this line of the state's segment (found and expected), or None."""
    if len(line) > MAXIMUM_DATA_LINE_CHARACTERS:
        return f"found {len(line)} characters, expected at most {MAXIMUM_DATA_LINE_CHARACTERS}"
    fields = line.split(",")
    columns = segment(number).columns
    if len(fields) != columns:
        return f"found {len(fields)} columns, expected {columns} ({KEY_COLUMNS} and {columns - KEY_COLUMNS} items)"
    keys = (("FILEID", FILEID), ("STUSAB", stusab), ("CHARITER", CHARITER), ("CIFSN", number))
    for position, (name, expected) in enumerate(keys):
        if fields[position] != expected:
            return f"column {position + 1}, {name}: found {fields[position]!r}, expected {expected!r}"
    if not re.fullmatch(r"\d{7}", fields[4], re.ASCII):
        return f"column 5, LOGRECNO: found {fields[4]!r}, expected seven digits"
    for position, (found, item) in enumerate(zip(fields[KEY_COLUMNS:], segment_columns(number)), KEY_COLUMNS + 1):
        if not re.fullmatch(DECIMAL_NUMBER if item.decimal else WHOLE_NUMBER, found, re.ASCII):
            expected = "a number" if item.decimal else "a whole number"
            what = repr(found) if found else "nothing"
            return f"column {position}, item {item.index} of {item.matrix}: found {what}, expected {expected}"
    return None


def _width(name: str) -> int:
    field = geo_field(name)
    return field.end - field.start


@lru_cache(maxsize=None)
def _geo_cuts() -> tuple[Callable[[str], tuple[str, ...]], ...]:
    """Return functions that cut the text, count and degree fields from a geo line."""
    return tuple(
        itemgetter(*(slice(geo_field(name).start, geo_field(name).end) for name in names))
        for names in (_TEXT_FIELDS, _COUNT_FIELDS, _DEGREE_FIELDS)
    )

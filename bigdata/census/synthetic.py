"""Synthetic Summary File 1 of a state: the formats, sizes and proportions of the real files, the same bytes everywhere.

Not the figures of any place. What holds in the real files and loads are checked by does hold: the first items of P1,
P2, P3 and P4 equal POP100 of the geo record, the blocks (summary level 101) add up to the state from two records on,
segments 12 to 36 leave out the records of some summary levels, and about 92% of the other items are 0.

Only ``random()`` and ``getrandbits()`` of a generator that a text seeds are used: these give the same numbers in every
version of Python. Zips are not compressed, because zlib's output depends on its version.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from random import Random
from typing import Iterator, NamedTuple, Sequence

from bigdata.census.dictionary import Segment, chosen_segments, geo_field, matrices, segment_columns
from bigdata.census.sf1 import CHARITER, FILEID, GEO_LINE_CHARACTERS, data_line_prefix
from bigdata.census.states import CensusState, find_state
from bigdata.census.zip_lines import ENCODING
from bigdata.errors import BadInput
from bigdata.whole_file import whole_file

MAXIMUM_RECORDS = 1_000_000
"""A limit above the records of any state; county codes keep three digits, and zips need no zip64."""

STATE, COUNTY, TRACT, BLOCK = "040", "050", "140", "101"
BLOCK_GROUP, BLOCK_GROUP_PART, TRACT_PART = "150", "091", "154"

_LEVELS_WITHOUT_PCT = (BLOCK_GROUP_PART, BLOCK, BLOCK_GROUP, TRACT_PART)
_AREA_LEVELS = (TRACT, BLOCK_GROUP_PART, BLOCK_GROUP, TRACT_PART)
_RECORDS_PER_COUNTY = 4001
_RECORDS_PER_TRACT = 40
_ZIP_TIME = (2001, 7, 24, 7, 32, 0)

# An item is drawn as one byte: 236 of 256 values are 0 (92%), the others a count that falls off as counts do.
_COUNTS = ("0",) * 236 + ("1",) * 6 + ("2",) * 4 + ("3", "3", "4", "5", "6", "8", "11", "17", "42", "307")
_TOTALS = ("P1", "P2", "P3", "P4")


class Place(NamedTuple):
    """One logical record of a synthetic state."""

    logrecno: int
    level: str
    county: int | None
    tract: int | None
    block: int | None
    population: int


def generate(directory: Path, state: str, segments: Sequence[str], records: int, seed: int) -> list[Path]:
    """Write the geo header and these segments ('01', ...) with so many logical records; return the files written.

    ``state`` is a name or an abbreviation. The bytes depend on the arguments alone, those of one file not on which
    others are written. Raises BadInput for arguments that are not possible, or if a file cannot be written.
    """
    wanted = chosen_segments(segments)
    if not 1 <= records <= MAXIMUM_RECORDS:
        raise BadInput(f"--records: found {records}, expected 1 to {MAXIMUM_RECORDS}")
    of_state = find_state(state)
    low = of_state.stusab.lower()
    places = _places(records, _seeded(seed, of_state, "places"))
    written = [_write(directory, f"{low}geo", _geo_lines(of_state, places, _seeded(seed, of_state, "geo")))]
    for segment in wanted:
        random = _seeded(seed, of_state, segment.number)
        written.append(_write(directory, f"{low}000{segment.number}", _data_lines(of_state, segment, places, random)))
    return written


def _seeded(seed: int, state: CensusState, purpose: str) -> Random:
    return Random(f"{seed}/{state.stusab}/{purpose}")  # noqa: S311 (no secret is made of it)


def _places(records: int, random: Random) -> list[Place]:
    """Return a state, its counties, each with tracts, parts and blocks; the last record is always a block."""
    levels = [_level(position, records) for position in range(records)]
    county = tract = block = 0
    places: list[Place] = []
    for logrecno, level in enumerate(levels, 1):
        county += level == COUNTY
        tract = 0 if level == COUNTY else tract + (level == TRACT)
        block = block + 1 if level == BLOCK else 0
        population = int(random.random() ** 4 * 400) if level == BLOCK else 0
        places.append(
            Place(logrecno, level, county or None, tract or None, block if level == BLOCK else None, population)
        )
    return _with_sums(places, random)


def _level(position: int, records: int) -> str:
    if position == 0:
        return STATE
    if position == records - 1:
        return BLOCK
    in_county = (position - 1) % _RECORDS_PER_COUNTY
    if in_county == 0:
        return COUNTY
    in_tract = (in_county - 1) % _RECORDS_PER_TRACT
    return _AREA_LEVELS[in_tract] if in_tract < len(_AREA_LEVELS) else BLOCK


def _with_sums(places: list[Place], random: Random) -> list[Place]:
    """Give the state, the counties, the tracts and their parts the population of their blocks."""
    if len(places) == 1:
        return [places[0]._replace(population=1 + int(random.random() * 1_000_000))]
    sums: dict[tuple[int | None, int | None], int] = {}
    for place in places:
        for area in {(None, None), (place.county, None), (place.county, place.tract)}:
            sums[area] = sums.get(area, 0) + place.population
    return [
        place if place.level == BLOCK else place._replace(population=sums[place.county, place.tract])
        for place in places
    ]


def _geo_lines(state: CensusState, places: list[Place], random: Random) -> Iterator[str]:
    same = {
        "FILEID": FILEID,
        "STUSAB": state.stusab,
        "GEOCOMP": "00",
        "CHARITER": CHARITER,
        "REGION": state.region,
        "DIVISION": state.division,
        "STATECE": state.census,
        "STATE": state.fips,
        "FUNCSTAT": "S",
    }
    for place in places:
        millionths = [int((random.random() - 0.5) * 1_000_000) for _ in range(2)]
        texts = {
            **same,
            "SUMLEV": place.level,
            "LOGRECNO": f"{place.logrecno:07}",
            "NAME": _name(state, place),
            "AREALAND": f"{int(random.random() * 10_000_000):14}",
            "AREAWATR": f"{int(random.random() ** 8 * 1_000_000):14}",
            "POP100": f"{place.population:9}",
            "HU100": f"{int(place.population * (0.3 + random.random() * 0.2)):9}",
            "INTPTLAT": f"{state.latitude * 1_000_000 + millionths[0]:+09}",
            "INTPTLON": f"{state.longitude * 1_000_000 + millionths[1]:+010}",
        }
        texts.update(_codes(place))
        line = [" "] * GEO_LINE_CHARACTERS
        for name, text in texts.items():
            start = geo_field(name).start
            line[start : start + len(text)] = text
        yield "".join(line)


def _codes(place: Place) -> dict[str, str]:
    """Return the geographic codes that a record of this level has."""
    codes = {}
    if place.county is not None:
        codes["COUNTY"] = f"{place.county * 2 - 1:03}"
    if place.tract is not None:
        codes["TRACT"] = f"{place.tract * 100:06}"
    if place.level in (BLOCK_GROUP_PART, BLOCK_GROUP, BLOCK):
        codes["BLKGRP"] = "1"
    if place.block is not None:
        codes["BLOCK"] = f"1{place.block - 1:03}"
    return codes


def _name(state: CensusState, place: Place) -> str:
    if place.level == STATE:
        return state.name
    if place.level == COUNTY:
        return f"County {place.county}"
    if place.level in (TRACT, TRACT_PART):
        return f"Census Tract {place.tract}"
    if place.block is not None:
        return f"Block {999 + place.block}"
    return "Block Group 1"


def _data_lines(state: CensusState, segment: Segment, places: list[Place], random: Random) -> Iterator[str]:
    prefix = data_line_prefix(state.stusab, segment.number)
    columns = segment_columns(segment.number)
    totals = [column for column, item in enumerate(columns) if item.matrix in _TOTALS and item.index == 0]
    decimals = [column for column, item in enumerate(columns) if item.decimal]
    medians = {matrix.code for matrix in matrices() if "MEDIAN" in matrix.name}
    for place in places:
        if place.level in _LEVELS_WITHOUT_PCT and not segment.in_block_rows:
            continue
        drawn = random.getrandbits(8 * len(columns)).to_bytes(len(columns), "little")
        items = [_COUNTS[byte] for byte in drawn]
        for column in totals:
            items[column] = str(place.population)
        for column in decimals:
            # As in the real files: an average has two places ('2.47'), a median of ages one ('35.2').
            is_median = columns[column].matrix in medians
            items[column] = f"{random.random() * 90:.1f}" if is_median else f"{random.random() * 6:.2f}"
        yield f"{prefix}{place.logrecno:07},{','.join(items)}"


def _write(directory: Path, stem: str, lines: Iterator[str]) -> Path:
    path = directory / f"{stem}_uf1.zip"
    member = zipfile.ZipInfo(f"{stem}.uf1", _ZIP_TIME)
    member.create_system = 3
    member.external_attr = 0o644 << 16
    with whole_file(path) as unfinished, zipfile.ZipFile(
        str(unfinished), "w", zipfile.ZIP_STORED
    ) as archive, archive.open(member, "w") as written:
        for line in lines:
            written.write(line.encode(ENCODING) + b"\r\n")
    return path

"""Source of records: a directory of Summary File 1 zips, streamed in bounded memory, the same for all loaders.

A directory holds, for each of any number of states, the geo header (``rigeo_uf1.zip``) and any of the 39 segments
(``ri00001_uf1.zip`` to ``ri00039_uf1.zip``), as the Census site has them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, Mapping, NamedTuple, Sequence

from bigdata.census.dictionary import chosen_segments
from bigdata.census.dictionary import segments as known_segments
from bigdata.census.record_files import ABSENT, GeoFile, SegmentFile
from bigdata.census.sf1 import DataRecord, GeoRecord, NumberCache, parse_data_fields
from bigdata.census.zip_lines import only_member
from bigdata.errors import BadInput

_GEO = "geo"
_FILE_NAME = re.compile(r"([a-z]{2})(?:geo|000(\d\d))(?:[._-].*)?\.zip", re.IGNORECASE | re.ASCII)


class State(NamedTuple):
    """The files of one state."""

    stusab: str
    geo: GeoFile
    segments: tuple[SegmentFile, ...]
    logical_records: bytes
    """As GeoFile.logical_records returns them."""


class Source(NamedTuple):
    """The chosen segments and records of a directory. Each iterator reads the files again.

    All iterators raise BadInput, with file and line, at the first bad line.
    """

    directory: Path
    loaded_states: tuple[State, ...]

    @property
    def states(self) -> tuple[str, ...]:
        """Return the abbreviations, sorted: 'DE', 'RI'."""
        return tuple(state.stusab for state in self.loaded_states)

    @property
    def segments(self) -> tuple[str, ...]:
        """Return the numbers of the segments that any state has, sorted."""
        return tuple(sorted({file.number for state in self.loaded_states for file in state.segments}))

    @property
    def geo_count(self) -> int:
        """Return the number of geo records, which is known without further reading."""
        return sum(len(state.logical_records) - state.logical_records.count(ABSENT) for state in self.loaded_states)

    def geo_records(self) -> Iterator[GeoRecord]:
        """Yield the geo records of one state after another."""
        for state in self.loaded_states:
            yield from state.geo.geo_records()

    def data_records(self) -> Iterator[DataRecord]:
        """Yield the data records: by state, then segment."""
        numbers = NumberCache()
        for fields in self.raw_data_lines():
            yield parse_data_fields(fields, numbers)

    def raw_data_lines(self) -> Iterator[list[str]]:
        """Yield the columns of each data line as text, checked but not converted; in the order of ``data_records``."""
        for state in self.loaded_states:
            for file in state.segments:
                yield from file.fields(state.logical_records)


def open_source(directory: Path, segments: Sequence[str] | None = None, records: int | None = None) -> Source:
    """Find and check the files in ``directory``: names, zips, all of the geo headers, the first data lines.

    ``segments`` ('01', ...): these of each state; without it, those that are there. ``records``: only the first so many
    geo records of each state, and the data records that belong to them; what comes later in the files is not read.
    Raises BadInput for whatever cannot be used.
    """
    if records is not None and records < 1:
        raise BadInput(f"--records: found {records}, expected 1 or more")
    wanted = None if segments is None else [segment.number for segment in chosen_segments(segments)]
    found = _find_files(directory)
    states = tuple(_open_state(directory, stusab, found[stusab], wanted, records) for stusab in sorted(found))
    return Source(directory, states)


def _find_files(directory: Path) -> dict[str, dict[str, Path]]:
    """Return the path of each segment, and of 'geo', by state. Files with other names are ignored."""
    known = {_GEO, *(segment.number for segment in known_segments())}
    found: dict[str, dict[str, Path]] = {}
    for path in _list_files(directory):
        named = _FILE_NAME.fullmatch(path.name)
        if named is None or (named.group(2) or _GEO) not in known:
            continue
        of_state = found.setdefault(named.group(1).upper(), {})
        first = of_state.setdefault(named.group(2) or _GEO, path)
        if first != path:
            raise BadInput(f"{path}: is for the same state and segment as {first.name}; keep one of them")
    if not found:
        names = [path.name for path in _list_files(directory)]
        others = f" but {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}" if names else ""
        advice = "; put each .uf1 file into such a zip" if any(name.lower().endswith(".uf1") for name in names) else ""
        raise BadInput(
            f"{directory}: holds no zip file of Summary File 1{others}; "
            f"expected names like rigeo_uf1.zip and ri00001_uf1.zip{advice}"
        )
    return found


def _list_files(directory: Path) -> list[Path]:
    expected = "expected a directory with zip files of Summary File 1"
    try:
        return sorted(directory.iterdir())
    except FileNotFoundError as error:
        raise BadInput(f"{directory}: no such directory; {expected}") from error
    except NotADirectoryError as error:
        raise BadInput(f"{directory}: is not a directory; {expected}") from error
    except OSError as error:
        raise BadInput(f"{directory}: cannot be read: {error.strerror}; {expected}") from error


def _open_state(
    directory: Path, stusab: str, paths: Mapping[str, Path], wanted: Sequence[str] | None, records: int | None
) -> State:
    low = stusab.lower()
    numbers = wanted or sorted(set(paths) - {_GEO})
    _check_presence(directory, stusab, paths, numbers)
    geo = GeoFile(only_member(paths[_GEO], f"{low}geo.uf1"), stusab, records)
    files = tuple(
        SegmentFile(only_member(paths[number], f"{low}000{number}.uf1"), stusab, number, records is not None)
        for number in numbers
    )
    state = State(stusab, geo, files, geo.logical_records())
    for file in files:
        # A wrong file should be refused before anything is loaded.
        next(file.fields(state.logical_records), None)
    if records is not None:
        # Reading will stop early, where no checksum has been reached.
        for zipped in (geo.file, *(file.file for file in files)):
            zipped.check()
    return state


def _check_presence(directory: Path, stusab: str, paths: Mapping[str, Path], numbers: Sequence[str]) -> None:
    low = stusab.lower()
    there = sorted(set(paths) - {_GEO})
    missing = [number for number in numbers if number not in paths]
    if not numbers:
        raise BadInput(f"{directory}: {paths[_GEO].name} has no data file; expected for example {low}00001_uf1.zip")
    if _GEO not in paths:
        names = ", ".join(paths[number].name for number in there)
        raise BadInput(f"{directory}: {names}: the geo header of {stusab} is missing; expected {low}geo_uf1.zip")
    if missing:
        raise BadInput(
            f"{directory}: segment {missing[0]} of {stusab} is missing; expected {low}000{missing[0]}_uf1.zip "
            f"(found: {', '.join(there) or 'no segment'})"
        )

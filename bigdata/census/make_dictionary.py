"""Converter from the JSON dictionary of Census 2000 Summary File 1 to the CSV files of ``bigdata.census.dictionary``.

``python -m bigdata.census.make_dictionary PATH/dictionary.json`` expects ``segments.csv`` and ``geo_layout.csv``
beside it, unless told otherwise. For whoever maintains the package; the loader reads only what this has written.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Sequence

from bigdata.errors import BadInput

DIRECTORY = Path(__file__).with_name("dictionary")

# Medians and averages are the only items with a decimal point; the names of their tables tell them.
_DECIMAL_TABLE = re.compile(r"\b(MEDIAN|AVERAGE)\b")

_Json = Dict[str, Any]
_Row = Sequence[object]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the four files and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bigdata.census.make_dictionary", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("dictionary", type=Path, help="dictionary.json")
    parser.add_argument("--segments", type=Path, help="segments.csv (default: beside dictionary.json)")
    parser.add_argument("--geo-layout", type=Path, help="geo_layout.csv (default: beside dictionary.json)")
    chosen = parser.parse_args(arguments)
    try:
        write_dictionary(
            chosen.dictionary,
            chosen.segments or chosen.dictionary.with_name("segments.csv"),
            chosen.geo_layout or chosen.dictionary.with_name("geo_layout.csv"),
            DIRECTORY,
        )
    except BadInput as error:
        print(error, file=sys.stderr)
        return BadInput.exit_code
    return 0


def write_dictionary(dictionary: Path, segments: Path, geo_layout: Path, directory: Path) -> None:
    """Write matrices.csv, items.csv, segments.csv and geo_layout.csv into ``directory``.

    Raises BadInput if a file cannot be read or if the tables do not add up to what ``segments`` says.
    """
    directory.mkdir(parents=True, exist_ok=True)
    matrices = _read_json(dictionary)
    segment_rows = _read_csv(segments)
    segment_of = _segments_of_matrices([matrix["code"] for matrix in matrices], segment_rows, segments)
    items = [row for matrix in matrices for row in _item_rows(matrix)]
    _check_counts(items, segment_of, segment_rows, segments)
    _write_csv(
        directory / "matrices.csv",
        ("code", "name", "universe", "sortkey", "segment"),
        (
            (matrix["code"], _tidy(matrix["name"]), _tidy(matrix["universe"]), sortkey, segment_of[matrix["code"]])
            for sortkey, matrix in enumerate(matrices, start=1)
        ),
    )
    _write_csv(directory / "items.csv", ("matrix", "index", "parent", "decimal", "name"), items)
    _copy_csv(segment_rows, directory / "segments.csv")
    _copy_csv(_read_csv(geo_layout), directory / "geo_layout.csv")


def _read_json(path: Path) -> list[_Json]:
    try:
        matrices: list[_Json] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as JSON: {error}") from error
    return matrices


def _read_csv(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error


def _segments_of_matrices(codes: list[str], segments: list[dict[str, str]], path: Path) -> dict[str, str]:
    segment_of = {}
    for row in segments:
        try:
            first, last = codes.index(row["first_matrix"]), codes.index(row["last_matrix"])
        except ValueError as error:
            raise BadInput(f"{path}: segment {row['segment']}: no such matrix in the dictionary: {error}") from error
        segment_of.update(dict.fromkeys(codes[first : last + 1], row["segment"]))
    missing = [code for code in codes if code not in segment_of]
    if missing:
        raise BadInput(f"{path}: no segment has the matrices {', '.join(missing)}")
    return segment_of


def _item_rows(matrix: _Json) -> Iterator[tuple[str, int, object, str, str]]:
    """Yield (matrix, index, parent index or blank, 'decimal' or blank, name), parents before children."""
    decimal = "decimal" if _DECIMAL_TABLE.search(matrix["name"]) else ""

    def rows(elements: list[_Json], parent: object) -> Iterator[tuple[str, int, object, str, str]]:
        for element in elements:
            yield matrix["code"], element["index"], parent, decimal, _tidy(element["name"])
            yield from rows(element.get("elements", []), element["index"])

    return rows(matrix["elements"], "")


def _check_counts(
    items: list[tuple[str, int, object, str, str]],
    segment_of: dict[str, str],
    segments: list[dict[str, str]],
    path: Path,
) -> None:
    for row in segments:
        present = [item for item in items if segment_of[item[0]] == row["segment"]]
        found = len(present), sum(1 for item in present if item[3])
        expected = int(row["items"]), int(row["decimal_items"])
        if found != expected:
            raise BadInput(
                f"{path}: segment {row['segment']} has {expected[0]} items, {expected[1]} of them decimal, "
                f"but the dictionary has {found[0]} and {found[1]}"
            )


def _tidy(name: str) -> str:
    """Return the name without surplus blanks, inside or at its end."""
    return " ".join(name.split())


def _copy_csv(rows: list[dict[str, str]], path: Path) -> None:
    _write_csv(path, list(rows[0]), (list(row.values()) for row in rows))


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[_Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())

"""Script that writes ``cells.parquet`` from ``cells.csv``, or checks it with ``--check``; ``nox -s parquet`` runs it.

Its library is far larger than all that campaigns need, so that it has an environment of its own.
"""

import sys
from pathlib import Path

import pyarrow
from pyarrow import csv, parquet

CSV = Path("results/published/cells.csv")
PARQUET = CSV.with_suffix(".parquet")
# Names and versions, though some look like numbers: 3.10 is not 3.1.
TEXTS = ("python", "cell_key", "data", "postgres", "note")


def main() -> None:
    """Write the file, or end with an error if it does not hold what the CSV does."""
    # All in one block: types are those of the first one.
    reading = csv.ReadOptions(block_size=max(1, CSV.stat().st_size))
    types = csv.ConvertOptions(column_types=dict.fromkeys(TEXTS, pyarrow.string()), strings_can_be_null=True)
    table = csv.read_csv(CSV, read_options=reading, convert_options=types)
    if "--check" not in sys.argv:
        parquet.write_table(table, PARQUET, compression="zstd")
        print(f"wrote {PARQUET}")
    elif not PARQUET.is_file() or not parquet.read_table(PARQUET).equals(table):
        raise SystemExit(f"error: {PARQUET}: is not what {CSV.name} holds; write it: nox -s parquet")


main()

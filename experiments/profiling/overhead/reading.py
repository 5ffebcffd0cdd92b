"""CPU seconds to read one data file: by a bare loop, as checked lines, and as parsed records.

It runs on the loader's interpreter and prints one JSON line with bare_s, lines_s and records_s, for one pass of each.
"""

from __future__ import annotations

import argparse
import io
import json
import time
import zipfile
from pathlib import Path

from bigdata.census.source import open_source


def read_bare(path: Path) -> None:
    """Read and split every line of the zip's member, which no reader can do without."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
        for line in io.TextIOWrapper(member, "latin-1", newline=""):
            line.split(",")


def main() -> None:
    """Time one pass of each over the first state of ``--directory``, segment 01."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", type=Path, required=True)
    directory = parser.parse_args().directory
    path = sorted(directory.glob("*00001_uf1.zip"))[0]
    source = open_source(directory, ["01"])

    started_s = time.process_time()
    read_bare(path)
    bare_s = time.process_time()
    for _ in source.raw_data_lines():
        pass
    lines_s = time.process_time()
    for _ in source.data_records():
        pass
    ended_s = time.process_time()
    print(json.dumps({"bare_s": bare_s - started_s, "lines_s": lines_s - bare_s, "records_s": ended_s - lines_s}))


if __name__ == "__main__":
    main()

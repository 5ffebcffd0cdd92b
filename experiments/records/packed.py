"""Records of published campaigns: ``runs.jsonl`` as gzip, a tenth of the size."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from experiments.errors import BadInput

PACKED = "runs.jsonl.gz"
MOST_GROWTH = 100
"""Times its size: records grow by ten when unpacked, what is made to fill a memory by a thousand."""


def pack_records(runs: Path) -> None:
    """Replace ``runs.jsonl``, if there is one, by ``PACKED`` beside it: the same bytes for the same records."""
    if runs.exists():
        runs.with_name(PACKED).write_bytes(gzip.compress(runs.read_bytes(), mtime=0))
        runs.unlink()


@contextmanager
def open_records(path: Path) -> Iterator[BinaryIO]:
    """Open a file of records, packed or not. Raises BadInput where it cannot be unpacked, or grows too much by that."""
    if path.name != PACKED:
        with path.open("rb") as file:
            yield file
        return
    most = MOST_GROWTH * path.stat().st_size
    try:
        with gzip.open(path) as packed:
            content = packed.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path}: cannot be unpacked ({error}); restore it from the machine that wrote it") from error
    if len(content) > most:
        raise BadInput(f"{path}: grows by more than {MOST_GROWTH} times when unpacked, as no records do; remove it")
    yield BytesIO(content)

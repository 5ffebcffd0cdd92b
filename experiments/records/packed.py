"""Records of published campaigns: ``runs.jsonl`` as xz, a tenth of the size."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from experiments.errors import BadInput

PACKED = "runs.jsonl.xz"
MOST_GROWTH = 100
"""Times its size: records grow by ten when unpacked, what is made to fill a memory by a thousand."""
_MOST_MEMORY = 100 * 1024 * 1024
"""Bytes that unpacking may take: xz's usual presets take up to 65 MiB, what is made to fill a memory 4 GiB."""


def pack_records(runs: Path) -> None:
    """Replace ``runs.jsonl``, if there is one, by ``PACKED`` beside it: the same bytes for the same records."""
    if runs.exists():
        runs.with_name(PACKED).write_bytes(lzma.compress(runs.read_bytes()))
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
        unpacking = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY)
        content = unpacking.decompress(path.read_bytes(), most + 1)
        if len(content) <= most and (not unpacking.eof or unpacking.unused_data):
            raise EOFError("does not end where it should")
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise BadInput(f"{path}: cannot be unpacked ({error}); restore it from the machine that wrote it") from error
    if len(content) > most:
        raise BadInput(f"{path}: grows by more than {MOST_GROWTH} times when unpacked, as no records do; remove it")
    yield BytesIO(content)

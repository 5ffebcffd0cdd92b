"""Mutated files of Summary File 1: refused, or read as exactly the records that they were made from."""

from __future__ import annotations

import hashlib
import random
import tempfile
import zipfile
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from bigdata.census.dictionary import segment, segment_columns
from bigdata.census.digest_files import digest_of, format_digest
from bigdata.census.sf1 import parse_geo_line
from bigdata.census.source import open_source
from bigdata.census.synthetic import generate
from bigdata.errors import BadInput

_SMALL, _LARGE = 20, 300
"""Records of a state. The large one does not fit in a block of reading, so that what is damaged may come after it."""
_BLOCKS = ("091", "101", "150", "154")
_SEGMENTS = (("01",), ("01", "02"), ("02", "12", "39"))
_NUMBERS = (b"0000000", b"9999999", b"-000001", b"000001", b"\xb2" * 7)
_LONGEST_MESSAGE = 1_000

Files = dict[str, bytes]


class Input(NamedTuple):
    """The zips of a directory, and what is read of it."""

    segments: tuple[str, ...]
    records: int | None
    zips: Files


@cache
def _made(segments: tuple[str, ...], size: int) -> Files:
    """Return the files inside the zips of a state."""
    with tempfile.TemporaryDirectory() as folder:
        paths = generate(Path(folder), "RI", segments, size, 2014)
        return {path.name: _unpack(path.read_bytes()) for path in paths}


def _unpack(content: bytes) -> bytes:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return archive.read(archive.namelist()[0])


def mutate(rng: random.Random) -> Input:
    """Return a directory with some lines, columns, bytes or parts of a zip changed."""
    segments = rng.choice(_SEGMENTS)
    size, counts = (_LARGE, (1, 7)) if rng.random() < 0.1 else (_SMALL, (None, 1, 7, _SMALL, 100))
    texts, records = dict(_made(segments, size)), rng.choice(counts)
    name = rng.choice(sorted(texts))
    kind = rng.random()
    if kind < 0.6:
        texts[name] = _change_lines(rng, texts[name])
    elif kind < 0.75:
        texts[name] = _change_bytes(rng, texts[name])
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    zips = {stem: _pack(stem, text, method) for stem, text in texts.items()}
    if kind > 0.8:
        zips[name] = _change_bytes(rng, zips[name])
    elif kind > 0.75:
        zips.pop(name)
    return Input(segments, records, zips)


def _pack(name: str, text: bytes, method: int) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo(name.replace("_uf1.zip", ".uf1")), text, method)
    return packed.getvalue()


def _change_lines(rng: random.Random, text: bytes) -> bytes:
    """Delete, double, move, cut or join lines, change numbers of records or columns, or end lines otherwise."""
    lines = text.splitlines(keepends=True)
    place, other, chance = rng.randrange(len(lines)), rng.randrange(len(lines)), rng.random()
    if chance < 0.15:
        del lines[place]
    elif chance < 0.3:
        lines.insert(other, lines[place])
    elif chance < 0.4:
        lines[place], lines[other] = lines[other], lines[place]
    elif chance < 0.5:
        del lines[place:]
    elif chance < 0.75:
        number = rng.choice(
            (b"0000000", b"9999999", b"%07d" % rng.randrange(2 * _SMALL), b"-000001", b"000001", b"\xb2" * 7)
        )
        start = 18 if lines[place].startswith(b"uSF1  ") else 15
        lines[place] = lines[place][:start] + number + lines[place][start + 7 :]
    elif chance < 0.85:
        lines[place] = _change_bytes(rng, lines[place])
    elif chance < 0.9:
        lines[place] = lines[place].rstrip(b"\r\n")
    else:
        end = rng.choice((b"\n", b"\r\n", b"\r", b"\r\r\n", b"\n\n"))
        lines = [line.rstrip(b"\r\n") + end for line in lines]
    return b"".join(lines)


def _change_bytes(rng: random.Random, content: bytes) -> bytes:
    changed, place = bytearray(content), rng.randrange(len(content) or 1)
    chance = rng.random()
    if chance < 0.5 and changed:
        changed[place] ^= 1 << rng.randrange(8)
    elif chance < 0.7:
        del changed[place : place + rng.choice((1, 2, 100))]
    elif chance < 0.9:
        changed[place:place] = rng.choice((b"\0", b",", b"\n", b"9", b"\x1a", bytes(100), b"0" * 5_000))
    else:
        del changed[place:]
    return bytes(changed)


def check(given: Input) -> None:
    """Read the directory. Raises what reading raises, except a refusal, and AssertionError for a wrong digest."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        for name, content in given.zips.items():
            (directory / name).write_bytes(content)
        try:
            digest = digest_of(open_source(directory, given.segments, given.records)).digest
        except BadInput as refused:
            text = str(refused)
            assert text.startswith(str(directory)), text
            assert text.isprintable(), text
            assert len(text) < _LONGEST_MESSAGE, text[:_LONGEST_MESSAGE]
            return
    wanted = _right_digest(given)
    assert digest == wanted, f"read {digest}, which is not {wanted}"


def _right_digest(given: Input) -> str | None:
    """Return the digest as a plain reading of whole files finds it; None if a geo record has not its data records."""
    lines = {name: _unpack(content).decode("latin-1").split("\n") for name, content in given.zips.items()}
    texts = {name: [line.rstrip("\r") for line in found if line] for name, found in lines.items()}
    places = [parse_geo_line(line) for line in texts["rigeo_uf1.zip"][: given.records]]
    geo_rows = [
        "|".join("" if text is None else f"{len(str(text).encode())}:{text}" for text in place) for place in places
    ]
    rows = []
    for number in given.segments:
        wanted = [place.logrecno for place in places if segment(number).in_block_rows or place.sumlev not in _BLOCKS]
        fields = [line.split(",") for line in texts[f"ri000{number}_uf1.zip"]]
        if given.records is not None:
            fields = fields[: len(wanted)]
        if [one[4] for one in fields] != wanted or len({*wanted}) != len(wanted):
            return None
        for one in fields:
            for item, value in zip(segment_columns(number), one[5:], strict=True):
                plain = format(Decimal(value), "f") if "." in value else str(int(value))
                rows.append(f"{one[0]}|{one[1]}|{one[4]}|{item.matrix}|{item.index}|{plain}")
    return format_digest(len(geo_rows), _sum(geo_rows), len(rows), _sum(rows))


def _with_length(value: object) -> str:
    return "" if value is None else f"{len(str(value).encode())}:{value}"


def _sum(rows: list[str]) -> int:
    digests = (hashlib.md5(row.encode()).digest()[:8] for row in rows)  # as the digest is defined
    return sum(int.from_bytes(digest, "big", signed=True) for digest in digests)

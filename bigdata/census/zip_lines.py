"""Lines of the one file in a zip, read in blocks: memory stays bounded and checks cost little per line."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import Iterator, NamedTuple

from bigdata.errors import BadInput

BLOCK_BYTES = 1 << 16

# The longest line of Summary File 1 has less than 2,500 characters; a file without line ends must not fill the memory.
MAXIMUM_LINE_BYTES = 1 << 16

# Of every text in Summary File 1.
ENCODING = "latin-1"

# What zipfile raises for files that are cut off, damaged, encrypted or packed in a way that it does not know.
ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, NotImplementedError),
    *(ValueError, IndexError, OverflowError),
)

_ENCRYPTED = 0x1
_OTHER_METHODS = {9: "deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma"}
_SHOWN_CHARACTERS = 100


class Block(NamedTuple):
    """Whole lines of a file."""

    first_line: int
    """Number of the first line, from 1."""
    data: bytes
    """Every line ends in LF or CR LF; LF is added to a last line without an end."""

    def lines(self) -> list[str]:
        """Return its lines as text, without their ends."""
        lines = self.data.decode(ENCODING).split("\n")
        lines.pop()
        return [line.rstrip("\r") for line in lines]


class ZippedFile(NamedTuple):
    """One file of text in one zip."""

    path: Path
    member: str

    def blocks(self) -> Iterator[Block]:
        """Yield all lines, about ``BLOCK_BYTES`` at a time.

        Raises BadInput if the zip is damaged, which may show only at its end, or holds no line or an endless one.
        """
        first_line, tail = 1, b""
        for read in self._reads():
            end = read.rfind(b"\n") + 1
            if end:
                block = Block(first_line, tail + read[:end])
                yield block
                first_line += block.data.count(b"\n")
                tail = read[end:]
            else:
                tail += read
            if len(tail) > MAXIMUM_LINE_BYTES:
                raise BadInput(
                    f"{self.place(first_line)}: found no line end in {len(tail)} characters; "
                    "expected lines of Summary File 1"
                )
        if tail:
            yield Block(first_line, tail + b"\n")
        elif first_line == 1:
            raise BadInput(f"{self.path} ({shown(self.member)}): found no line; expected those of Summary File 1")

    def numbered_lines(self) -> Iterator[tuple[int, str]]:
        """Yield all lines without their ends, each with its number, from 1. Raises BadInput as ``blocks`` does."""
        for block in self.blocks():
            yield from enumerate(block.lines(), block.first_line)

    def check(self) -> None:
        """Read all of the file and keep nothing. Raises BadInput if its checksum is wrong."""
        for _ in self._reads():
            pass

    def place(self, line: int) -> str:
        """Return the name of this line for errors."""
        return f"{self.path} ({shown(self.member)}), line {line}"

    def _reads(self) -> Iterator[bytes]:
        try:
            with zipfile.ZipFile(str(self.path)) as archive, archive.open(self.member) as unpacked:
                while True:
                    read = unpacked.read(BLOCK_BYTES)
                    if not read:
                        return
                    yield read
        except ZIP_ERRORS as error:
            raise damaged(self.path, error) from error


def only_member(path: Path, expected: str) -> ZippedFile:
    """Return the only file in the zip at ``path``, named ``expected`` ('ri00001.uf1') in upper or lower case.

    A name that goes on before its ending ('ri00001.truncated.uf1') is taken too. Raises BadInput if the zip cannot
    be read or holds anything else.
    """
    try:
        with zipfile.ZipFile(str(path)) as archive:
            found = archive.infolist()
    except ZIP_ERRORS as error:
        raise damaged(path, error) from error
    members = [member.filename for member in found]
    if len(members) != 1 or not _is_named(members[0], expected):
        raise BadInput(f"{path}: found {_list(members)} in the zip; expected one file, {expected}")
    _check_packing(path, found[0])
    return ZippedFile(path, members[0])


def _check_packing(path: Path, member: zipfile.ZipInfo) -> None:
    """Raise BadInput if the member is encrypted or not compressed as the Bureau does."""
    if member.flag_bits & _ENCRYPTED:
        raise BadInput(f"{path} ({shown(member.filename)}): is encrypted; expected a zip without a password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = _OTHER_METHODS.get(member.compress_type, f"method {member.compress_type}")
        raise BadInput(
            f"{path} ({shown(member.filename)}): is compressed by {method}; expected deflate: unpack it, and pack "
            "it again"
        )


def damaged(path: Path, error: Exception) -> BadInput:
    """Return the error for a zip that cannot be read."""
    reason = shown(str(error) or type(error).__name__)
    return BadInput(f"{path}: cannot be read as a zip: {reason}; expected a complete zip file: fetch it again")


def shown(text: str) -> str:
    """Return the text for a message, on one line: names in a zip may be long, and have any character."""
    short = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return short if short.isprintable() else repr(short)


def _is_named(member: str, expected: str) -> bool:
    stem, _, ending = expected.rpartition(".")
    return member.lower().startswith(stem) and member.lower().endswith(f".{ending}")


def _list(members: list[str]) -> str:
    if not members:
        return "no file"
    more = f" and {len(members) - 3} more" if len(members) > 3 else ""
    return f"{len(members)} file{'s' * (len(members) > 1)} ({', '.join(map(shown, members[:3]))}{more})"

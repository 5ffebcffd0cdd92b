"""A small state whose files can be edited line by line."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EditableState:
    """The files of Rhode Island in a directory of their own: 60 records, segments 01, 02 and 12."""

    directory: Path

    def path(self, stem: str) -> Path:
        """Of the zip with this stem: 'rigeo', 'ri00001'."""
        return self.directory / f"{stem}_uf1.zip"

    def lines(self, stem: str) -> list[str]:
        with zipfile.ZipFile(self.path(stem)) as archive:
            return archive.read(f"{stem}.uf1").decode("latin-1").split("\r\n")[:-1]

    def write(self, stem: str, lines: Sequence[str], end: str = "\r\n") -> None:
        self.write_members(stem, {f"{stem}.uf1": "".join(line + end for line in lines)})

    def write_members(self, stem: str, members: dict[str, str]) -> None:
        with zipfile.ZipFile(self.path(stem), "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in members.items():
                archive.writestr(name, text.encode("latin-1"))

    def replace_line(self, stem: str, number: int, line: str) -> None:
        lines = self.lines(stem)
        lines[number - 1] = line
        self.write(stem, lines)

    def replace_column(self, stem: str, number: int, column: int, text: str) -> None:
        """Columns count from 1, as the messages do."""
        fields = self.lines(stem)[number - 1].split(",")
        fields[column - 1] = text
        self.replace_line(stem, number, ",".join(fields))

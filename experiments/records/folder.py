"""Folders of campaigns below ``results/``, where a kill at any moment loses at most the run in progress.

``campaign.json`` is written whole, ``runs.jsonl``, ``samples.jsonl`` and ``counts.jsonl`` only grow. ``attempt.json``
is the record of a run in progress, should the campaign be killed in it. ``block-7.part`` has the records of a block
that a machine of a cluster has not finished, ``block-7.whole`` those of one that is about to be in ``runs.jsonl``.
A published campaign has ``runs.jsonl.xz`` instead, a tenth of the size.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any, TextIO

from experiments.errors import BadInput, Failure
from experiments.files import append_line, cut_torn_line, sync_folder, write_whole
from experiments.records import counts as cell_counts
from experiments.records import description
from experiments.records.description import Description
from experiments.records.packed import PACKED, open_records
from experiments.records.record import Record, from_json_line, to_json_line
from experiments.records.redaction import without_paths

# How long a campaign that was just interrupted may take to clean up before a new one gives up waiting for it.
LOCK_PATIENCE_S = 15.0


class CampaignFolder:
    """The files of one campaign."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._runs, self._samples, self._attempt = path / "runs.jsonl", path / "samples.jsonl", path / "attempt.json"
        self._unreported, self._counts = path / ".unreported", path / "counts.jsonl"

    def description(self) -> Description:
        """Read ``campaign.json``. Raises BadInput if it cannot be used."""
        file = self.path / "campaign.json"
        return description.from_json(file.read_bytes(), str(file))

    def rewrite(self, described: Description) -> None:
        """Replace ``campaign.json`` as a whole."""
        write_whole(self.path / "campaign.json", description.to_json(described))

    @property
    def records_file(self) -> Path:
        """Return the file of the records, which a campaign without any does not have."""
        return packed if (packed := self.path / PACKED).exists() else self._runs

    def records(self) -> list[Record]:
        """Read every record, in the order written. Raises BadInput for any other line, a torn last line too."""
        if not (runs := self.records_file).exists():
            return []
        records: list[Record] = []
        first: dict[tuple[str, str, int], dict[int, int]] = {}
        shared: dict[Any, Any] = {}
        with open_records(runs) as file, _without_collections():
            for number, line in enumerate(file, start=1):
                place = f"{runs}:{number}"
                if not line.endswith(b"\n"):
                    raise BadInput(
                        f"{place}: the line is not complete, as the campaign was killed while it was written; "
                        f"nox -s tables -- --results {self.path.parent} repairs that"
                    )
                record = from_json_line(line, place, shared)
                blocks = first.setdefault((record.cell_key, record.arm, record.repeat), {})
                if not record.interrupted and blocks.setdefault(record.block, number) != number:
                    raise BadInput(f"{place}: a second record of the run in line {blocks[record.block]}; remove one")
                records.append(record)
        return records

    def counts(self) -> dict[str, cell_counts.CellCount]:
        """Read the last count of each cell, by its key. Raises BadInput for any other line."""
        lines = self._counts.read_bytes().splitlines() if self._counts.exists() else []
        shared: dict[Any, Any] = {}
        places = (f"{self._counts}:{number}" for number in range(1, len(lines) + 1))
        read = (cell_counts.from_json_line(line, place, shared) for line, place in zip(lines, places, strict=True))
        return {one.cell_key: one for one in read}

    def append_count(self, one: cell_counts.CellCount) -> None:
        """Add the count of a cell, which replaces an earlier one."""
        append_line(self._counts, cell_counts.to_json_line(one))

    def subfolder(self, name: str) -> Path:
        """Make a folder in that of the campaign. Raises BadInput for a link, which may lead out of it."""
        path = self.path / name
        if path.is_symlink():
            raise BadInput(f"{path}: is a link, and files are written into the campaign's folder alone; remove it")
        path.mkdir(exist_ok=True)
        return path

    def append(self, record: Record) -> None:
        """Add the record of an attempt, which ends the attempt."""
        append_line(self._runs, to_json_line(record))
        self._attempt.unlink(missing_ok=True)

    def append_samples(self, line: Mapping[str, Any]) -> None:
        """Add what was sampled in a run, before its record. Places on disk do not get into it."""
        self.append_samples_line(json.dumps(without_paths(line), ensure_ascii=False))

    def append_samples_line(self, line: str) -> None:
        """Add a line of them, from this machine or another."""
        append_line(self._samples, line)

    def begin_attempt(self, if_killed: Record) -> None:
        """Note that a run begins, with the record that it gets if this process is killed before it appends one."""
        # A kill of this process is what it is for, and that does not need the disk.
        write_whole(self._attempt, to_json_line(if_killed) + "\n", durable=False)

    def append_to_block(self, record: Record) -> None:
        """Add the record of a block in progress elsewhere: none of ``runs.jsonl`` before the block is whole."""
        append_line(self.path / f"block-{record.block}.part", to_json_line(record))

    def end_block(self, block: int, *, whole: bool) -> None:
        """Append the records of a block to the others, of one that is not ``whole`` as interrupted.

        A block belongs to one machine: what it has measured of a block that another one measures again does not count.
        """
        part, ready = (self.path / f"block-{block}.{state}" for state in ("part", "whole"))
        if whole:
            # From here on a killed campaign has the block, whatever of it is in runs.jsonl.
            part.rename(ready)
            self._take(ready, ready.read_text().splitlines())
        elif part.exists():
            self._take(part, [to_json_line(replace(one, interrupted=True)) for one in _read_lines(part)])

    def _take(self, file: Path, lines: Sequence[str]) -> None:
        """Append lines of a block's file, all at once, and remove it."""
        if lines:
            append_line(self._runs, "\n".join(lines))
        file.unlink()

    def _repair_blocks(self) -> None:
        """Append what a killed campaign left of blocks that machines had."""
        for file in sorted(self.path.glob("block-*.whole")):
            done = {(record.run, record.repeat) for record in self.records() if not record.interrupted}
            left = [one for one in _read_lines(file) if (one.run, one.repeat) not in done]
            self._take(file, [to_json_line(record) for record in left])
        for file in sorted(self.path.glob("block-*.part")):
            cut_torn_line(file)
            self.end_block(int(file.stem.removeprefix("block-")), whole=False)

    def is_reported(self) -> bool:
        """Return whether the command that ran it has written its tables."""
        return not self._unreported.exists()

    def set_reported(self, reported: bool) -> None:
        """Note whether tables and front page are written; without them the campaign is to be resumed."""
        if reported:
            self._unreported.unlink(missing_ok=True)
        else:
            self._unreported.touch()

    def repair(self) -> None:
        """Bring a killed campaign in order: cut a torn last line, and append the record of a run in progress."""
        cut_torn_line(self._samples)
        cut_torn_line(self._counts)
        cut_torn_line(self._runs)
        self._repair_blocks()
        if not self._attempt.exists():
            return
        killed = from_json_line(self._attempt.read_bytes(), f"{self._attempt}:1")
        if any((record.run, record.started_at) == (killed.run, killed.started_at) for record in self.records()):
            self._attempt.unlink()
        else:
            self.append(killed)


def _read_lines(file: Path) -> Iterator[Record]:
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        yield from_json_line(line, f"{file}:{number}")


@contextmanager
def _without_collections() -> Iterator[None]:
    """Keep Python from looking for garbage among many new objects, of which none is: now, and later."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@cache
def _warn(reason: str) -> None:
    print(f"warning: {reason}; this campaign is left out", file=sys.stderr)


@contextmanager
def leaving_out_unreadable() -> Iterator[None]:
    """Warn of a campaign that cannot be read, once, instead of raising BadInput: other campaigns must not need it."""
    try:
        yield
    except BadInput as error:
        _warn(str(error))


def list_campaigns(results: Path) -> list[CampaignFolder]:
    """List the campaigns of a results folder that can be read, newest first."""
    found = []
    for file in results.glob("*/campaign.json"):
        with leaving_out_unreadable():
            folder = CampaignFolder(file.parent)
            found.append((folder.description().created_at, folder.path.name, folder))
    return [folder for *_, folder in sorted(found, key=lambda one: one[:2], reverse=True)]


def new_name(results: Path, started_at: str, engine: str) -> str:
    """Make a name that no campaign has yet: date, time and engine, such as ``2026-11-22T1430-local``."""
    name = f"{started_at[:16].replace(':', '')}-{engine}"
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(name for name in names if not (results / name).exists())


def create(results: Path, described: Description) -> CampaignFolder:
    """Make the folder of a new campaign."""
    folder = CampaignFolder(results / described.campaign)
    folder.path.mkdir(parents=True)
    folder.rewrite(described)
    sync_folder(results)
    return folder


@contextmanager
def locked(
    results: Path, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Keep every other campaign out of the results folder, which is made where it is missing.

    Raises Failure where another campaign does not leave in time, BadInput for a folder that cannot be written to or
    has a README.md of something else, which the front page would replace.
    """
    if (results / "README.md").exists() and not ((results / ".lock").exists() or any(results.glob("*/campaign.json"))):
        raise BadInput(f"--results: {results / 'README.md'} is not of a results folder; name another or a new folder")
    give_up = clock() + LOCK_PATIENCE_S
    # The system drops the lock when the process ends, however it ends.
    with _open_lock(results) as file:
        while not _try_lock(file.fileno()):
            if clock() >= give_up:
                file.seek(0)
                raise Failure(
                    f"{results}: another campaign (process {file.read().strip() or 'unknown'}) is writing there; "
                    "wait for it, stop it, or choose another folder with --results"
                )
            sleep(0.1)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _open_lock(results: Path) -> TextIO:
    try:
        results.mkdir(parents=True, exist_ok=True)
        return (results / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        message = f"--results: {results}: {error.strerror}; expected a folder that can be written to, or made"
        raise BadInput(message) from error


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

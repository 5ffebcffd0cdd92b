"""Mutated campaigns: each command ends with an exit code and writes in the campaign's folder alone, and in time."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from experiments.__main__ import main
from experiments.campaign.reproduce import read_reproduction
from experiments.errors import BadInput
from experiments.records.campaign import LOCAL, PUBLISHED
from experiments.records.folder import CampaignFolder
from experiments.records.packed import PACKED, open_records
from tests.project import ROOT

_SOURCE = ROOT / "results" / "published" / "2026-11-23T0720-local"
_WHOLE, _FUZZED = LOCAL / "whole", LOCAL / "fuzzed"
_LONGEST_S = 60
_BLOCKS = 3
# Charts take most of the time of an input: these many inputs share one with them.
_INPUTS_PER_CHART = 20

_VALUES: tuple[Any, ...] = (
    *(None, True, False, [], {}, [[]], {"a": None}, [0, "x"], {"data": 1}),
    *(0, 1, -1, 2, 3.5, 1e-9, 1e-300, 1e9, 1e15, 1e300, -1e300, float("nan"), float("inf"), 2**31, 2**64, 10**30),
    *("", " ", "x", "0", "-1", "1e9", "3.13", "a" * 3_000, "\0", "\n# x", "a|b`c`<b>[x](y)", "\u202e\U0001f600"),
    *("../../victim/x", "victim/x", ".x", "-x", "io_or_cpu", "local", "docker", "off", "row_by_row_asyncpg"),
    *("failed", "unsupported", "wrong_work", "ok", "b", "sha256:", "2026-11-23T07:20:12Z", "ceiling_pgbench"),
)

_NO_CHARTS = mock.patch("experiments.report.publish.write_charts")

Files = dict[str, bytes]


@cache
def _text() -> str:
    return json.dumps(_small())


@cache
def _small() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a few cells of a published campaign with their first records."""
    described = json.loads((_SOURCE / "campaign.json").read_text())
    with open_records(_SOURCE / PACKED) as lines:
        records = [json.loads(line) for line in lines]
    cells = [one for one in described["cells"] if one["cell"]["postgres"] == "default"]
    cells = [
        one for place, one in enumerate(cells) if one["arm"] == "b" or place % 4 == 0 or one["cell"]["poolsize"] == 1
    ]
    keys = {(one["cell_key"], one["arm"]) for one in cells}
    few = [one for one in records if (one["cell_key"], one["arm"]) in keys and one["block"] <= _BLOCKS]
    return {**described, "cells": cells, "repeats": _BLOCKS}, few


def _write(described: object, records: list[Any]) -> Files:
    lines = "".join(f"{json.dumps(record)}\n" for record in records)
    return {"campaign.json": json.dumps(described, indent=1).encode(), "runs.jsonl": lines.encode()}


def mutate(rng: random.Random) -> Files:
    """Return the files of a campaign with some values, lines or bytes changed."""
    described, records = json.loads(_text())
    for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
        _change_value(rng, described if rng.random() < 0.5 else rng.choice(records))
    if rng.random() < 0.1:
        records.insert(rng.randrange(len(records)), records.pop(rng.randrange(len(records))))
    if rng.random() < 0.1:
        del records[rng.randrange(len(records)) :]
    files = _write(described, records)
    if rng.random() < 0.2:
        name = rng.choice(sorted(files))
        files[name] = _change_bytes(rng, files[name])
    return files


def _change_value(rng: random.Random, inside: Any) -> None:
    """Replace, remove or copy one value, however deep."""
    while True:
        keys = [*inside] if isinstance(inside, dict) else [*range(len(inside))]
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(inside[key], dict | list) and inside[key] and rng.random() < 0.85:
            inside = inside[key]
            continue
        break
    value, chance = inside[key], rng.random()
    if chance < 0.1:
        del inside[key]
    elif chance < 0.2:
        inside[key] = inside[rng.choice(keys)]
    elif chance < 0.5 and isinstance(value, int | float) and not isinstance(value, bool):
        inside[key] = rng.choice((value * -1, value * 0, value * 1e6, value / 1e6, value + 1, value - 1))
    else:
        inside[key] = rng.choice(_VALUES)


def _change_bytes(rng: random.Random, content: bytes) -> bytes:
    place = rng.randrange(len(content) or 1)
    return rng.choice(
        (
            content[:place],
            content[:place] + content[place + rng.randrange(1, 40) :],
            content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :],
            content[:place] + rng.choice((b"[" * 1_000, b"\xff", b"\n", b"9" * 400, b'"', b"}\n{")) + content[place:],
        )
    )


def check(files: Files) -> None:
    """Run the commands that read campaigns. Raises AssertionError, or what a command raises, for a fault."""
    with tempfile.TemporaryDirectory() as scratch, _in_time(), _inside(Path(scratch)):
        described, records = _small()
        older = {**described, "campaign": "whole", "created_at": "2026-11-22"}
        for folder, content in ((_WHOLE, _write(older, records)), (_FUZZED, files)):
            folder.mkdir(parents=True)
            for name, text in content.items():
                (folder / name).write_bytes(text)
        PUBLISHED.mkdir()
        (PUBLISHED.parent / "LICENSE").write_bytes((ROOT / "results/LICENSE").read_bytes())
        before = _outside()
        with_charts = sum(files["runs.jsonl"]) % _INPUTS_PER_CHART == 0
        with contextlib.nullcontext() if with_charts else _NO_CHARTS:
            ran = _run("tables", _FUZZED.name)
        with _NO_CHARTS:
            # What one command refuses when it loads the campaign all do.
            if ran != 2 or with_charts:
                _run_others()
            # A campaign that cannot be read does not block another one.
            assert ran != 2 or not with_charts or _run("tables", _WHOLE.name) == 0
        assert _outside() == before, f"wrote outside of the campaign: {_outside() ^ before}"


def _run_others() -> None:
    _run("compare", "--force", "--save", _WHOLE.name, _FUZZED.name)
    _run("compare", _FUZZED.name, _WHOLE.name)
    _run("predict", "--campaign", _FUZZED.name, "--loader", "row_by_row_threaded", "--poolsize", "7")
    with contextlib.suppress(BadInput):
        reproduction = read_reproduction(CampaignFolder(_FUZZED), keys=(), repeats=None, data=None, force=True)
        reproduction.check_verdicts()
        assert reproduction.max_connections is None or reproduction.max_connections >= 0
    _run("publish", _FUZZED.name)


def _run(*arguments: str) -> int:
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        code = main(arguments)
    assert code in (0, 1, 2), code
    assert (code == 0) == ("error: " not in errors.getvalue()), errors.getvalue()
    assert len(errors.getvalue()) < 20_000, errors.getvalue()[:1000]
    return code


def _outside() -> set[Path]:
    """Return the files that are in no campaign, and no page of all."""
    inside = (_FUZZED, _WHOLE, PUBLISHED, LOCAL / "README.md", LOCAL / ".lock", PUBLISHED.parent / "README.md")
    return {path for path in Path().rglob("*") if not any(path.is_relative_to(one) for one in inside)}


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _in_time() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"took over {_LONGEST_S} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)

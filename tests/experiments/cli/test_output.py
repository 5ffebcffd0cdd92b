from __future__ import annotations

import json
import math
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.analysis.stats import Estimate
from experiments.cli.output import as_json, print_result, progress_aside, progress_of
from experiments.matrix.cell import Cell


@dataclass(frozen=True)
class Found:
    """Something that a verb found."""

    cells: tuple[Cell, ...]
    ratio: Estimate
    place: Path


def test_data_classes_become_objects_and_cells_their_axes(threaded: Cell) -> None:
    document = as_json(Found((threaded,), Estimate(math.inf, 0.5), Path("results")))
    assert document == {
        "cells": [threaded.axes()],
        "ratio": {"value": None, "low": 0.5, "high": None, "p_value": None},
        "place": "results",
    }
    json.dumps(document)


def test_a_text_fits_the_terminal_and_a_document_is_not_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_result(Namespace(json=False), "one two three four five", dict)
    assert capsys.readouterr().out == "one two three four\nfive\n"
    print_result(Namespace(json=True), "", lambda: {"text": "one two three four five"})
    assert json.loads(capsys.readouterr().out) == {"text": "one two three four five"}


@pytest.mark.parametrize(
    ("options", "out", "err"),
    [
        (Namespace(json=False, quiet=False), "[1/4]\n", "counting\n"),
        (Namespace(json=True, quiet=False), "", "[1/4]\ncounting\n"),
        (Namespace(json=False, quiet=True), "", ""),
        (Namespace(json=True, quiet=True), "", ""),
    ],
)
def test_progress_is_apart_from_the_result(
    options: Namespace, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_aside(options):
        print("[1/4]")
        progress_of(options)("counting")
    print("the end")
    print("a warning", file=sys.stderr)
    assert capsys.readouterr() == (f"{out}the end\n", f"{err}a warning\n")

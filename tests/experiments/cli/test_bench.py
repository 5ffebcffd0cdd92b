"""nox -s bench: what is too much, and what it says of loaders that cannot be compared."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bigdata.registry import CONTESTANTS
from experiments.__main__ import main
from experiments.cli import bench
from experiments.cli.bench import count_loaders, find_costly
from experiments.engines.profilers import VALGRIND
from experiments.matrix.cell import Cell
from experiments.profiling.counters import Instructions
from experiments.profiling.overhead.compare import Counted, Skipped


def counted(cell: Cell, each: float, noise: float = 0.001) -> Counted:
    return Counted(cell, Instructions(each, noise, VALGRIND, 4), Instructions(100.0, 0.001, VALGRIND, 4))


def test_costly_is_what_lies_above_the_limit_by_more_than_its_noise(threaded: Cell) -> None:
    surely, noisy, within = counted(threaded, 103.0), counted(threaded, 103.0, noise=0.02), counted(threaded, 102.0)
    assert find_costly([surely, noisy, within, Skipped(threaded, "no wheel")]) == [surely]


def test_a_loader_whose_driver_has_no_minimal_script_is_left_out_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "minimal_script", lambda loader: None)
    assert count_loaders(cast(Any, None), [CONTESTANTS["row_by_row_threaded"]], ["lookup"], None) == []
    assert "row_by_row_threaded is left out: its driver psycopg2 has no minimal script\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--workload", "lokup"], "--workload: unknown workload 'lokup' (did you mean lookup"),
        (["--passes", "0"], "--passes: 0 is too small; expected 1 or more"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    assert main(["bench", *arguments]) == 2
    assert problem in capsys.readouterr().err

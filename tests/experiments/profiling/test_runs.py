"""The runs of an explanation, on fakes: one per instrument, and an instrument that fails costs its own section only."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.campaign.datasets import PreparedData
from experiments.campaign.prepared_cell import PreparedCell
from experiments.engines.profilers import Instrument, Observed
from experiments.engines.protocol import Finished, Launch
from experiments.errors import Failure, Unsupported
from experiments.matrix.cell import Cell
from experiments.profiling import runs as explain_runs
from experiments.profiling.explanation import Calls
from experiments.profiling.runs import NO_LOOP, NOT_KNOWN_TO_PY_SPY, explain_cell
from experiments.records.facts import Placement
from experiments.records.record import Record
from tests.experiments.made_explanations import SQL

Make = Callable[..., Record]
PERF = Instrument("perf", ("perf", "{output}"))
SAMPLED = json.dumps(
    {
        "shared": {"frames": [{"name": "load_data", "file": "/x/bigdata/loaders/psycopg2.py", "line": 63}]},
        "profiles": [{"samples": [[0], [0]]}],
    }
)
LOOKED = [[i / 10, {"thread": {"poll": 2, "run_s": 0.0, "ready_s": 0.0}}] for i in range(20)]


class Fakes:
    """A server, a host and instruments in one; notes every step. ``seen`` is what instruments write, by their name."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.seen: dict[str, str | Exception] = {
            "py-spy": SAMPLED,
            "py-spy --gil": SAMPLED,
            "thread states": json.dumps({"samples": LOOKED, "refused": None}),
            "perf": "5000,,raw_syscalls:sys_enter,1,100.00,,\n",
        }

    def place(self, placement: Placement) -> None:
        self.steps.append("place")

    def run(self, launch: Launch) -> Finished:
        self.steps.append(launch.arguments[0])
        return Finished(0, "{}", "", 0.1)

    def counter(self) -> Instrument:
        return PERF

    def observe(self, instrument: Instrument | None, launch: Launch) -> Observed:
        name = "none" if instrument is None else instrument.name
        few = list(launch.arguments)[-2:] == ["--records", "11"]
        self.steps.append(f"{name}{', few' if few else ''}")
        seen = self.seen.get(name, "")
        if isinstance(seen, Exception):
            raise seen
        data = {"rows": 250 if few else 2500, "wall_s": 0.5, "started_s": 0.0, "ended_s": 2.0}
        report = {"phases": {"geo": {"rows": 0}, "data": data}}
        return Observed(Finished(0, json.dumps(report), "", 0.5), seen.replace("5000", "500") if few else seen)

    def ask(self, server: Any, statement: str) -> str:
        self.steps.append(statement.split()[0])
        return json.dumps([{"text": SQL, "calls": 10, "total_ms": 1.0}])


@pytest.fixture
def fakes() -> Any:
    return Fakes()


@pytest.fixture
def ready(fakes: Any, threaded: Cell) -> PreparedCell:
    data = PreparedData(Path("/data"), (), "digest", 110, 110, 24_420)
    cpus = frozenset({0})
    return PreparedCell(threaded, "sha256:1", fakes, fakes, Placement(cpus, cpus), data, "/data", 60.0)


@pytest.fixture(autouse=True)
def plain_run(monkeypatch: pytest.MonkeyPatch, make_record: Make) -> None:
    monkeypatch.setattr(explain_runs, "measure", lambda ready, begun: make_record())


def test_each_instrument_has_a_run_of_its_own_on_cleared_tables(ready: PreparedCell, fakes: Any) -> None:
    explained = explain_cell(ready, fakes)
    assert fakes.steps == [
        *("place", "CREATE", "SELECT", "SELECT"),
        *("clear", "py-spy", "clear", "py-spy --gil", "clear", "thread states", "clear", "perf", "clear", "perf, few"),
    ]
    assert explained.rows_per_s == {"py-spy": 5000, "py-spy --gil": 5000, "thread states": 5000, "perf": 5000}
    assert explained.calls == Calls("perf", 2.0, {})
    assert explained.lag_s == NO_LOOP
    assert set(explained.files) == {"busy.speedscope.json", "gil.speedscope.json"}
    assert not isinstance(explained.threads, str)
    assert explained.threads.workers == 2


@pytest.mark.parametrize("problem", [Unsupported("not here"), Failure("not here"), ValueError("not here")])
def test_an_instrument_that_fails_costs_its_own_section_only(
    ready: PreparedCell, fakes: Any, problem: Exception
) -> None:
    fakes.seen["py-spy"] = problem
    explained = explain_cell(ready, fakes)
    assert explained.busy == "not here"
    assert not isinstance(explained.gil, str)


def test_a_run_that_is_not_ok_without_instruments_is_not_explained(
    ready: PreparedCell, fakes: Any, monkeypatch: pytest.MonkeyPatch, make_record: Make
) -> None:
    broken = make_record(status="failed", reason="the server ended")
    monkeypatch.setattr(explain_runs, "measure", lambda ready, begun: broken)
    with pytest.raises(Failure, match="the run without instruments was not ok: the server ended"):
        explain_cell(ready, fakes)


def test_of_a_free_threaded_build_py_spy_is_not_asked(
    ready: PreparedCell, fakes: Any, monkeypatch: pytest.MonkeyPatch, make_record: Make
) -> None:
    record = make_record()
    assert record.client is not None
    client = replace(record.client, free_threaded=True, gil_enabled=False)
    monkeypatch.setattr(explain_runs, "measure", lambda ready, begun: replace(record, client=client))
    explained = explain_cell(ready, fakes)
    assert explained.busy == NOT_KNOWN_TO_PY_SPY
    assert explained.gil == "there is no GIL in this cell"
    assert "py-spy" not in fakes.steps
    assert not isinstance(explained.threads, str)
    assert "gil" not in explained.threads.shares


def test_the_event_loop_is_watched_where_there_is_one(ready: PreparedCell, fakes: Any, uvloop_cell: Cell) -> None:
    explained = explain_cell(replace(ready, cell=uvloop_cell), fakes)
    assert fakes.steps[-2:] == ["clear", "none"]
    assert explained.lag_s == "no callback of the event loop was measured: phase data was too short"

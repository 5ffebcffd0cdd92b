from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from bigdata.measurement.arrivals import arrivals_report
from bigdata.measurement.tally import Taken
from bigdata.registry import TypedInserts
from experiments.campaign.datasets import AskedOperations, PreparedData
from experiments.campaign.prepared_cell import PreparedCell, choices_of, clear_arguments, environment_of, run_arguments
from experiments.campaign.run import initial_record, measure
from experiments.engines.processes import cpu_s
from experiments.engines.protocol import UNWATCHED, Finished, Launch, Server
from experiments.errors import EngineLost, Failure
from experiments.matrix.cell import Cell
from experiments.matrix.network import Network
from experiments.matrix.plan import PlannedRun
from experiments.records.facts import InterpreterFacts, NetworkUse, Placement, ServerFacts
from experiments.records.histogram import Histogram

FACTS = InterpreterFacts("3.13", "3.13.0", "CPython", True, "build", "sha256:lock")
SPLIT = Placement(frozenset({0}), frozenset({1}))
DIGEST = "geo:100:1;data:22200:2"
# 100 + 2 * 100 + 22,200 statements, and one transaction for each of 20 connections.
TRANSACTIONS = 22_520

RUN_REPORT: dict[str, Any] = {
    "schema": 1,
    "phases": {
        "geo": {"rows": 100, "wall_s": 0.02, "user_s": 0.01, "system_s": 0.01},
        "data": {"rows": 22_200, "wall_s": 2.0, "user_s": 0.4, "system_s": 0.1},
    },
    "client": {"python": "3.13.0", "implementation": "CPython", "gil_enabled": True, "optimized_build": True}
    | {"packages": {"psycopg2": "2.9.11"}, "libpq": 170011, "voluntary_switches": 5, "involuntary_switches": 1}
    | {"peak_rss_bytes": 41_000_000, "unknown": "passed over"},
    "work": {"digest": None, "geo_records": 100, "data_records": 100, "rows": 22_200, "transactions": None}
    | {"records_read_ahead": 200, "records_streamed": 0},
}
CLEAR_REPORT = {"schema": 1, "server_version": "17.11", "xact_commit": 1_000, "round_trip_s": 0.00004}
DIGEST_REPORT = {"digest": DIGEST, "geo_records": 100, "rows": 22_200, "xact_commit": 1_000 + TRANSACTIONS}
SAMPLE_REPORT: dict[str, Any] = {
    "schema": 1,
    "cpu_s": 0.02,
    "groups": [["idle", "Client", "ClientRead"], ["active", "IO", "WalSync"], ["active", None, None]],
    # Before phase data, three within it, after it.
    "samples": [[9.0, [20]], [10.0, [15, 5]], [11.0, [10, 5, 5]], [12.0, [20, 0, 0]], [13.0, [0, 0, 20]]],
}
OF_A_STEP = ("--rest-within", "20", "--report", "-")


class FakeServer:
    """Uses half a second of CPU between two questions."""

    def __init__(self) -> None:
        self.placed: list[Placement] = []
        self._cpu_s = 0.0

    @property
    def facts(self) -> ServerFacts:
        return ServerFacts("17.11", {"max_connections": "30"}, "disk")

    @property
    def pid(self) -> int | None:
        return None

    @property
    def data(self) -> Path | None:
        return None

    def place(self, placement: Placement) -> None:
        self.placed.append(placement)

    def find_end(self) -> str | None:
        return None

    def cpu_s(self) -> float:
        self._cpu_s += 0.5
        return self._cpu_s

    def stop(self) -> None:
        raise AssertionError("a run does not stop the server")


RELAY_PORT = 40_000
RELAY = ["relay", "--port", "40000", "--rtt-ms", "10", "--jitter-ms", "1", "--report", "-"]


class FakeCompanion:
    """A sampler that has ended as it is told to, once it is left."""

    def __init__(self, answer: Finished, events: list[str]) -> None:
        self.finished: Finished | None = None
        self._answer = answer
        self._events = events

    @property
    def pid(self) -> int | None:
        return 4711

    def __enter__(self) -> FakeCompanion:
        self._events.append("sampler starts")
        return self

    def __exit__(self, *exception: object) -> None:
        self._events.append("sampler is stopped")
        self.finished = self._answer


class FakeHost:
    """Answers each verb with a canned process."""

    def __init__(self, **answers: Finished) -> None:
        good = {"clear": CLEAR_REPORT, "run": RUN_REPORT, "digest": DIGEST_REPORT, "sample": SAMPLE_REPORT}
        self.answers = {**{verb: reporting(report) for verb, report in good.items()}, **answers}
        self.calls: list[tuple[list[str], Placement | None, float]] = []
        self.environments: dict[str, dict[str, str]] = {}
        self.watched: list[str] = []
        self.ports: dict[str, int | None] = {}
        self.administrators: set[str] = set()
        self.events: list[str] = []

    @property
    def facts(self) -> InterpreterFacts:
        return FACTS

    def run(self, launch: Launch) -> Finished:
        verb = launch.arguments[0]
        self.calls.append((list(launch.arguments), launch.placement, launch.timeout_s))
        self.ports[verb] = launch.port
        self.events.append(verb)
        self.administrators |= {verb} if launch.network_admin else set()
        self.environments[verb] = dict(launch.environment)
        if launch.watch is not UNWATCHED:
            self.watched.append(verb)
        with launch.watch:
            return self.answers[verb]

    def free_port(self) -> int:
        return RELAY_PORT

    def beside(self, arguments: Sequence[str], *, server: Server, placement: Placement) -> FakeCompanion:
        assert (list(arguments), placement) in ((["sample", "--report", "-"], SPLIT), (RELAY, SPLIT))
        return FakeCompanion(self.answers[arguments[0]], self.events)


def reporting(report: dict[str, Any], **changes: Any) -> Finished:
    return Finished(0, json.dumps({**report, **changes}) + "\n", "", 1.0)


def ready(cell: Cell, host: FakeHost) -> PreparedCell:
    data = PreparedData(Path("ny"), ("--segments", "01", "--records", "100"), DIGEST, 100, 100, 22_200)
    return PreparedCell(cell, "sha256:k", host, FakeServer(), SPLIT, data, "/data/ny", 120.0)


def planned(cell: Cell) -> PlannedRun:
    return PlannedRun(cell, "a", 3, 17)


def test_a_good_run_leaves_everything_in_its_record(threaded: Cell) -> None:
    one = ready(threaded, host := FakeHost())
    begun = initial_record("2026-11-22T1430-local", planned(threaded), "sha256:k")
    record = measure(one, begun)
    assert (record.status, record.reason, record.interrupted) == ("ok", None, False)
    assert record.run == ("sha256:k", "a", 3)
    assert (record.order, record.started_at, record.cell) == (17, begun.started_at, threaded)
    assert (record.rows_per_s, record.cpu_us_per_row) == (11_100.0, 22.523)
    assert record.client is not None
    assert record.client.packages == {"psycopg2": "2.9.11"}
    assert record.server is not None
    assert (record.server.version, record.server.storage, record.server.cpu_s) == ("17.11", "disk", 0.5)
    assert record.work is not None
    assert (record.work.digest, record.work.rows, record.work.transactions) == (DIGEST, 22_200, TRANSACTIONS)
    assert record.images is None
    assert isinstance(one.server, FakeServer)
    assert one.server.placed == [SPLIT]
    assert [(call[0][0], call[1], call[2]) for call in host.calls] == [
        ("clear", SPLIT, 120.0),
        ("run", SPLIT, 120.0),
        ("digest", SPLIT, 120.0),
    ]
    assert host.calls[2][0] == ["digest", "--expect-transactions", str(1_000 + TRANSACTIONS), *OF_A_STEP]


def timed(started_s: float, ended_s: float) -> Finished:
    """A loader that says when its phase data was."""
    phases = RUN_REPORT["phases"]
    return reporting(
        RUN_REPORT, phases={**phases, "data": {**phases["data"], "started_s": started_s, "ended_s": ended_s}}
    )


def test_connections_are_sampled_while_the_loader_runs_and_cut_to_phase_data(threaded: Cell) -> None:
    kept: list[Mapping[str, Any]] = []
    host = FakeHost(run=timed(9.5, 12.5))
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), "sha256:k"), kept.append)
    assert host.events == ["sampler starts", "clear", "run", "sampler is stopped", "digest"]
    assert record.status == "ok"
    assert record.connections is not None
    assert asdict(record.connections) == {
        **{"samples": 3, "interval_s": 1.0, "round_trip_s": 0.00004},
        **{"active": 0.25, "idle": 0.75, "idle_in_transaction": 0.0},
        "waits": {"IO:WalSync": 0.16667, "CPU": 0.08333},
        "scheduling": None,
    }
    (line,) = kept
    assert (line["campaign"], line["cell_key"], line["arm"], line["block"]) == ("c", "sha256:k", "a", 3)
    assert (line["started_at"], line["reason"]) == (record.started_at, None)
    assert line["phases"]["geo"]["samples"] == 0
    assert line["phases"]["data"] == {
        **{"samples": 3, "interval_s": 1.0, "idle": 45, "idle_in_transaction": 0},
        "waits": {"CPU": 5, "IO:WalSync": 10},
    }


def test_the_sampler_and_its_backend_are_made_prompt_before_the_loader_starts(
    threaded: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = FakeHost(run=timed(9.5, 12.5))

    def prompt(pids: tuple[int, ...]) -> str:
        host.events.append(f"prompt: {pids}")
        return "slice"

    monkeypatch.setattr(
        "experiments.campaign.monitoring.monitor.find_sampler", lambda sampler, postmaster: (sampler, 4712)
    )
    monkeypatch.setattr("experiments.campaign.monitoring.monitor.shorten_time_slices", prompt)
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), "sha256:k"))
    assert host.events[:4] == ["sampler starts", "clear", "prompt: (4711, 4712)", "run"]
    assert record.connections is not None
    assert record.connections.scheduling == "slice"


def test_a_cell_that_goes_without_sampler_has_none(threaded: Cell) -> None:
    kept: list[Mapping[str, Any]] = []
    host = FakeHost(run=timed(9.5, 12.5))
    unwatched = replace(threaded, sampling="off")
    record = measure(ready(unwatched, host), initial_record("c", planned(unwatched), "sha256:k"), kept.append)
    assert host.events == ["clear", "run", "digest"]
    assert (record.status, record.connections, kept) == ("ok", None, [])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Finished(1, "", "error: the server does not tell\n", 1.0), "sample: the server does not tell"),
        (Finished(0, "nothing\n", "", 1.0), "sample: reported 'nothing', not a line of JSON"),
        (Finished(0, "{}\n", "", 1.0), "sample: reported a line that cannot be used: KeyError('samples')"),
        (Finished(-9, "", "", 1.0), "sample: ended by signal 9 (SIGKILL)"),
    ],
)
def test_a_sampler_that_fails_fails_no_run_and_its_reason_is_kept(
    answer: Finished, reason: str, threaded: Cell
) -> None:
    kept: list[Mapping[str, Any]] = []
    host = FakeHost(run=timed(9.5, 12.5), sample=answer)
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), "sha256:k"), kept.append)
    assert (record.status, record.reason, record.connections) == ("ok", None, None)
    assert [line["reason"] for line in kept] == [reason]


BUSY_FOR_A_WHILE = """
import json, sys, time
sys.stdin.readline()
began_s, before_s = time.monotonic(), time.process_time()
while time.process_time() < before_s + 1.2:
    pass
print(json.dumps([began_s, time.monotonic(), time.process_time() - before_s]), flush=True)
sys.stdin.read()
"""


class BusyServer(FakeServer):
    """A process of its own that has nothing to do, then a lot, then nothing."""

    def __enter__(self) -> BusyServer:
        command = [sys.executable, "-c", BUSY_FOR_A_WHILE]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.communicate()

    def cpu_s(self) -> float:
        return cpu_s(self.process.pid)


class Clocked(FakeHost):
    """Its loader says that phase data was what the server had to do, by the clock of this machine."""

    def __init__(self, server: BusyServer) -> None:
        super().__init__()
        self._server = server
        self.used_s = 0.0

    def run(self, launch: Launch) -> Finished:
        if launch.arguments[0] == "run":
            with launch.watch:
                time.sleep(0.4)
                assert self._server.process.stdin is not None
                assert self._server.process.stdout is not None
                self._server.process.stdin.write("\n")
                began_s, ended_s, self.used_s = json.loads(self._server.process.stdout.readline())
                time.sleep(0.4)
            self.answers["run"] = timed(began_s, ended_s)
            launch = replace(launch, watch=UNWATCHED)
        return super().run(launch)


@pytest.mark.parametrize("here", [True, False])
def test_phase_data_has_what_the_server_used_in_it_where_both_go_by_the_same_clock(threaded: Cell, here: bool) -> None:
    with BusyServer() as server:
        host = Clocked(server)
        record = measure(
            replace(ready(threaded, host), server=server, here=here), initial_record("c", planned(threaded), "k")
        )
    assert record.phases is not None
    assert record.phases["geo"].server_cpu_s is None
    found_s = record.phases["data"].server_cpu_s
    # By its own account; what it may get of a busy machine differs at the phase's edges.
    assert found_s == (pytest.approx(host.used_s, rel=0.1) if here else None)


def test_a_run_that_fails_keeps_no_samples(threaded: Cell) -> None:
    kept: list[Mapping[str, Any]] = []
    host = FakeHost(run=Finished(1, "", "error: connection lost\n", 1.0))
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), "sha256:k"), kept.append)
    assert (record.status, record.connections, kept) == ("failed", None, [])
    assert host.events[-1] == "sampler is stopped"


def test_the_loaders_arguments_say_what_the_cell_says(threaded: Cell, uvloop_cell: Cell) -> None:
    data = ["--segments", "01", "--records", "100"]
    common = ["--directory", "/data/ny", "--poolsize", "20", *data]
    end = ["--prepared", "--report", "-"]
    assert run_arguments(ready(threaded, FakeHost())) == ["run", "row_by_row_threaded", *common, *end]
    cell = replace(uvloop_cell, transaction="per_record", inserts="executemany")
    assert run_arguments(ready(cell, FakeHost())) == [
        *("run", "row_by_row_asyncio", *common),
        *("--loop", "uvloop", "--no-autocommit", "--allow-executemany", *end),
    ]


def test_protocol_and_implementation_are_said_where_the_driver_has_a_choice(uvloop_cell: Cell) -> None:
    psycopg = replace(uvloop_cell, loader="row_by_row_psycopg_asyncio", protocol="extended", implementation="c")
    assert choices_of(psycopg) == ["--loop", "uvloop", "--protocol", "extended", "--implementation", "c"]
    asyncpg = replace(uvloop_cell, loader="row_by_row_asyncpg", protocol="prepared")
    assert choices_of(asyncpg) == ["--loop", "uvloop", "--protocol", "prepared"]
    arguments = run_arguments(ready(asyncpg, FakeHost()))
    assert arguments[-7:-3] == ["--loop", "uvloop", "--protocol", "prepared"]


def test_a_gil_that_is_to_stay_off_is_said_to_the_loader_and_not_to_the_harnesss_own_steps(threaded: Cell) -> None:
    free = replace(threaded, python="3.14t", gil="off")
    measure(ready(free, host := FakeHost()), initial_record("c", planned(free), "sha256:k"))
    assert host.environments == {"clear": {}, "run": {"PYTHON_GIL": "0"}, "digest": {}}
    assert environment_of(replace(free, gil="default")) == {}


def test_a_driver_that_prepares_by_itself_may_have_as_many_transactions_more_as_the_files_ask_for(
    threaded: Cell,
) -> None:
    psycopg = replace(threaded, loader="row_by_row_psycopg_threaded", protocol="prepared", implementation="binary")
    # Two kinds of geo records (of one there is one), two of values, and the two SELECTs: on one connection, or on all.
    inserts = TypedInserts(geo=(1, 99), data=(12, 22_188))
    fewest, most = 6, (1 + 20) + 2 * 20 + (12 + 20)
    for extra, status in ((fewest - 1, "wrong_work"), (fewest, "ok"), (most, "ok"), (most + 1, "wrong_work")):
        host = FakeHost(digest=reporting(DIGEST_REPORT, xact_commit=1_000 + TRANSACTIONS + extra))
        one = ready(psycopg, host)
        one = replace(one, data=replace(one.data, inserts=inserts))
        record = measure(one, initial_record("c", planned(psycopg), "sha256:k"))
        assert record.status == status
        assert host.calls[2][0][1:3] == ["--expect-transactions", str(1_000 + TRANSACTIONS + fewest)]
        assert record.work is not None
        assert record.work.transactions_expected == (TRANSACTIONS + fewest, TRANSACTIONS + most)


def test_what_autovacuum_commits_is_not_held_against_a_loader_but_what_is_missing_is(
    threaded: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeServer, "facts", ServerFacts("17.11", {"autovacuum": "on"}, "disk"))
    for more, status in ((16, "ok"), (0, "ok"), (-1, "wrong_work")):
        host = FakeHost(digest=reporting(DIGEST_REPORT, xact_commit=1_000 + TRANSACTIONS + more))
        assert measure(ready(threaded, host), initial_record("c", planned(threaded), "sha256:k")).status == status


def test_a_driver_that_inserts_in_a_pipeline_commits_once_per_record(threaded: Cell) -> None:
    psycopg = replace(threaded, loader="row_by_row_psycopg_threaded", protocol="extended", inserts="executemany")
    # 100 geo records, two SELECTs and one pipeline for each of 100 data records, 20 connections.
    host = FakeHost(digest=reporting(DIGEST_REPORT, xact_commit=1_000 + 100 + 300 + 20))
    assert measure(ready(psycopg, host), initial_record("c", planned(psycopg), "sha256:k")).status == "ok"


def test_a_loader_that_spoke_another_protocol_did_other_work(threaded: Cell) -> None:
    host = FakeHost(run=reporting(RUN_REPORT, protocol="prepared"))
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), "sha256:k"))
    assert (record.status, record.reason) == ("wrong_work", "protocol: prepared, not simple")


def test_what_the_server_scanned_before_the_run_is_not_of_the_run(threaded: Cell) -> None:
    before, scans = {"geo_record": 7, "matrix": 9}, {"geo_record": 107, "matrix": 108}
    host = FakeHost(clear=reporting(CLEAR_REPORT, scans=before), digest=reporting(DIGEST_REPORT, scans=scans))
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), "sha256:k"))
    assert record.work is not None
    assert (record.work.geo_scans, record.work.matrix_scans) == (100, 99)
    assert (record.status, record.reason) == (
        "wrong_work",
        "scans of matrix: 99 of 100 at least, one for each SELECT",
    )


def test_a_loader_that_counts_more_rows_than_there_are_did_wrong_work(threaded: Cell) -> None:
    phases = {"geo": RUN_REPORT["phases"]["geo"], "data": {**RUN_REPORT["phases"]["data"], "rows": 44_400}}
    record = measure(
        ready(threaded, FakeHost(run=reporting(RUN_REPORT, phases=phases))), initial_record("c", planned(threaded), "")
    )
    assert (record.status, record.reason) == ("wrong_work", "rows of phase data: 44400, not 22200")


@pytest.mark.parametrize("changes", [{"rows": 0}, {"rows": 0, "wall_s": 0.0}])
def test_a_loader_that_counts_no_rows_did_wrong_work_and_has_no_rates(changes: dict[str, Any], threaded: Cell) -> None:
    phases = {"geo": RUN_REPORT["phases"]["geo"], "data": {**RUN_REPORT["phases"]["data"], **changes}}
    host = FakeHost(run=reporting(RUN_REPORT, phases=phases))
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), ""))
    assert (record.status, record.reason) == ("wrong_work", "rows of phase data: 0, not 22200")
    assert (record.rows_per_s, record.cpu_us_per_row) == (None, None)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"phases": {"geo": RUN_REPORT["phases"]["geo"]}}, "lacks 'data'"),
        ({"client": None}, "'NoneType' object has no attribute 'get'"),
        ({"work": {}}, "lacks 'data_records'"),
    ],
)
def test_a_report_that_lacks_something_is_a_failed_run_and_does_not_end_the_campaign(
    changes: dict[str, Any], what: str, threaded: Cell
) -> None:
    host = FakeHost(run=reporting(RUN_REPORT, **changes))
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), ""))
    assert (record.status, record.reason) == ("failed", f"run: reported a line that cannot be used: {what}")


@pytest.mark.parametrize(("limit_s", "granted_s"), [(10.0, 60.0), (3600.0, 3600.0)])
def test_the_harnesss_own_steps_may_take_as_long_as_a_load_and_do_not_pass_for_one(
    limit_s: float, granted_s: float, threaded: Cell
) -> None:
    host = FakeHost(digest=Finished(-9, "", "", granted_s, timed_out=True))
    one = replace(ready(threaded, host), timeout_s=limit_s)
    record = measure(one, initial_record("c", planned(threaded), ""))
    assert [call[2] for call in host.calls] == [granted_s, limit_s, granted_s]
    reason = f"digest: the harness's own step had not ended within {granted_s:g} s"
    assert (record.status, record.reason) == ("failed", reason)


def test_what_a_loader_says_of_its_build_is_recorded(threaded: Cell) -> None:
    said = {"free_threaded": True, "gil_requested": "0", "lto": True, "jit": False, "switch_interval_s": 0.005}
    said |= {"libpq_bundled": True, "driver_implementation": "c"}
    psycopg = replace(threaded, loader="row_by_row_psycopg_threaded", implementation="c")
    host = FakeHost(run=reporting(RUN_REPORT, protocol="simple", client={**RUN_REPORT["client"], **said}))
    record = measure(ready(psycopg, host), initial_record("c", planned(psycopg), "sha256:k"))
    assert record.status == "ok"
    assert said.items() <= asdict(record)["client"].items()


@pytest.mark.parametrize(
    ("answers", "status", "reason"),
    [
        ({"run": Finished(-9, "", "", 120.0, timed_out=True)}, "timeout", "run: no end within 120 s"),
        ({"run": Finished(1, "", "error: lost\n", 1.0)}, "failed", "run: lost"),
        ({"run": Finished(2, "", "error: bad\n", 1.0)}, "failed", "run: bad"),
        ({"clear": Finished(1, "", "error: down\n", 1.0)}, "failed", "clear: down"),
        ({"digest": Finished(1, "", "error: gone\n", 1.0)}, "failed", "digest: gone"),
        # Whatever it counted until then says nothing of the loader.
        (
            {"digest": reporting(DIGEST_REPORT, xact_commit=1_000, at_rest=False)},
            "failed",
            "digest: the server was not at rest: it had other clients still after 20 s",
        ),
        (
            {"digest": reporting(DIGEST_REPORT, digest="geo:100:1;data:22199:1", rows=22_199)},
            "wrong_work",
            "rows: 22199 of 22200",
        ),
        (
            {"digest": reporting(DIGEST_REPORT, xact_commit=1_000 + TRANSACTIONS + 1)},
            "wrong_work",
            "transactions: 22521 of 22520",
        ),
        (
            {"digest": reporting(DIGEST_REPORT, digest="geo:100:1;data:22200:3")},
            "wrong_work",
            "values: the tables do not hold what the files do (their digests differ)",
        ),
    ],
)
def test_a_run_that_is_not_ok_says_why(answers: dict[str, Finished], status: str, reason: str, threaded: Cell) -> None:
    record = measure(ready(threaded, FakeHost(**answers)), initial_record("c", planned(threaded), "sha256:k"))
    assert (record.status, record.reason, record.interrupted) == (status, reason, False)
    assert record.wall_s is not None


def test_a_run_with_wrong_work_keeps_its_measurement(threaded: Cell) -> None:
    host = FakeHost(digest=reporting(DIGEST_REPORT, rows=22_199))
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), "sha256:k"))
    assert (record.status, record.rows_per_s) == ("wrong_work", 11_100.0)


def test_a_run_that_timed_out_keeps_what_was_seen_from_outside(threaded: Cell) -> None:
    # One in a container, whose CPU time only it could have told.
    host = FakeHost(run=Finished(-9, "", "", 120.0, timed_out=True, is_child=False))
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), "sha256:k"))
    assert record.server is not None
    assert (record.server.cpu_s, record.phases) == (0.5, None)
    assert record.host is not None
    assert record.host.foreign_cpu_s is None


def test_only_the_loaders_own_life_is_observed(threaded: Cell) -> None:
    record = measure(ready(threaded, host := FakeHost()), initial_record("c", planned(threaded), "sha256:k"))
    assert host.watched == ["run"]
    assert record.host is not None
    assert record.host.observed_s is not None
    elsewhere = replace(ready(threaded, host), here=False)
    assert measure(elsewhere, initial_record("c", planned(threaded), "sha256:k")).host is None


@pytest.mark.parametrize("verb", ["clear", "digest"])
def test_transactions_that_the_server_cannot_tell_are_null_and_not_judged(verb: str, threaded: Cell) -> None:
    report = {"clear": CLEAR_REPORT, "digest": DIGEST_REPORT}[verb]
    host = FakeHost(**{verb: reporting(report, xact_commit=None)})
    record = measure(ready(threaded, host), initial_record("c", planned(threaded), "sha256:k"))
    assert record.status == "ok"
    assert record.work is not None
    assert record.work.transactions is None


def test_an_engine_that_fails_is_a_failed_run(threaded: Cell) -> None:
    class Broken(FakeHost):
        def run(self, launch: Launch) -> Finished:
            raise Failure("the server is gone")

    record = measure(ready(threaded, Broken()), initial_record("c", planned(threaded), "sha256:k"))
    assert (record.status, record.reason) == ("failed", "the server is gone")


@pytest.mark.parametrize(
    "answer",
    [Finished(1, "", "error: connection lost\n", 1.0), Finished(-9, "", "", 120.0, timed_out=True)],
)
def test_a_run_in_which_the_server_ended_failed_for_that_reason(
    answer: Finished, threaded: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = ready(threaded, FakeHost(run=answer))
    monkeypatch.setattr(cell.server, "find_end", lambda: "no space left")
    record = measure(cell, initial_record("c", planned(threaded), "sha256:k"))
    assert (record.status, record.reason) == ("failed", "PostgreSQL 17.11 ended during the run: no space left")
    assert (record.interrupted, record.server is not None) == (False, True)


def test_a_run_for_which_no_server_can_be_had_failed_and_nothing_is_launched(
    threaded: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = ready(threaded, host := FakeHost())

    def gone(placement: Placement) -> None:
        raise Failure("it does not start again")

    monkeypatch.setattr(cell.server, "place", gone)
    monkeypatch.setattr(cell.server, "find_end", lambda: "no space left")
    record = measure(cell, initial_record("c", planned(threaded), "sha256:k"))
    assert (record.status, record.reason, record.interrupted) == ("failed", "it does not start again", False)
    assert host.calls == []


def test_a_good_run_does_not_ask_whether_the_server_has_ended(threaded: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = ready(threaded, FakeHost())

    def asked() -> None:
        raise AssertionError("that may take a while")

    monkeypatch.setattr(cell.server, "find_end", asked)
    assert measure(cell, initial_record("c", planned(threaded), "sha256:k")).status == "ok"


def test_a_run_that_has_begun_has_the_record_it_gets_when_killed(threaded: Cell) -> None:
    begun = initial_record("c", planned(threaded), "sha256:k")
    assert (begun.status, begun.interrupted) == ("failed", True)
    assert begun.reason == "interrupted: the campaign was ended during this run"


@pytest.mark.parametrize("step", ["place", "find_end"])
def test_an_engine_that_is_lost_is_no_failure_of_the_run(
    step: str, threaded: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*arguments: object) -> str | None:
        raise EngineLost("docker: cannot reach the engine: connection refused")

    # As an engine that shuts down ends it.
    one = ready(threaded, FakeHost(run=Finished(-15, "", "", 1.0)))
    monkeypatch.setattr(one.server, step, lost)
    with pytest.raises(EngineLost):
        measure(one, initial_record("c", planned(threaded), "sha256:k"))


def test_another_workload_finds_its_data_loaded_and_is_counted_in_operations(threaded: Cell) -> None:
    asked = AskedOperations(2_000, 100, 444_000, "22200:5", DIGEST)
    phase = {"rows": 444_000, "operations": 2_000, "wall_s": 2.0, "user_s": 0.4, "system_s": 0.1}
    work = {**RUN_REPORT["work"], "geo_records": None, "data_records": 2_000, "checked": 100, "answers": "22200:5"}
    report = {**RUN_REPORT, "workload": "fetch", "phases": {"data": phase}, "work": work}
    scans = {"geo_record": 2_100, "elements_read": 466_200}
    counted = reporting(DIGEST_REPORT, xact_commit=1_000 + 2_100 + 20, scans=scans)
    nothing = reporting(CLEAR_REPORT, scans=dict.fromkeys(scans, 0))
    host = FakeHost(run=reporting(report), digest=counted, clear=nothing)
    one = ready(replace(threaded, workload="fetch"), host)
    record = measure(
        replace(one, data=replace(one.data, workloads={"fetch": asked})), initial_record("c", planned(one.cell), "k")
    )
    assert (record.status, record.reason) == ("ok", None)
    assert (record.rows_per_s, record.operations_per_s) == (222_000.0, 1_000.0)
    assert (record.cpu_us_per_row, record.cpu_us_per_operation) == (1.126, 250.0)
    assert (record.rate, record.cost_us) == (1_000.0, 250.0)
    filling = ["--directory", "/data/ny", "--segments", "01", "--records", "100", "--mark", DIGEST]
    assert host.calls[0][0] == ["clear", "--poolsize", "20", *filling, *OF_A_STEP]
    assert host.calls[1][0][-5:] == ["--workload", "fetch", "--prepared", "--report", "-"]


def looking_up(threaded: Cell, arrivals: str, rate_per_s: float | None) -> tuple[PreparedCell, FakeHost]:
    """A cell whose loader reports two operations of an open loop at 500 per second."""
    asked = AskedOperations(2, 1, 2, None, DIGEST)
    phase = {"rows": 2, "operations": 2, "wall_s": 2.0, "user_s": 0.4, "system_s": 0.1}
    arrived = arrivals_report(500.0, [Taken(2, [], {}, [(1_000, 2_000, 5_000), (2_000, 5_000, 9_000)])])
    work = {**RUN_REPORT["work"], "geo_records": None, "data_records": 2, "checked": 1, "answers": "1:5"}
    report = {**RUN_REPORT, "workload": "lookup", "phases": {"data": phase}, "work": work, "arrivals": arrived}
    counted = reporting(DIGEST_REPORT, xact_commit=1_000 + 3 + 20, scans={"geo_record": 3})
    host = FakeHost(run=reporting(report), digest=counted, clear=reporting(CLEAR_REPORT, scans={"geo_record": 0}))
    one = ready(replace(threaded, workload="lookup", arrivals=arrivals), host)
    return replace(one, data=replace(one.data, open_loops={"lookup": asked}), rate_per_s=rate_per_s), host


def test_an_open_loop_gets_its_rate_and_leaves_histograms(threaded: Cell) -> None:
    one, host = looking_up(threaded, "500/s", 500.0)
    record = measure(one, initial_record("c", planned(one.cell), "k"))
    assert (record.status, record.reason) == ("ok", None)
    assert host.calls[1][0][-5:] == ["--arrivals", "500.0", "--prepared", "--report", "-"]
    assert record.open_loop is not None
    assert Histogram.decode(record.open_loop.response).counts == Histogram.of([4_000, 7_000]).counts
    # Its throughput is that of its schedule: no result.
    assert (record.rate, record.operations_per_s, record.ledger_us_per_row) == (None, 1.0, None)


@pytest.mark.parametrize(
    ("rate_per_s", "status", "reason"),
    [
        (None, "failed", "arrivals 70%: not known, as the baseline did not run well as a closed loop"),
        (400.0, "wrong_work", "arrivals per second: 500.0, not 400.0"),
    ],
)
def test_an_open_loop_without_its_rate_is_no_result(
    rate_per_s: float | None, status: str, reason: str, threaded: Cell
) -> None:
    one, _ = looking_up(threaded, "70%", rate_per_s)
    record = measure(one, initial_record("c", planned(one.cell), "k"))
    assert (record.status, record.reason) == (status, reason)


def test_a_loader_that_reports_no_open_loop_is_no_result(threaded: Cell) -> None:
    one, host = looking_up(threaded, "500/s", 500.0)
    report = json.loads(host.answers["run"].stdout)
    del report["arrivals"]
    host.answers["run"] = reporting(report)
    record = measure(one, initial_record("c", planned(one.cell), "k"))
    assert (record.status, record.reason) == ("failed", "run: reported a line that cannot be used: lacks 'arrivals'")


def test_tables_that_a_workload_changes_are_filled_again(threaded: Cell) -> None:
    one = ready(replace(threaded, workload="transaction", transaction="per_record"), FakeHost())
    assert clear_arguments(one)[-4:] == ["--segments", "01", "--records", "100"]
    assert "--no-autocommit" not in run_arguments(one)


def test_a_run_over_another_network_goes_through_a_relay_whose_cost_and_round_trip_are_recorded(threaded: Cell) -> None:
    distant = replace(threaded, network="distant")
    relay = reporting({"schema": 1, "cpu_s": 0.7, "cpu_times": [[9.0, 0.1], [10.0, 0.2], [12.0, 0.6], [13.0, 0.8]]})
    host = FakeHost(run=timed(9.5, 12.5), relay=relay)
    host.answers["round-trip"] = reporting({"schema": 1, "round_trip_s": 0.0103})
    one = replace(ready(distant, host), network=Network(rtt="10ms", jitter="1ms"))
    record = measure(one, initial_record("c", planned(distant), "sha256:k"))
    assert (record.status, record.reason) == ("ok", None)
    assert record.network == NetworkUse("relay", 0.01, 0.001, 0.0103, 0.6)
    assert record.connections is not None
    assert record.connections.round_trip_s == 0.0103
    assert [call[0][0] for call in host.calls] == ["clear", "round-trip", "run", "digest"]
    # What is measured, and nothing else, goes through it.
    assert host.ports == {"clear": None, "round-trip": RELAY_PORT, "run": RELAY_PORT, "digest": None}
    assert host.events.index("clear") < host.events.index("run")


def test_a_relay_that_does_not_start_fails_its_run(threaded: Cell) -> None:
    distant = replace(threaded, network="distant")
    host = FakeHost(relay=reporting({}))
    host.answers["round-trip"] = Finished(2, "", "error: --dburl: cannot connect: refused\n", 1.0)
    one = replace(ready(distant, host), network=Network(rtt="10ms", jitter="1ms"))
    record = measure(one, initial_record("c", planned(distant), "sha256:k"))
    assert (record.status, record.reason) == ("failed", "round-trip: --dburl: cannot connect: refused")
    assert record.network is None


def test_a_run_behind_netem_is_delayed_alone_by_a_step_that_may_change_its_network(threaded: Cell) -> None:
    distant = replace(threaded, network="distant")
    host = FakeHost(run=timed(9.5, 12.5), netem=reporting({"schema": 1}))
    host.answers["round-trip"] = reporting({"schema": 1, "round_trip_s": 0.0101})
    one = replace(ready(distant, host), network=Network(rtt="10ms", jitter="1ms"), delayed_by="netem")
    record = measure(one, initial_record("c", planned(distant), "sha256:k"))
    assert (record.status, record.reason) == ("ok", None)
    assert record.network == NetworkUse("netem", 0.01, 0.001, 0.0101, None)
    assert [call[0][0] for call in host.calls] == ["clear", "netem", "round-trip", "run", "netem", "digest"]
    delays = [call[0][1:5] for call in host.calls if call[0][0] == "netem"]
    assert delays == [["--rtt-ms", "10", "--jitter-ms", "1"], ["--rtt-ms", "0", "--jitter-ms", "0"]]
    assert host.administrators == {"netem"}


def test_the_delay_of_a_run_that_fails_is_removed_and_one_that_is_refused_fails_its_run(threaded: Cell) -> None:
    distant = replace(threaded, network="distant")
    host = FakeHost(run=Finished(1, "", "error: lost\n", 1.0), netem=reporting({"schema": 1}))
    host.answers["round-trip"] = reporting({"schema": 1, "round_trip_s": 0.0101})
    one = replace(ready(distant, host), network=Network(rtt="10ms"), delayed_by="netem")
    record = measure(one, initial_record("c", planned(distant), "sha256:k"))
    assert (record.status, record.reason) == ("failed", "run: lost")
    assert [call[0][0] for call in host.calls][-2:] == ["run", "netem"]
    host.answers["netem"] = Finished(1, "", "error: the kernel has no netem\n", 1.0)
    record = measure(one, initial_record("c", planned(distant), "sha256:k"))
    assert (record.status, record.reason) == ("failed", "netem: the kernel has no netem")


def test_a_run_between_two_hosts_delays_nothing_and_records_their_clocks_and_tls(threaded: Cell) -> None:
    apart = replace(threaded, network="two_hosts")
    host = FakeHost(run=timed(9.5, 12.5))
    idle = {"schema": 1, "round_trip_s": 0.0002, "clock_offset_s": -0.04, "tls": "TLSv1.3"}
    host.answers["round-trip"] = reporting(idle)
    one = replace(ready(apart, host), network=Network(loader="here", server="db"), delayed_by="hosts")
    record = measure(one, initial_record("c", planned(apart), "sha256:k"))
    assert (record.status, record.reason) == ("ok", None)
    assert record.network == NetworkUse("hosts", 0.0, 0.0, 0.0002, None, -0.04, "TLSv1.3")
    assert [call[0][0] for call in host.calls] == ["clear", "round-trip", "run", "digest"]
    assert set(host.ports.values()) == {None}

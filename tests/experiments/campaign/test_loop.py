from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from experiments.analysis.attempts import choose_counting
from experiments.campaign.datasets import PreparedData
from experiments.campaign.loop import Runner, run_blocks
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.progress import PlainLines
from experiments.campaign.quiet_gate import QuietGate
from experiments.campaign.stopping_rule import Blocks, PlannedBlocks
from experiments.engines.protocol import LoaderHost, Server
from experiments.errors import Failure
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.plan import Plan, PlannedRun, make_plan
from experiments.records.campaign import runs_left
from experiments.records.description import Description
from experiments.records.facts import Placement
from experiments.records.folder import CampaignFolder, create
from experiments.records.record import Host, Record

REASON = "no Python 3.14 here"


class Quiet(PlainLines):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[int, int]] = []
        self.blocks: list[str] = []
        self.ended: list[Record] = []
        self.told: list[str] = []

    def tell(self, text: str) -> None:
        assert text.startswith("calibration"), text
        self.told.append(text)

    def begin(self, left: Sequence[PlannedRun], done: int) -> None:
        self.begun.append((done + len(left), done))

    def begin_run(self, run: PlannedRun, block: str, budget: str = "") -> None:
        self.blocks.append(f"{block}, {budget}")

    def end_run(self, record: Record, label: str | None = None) -> None:
        self.ended.append(record)


class Campaign:
    """A campaign of two cells that run, the baseline as two arms, and one that cannot, in two blocks."""

    def __init__(self, folder: CampaignFolder, threaded: Cell, uvloop: Cell) -> None:
        missing = replace(threaded, python="3.14")
        self.folder = folder
        self.server = SimpleNamespace(facts=SimpleNamespace(storage="disk"), data=None)
        experiments = ("loaders",)
        planned = [PlannedCell(threaded, "a", experiments), PlannedCell(threaded, "b", experiments)]
        planned += [PlannedCell(uvloop, "a", experiments), PlannedCell(missing, "a", experiments)]
        self.plan: Plan = make_plan(planned, repeats=2, seed=1)
        self.keys = {threaded: "sha256:threaded", uvloop: "sha256:uvloop", missing: "sha256:missing"}
        self.cells: dict[Cell, PreparedCell | str] = {
            threaded: self._ready(threaded),
            uvloop: self._ready(uvloop),
            missing: REASON,
        }

    def _ready(self, cell: Cell) -> PreparedCell:
        data = PreparedData(Path("ny"), (), "", 1, 1, 222)
        parts = cast(LoaderHost, None), cast(Server, self.server), Placement(frozenset(), frozenset())
        return PreparedCell(cell, self.keys[cell], *parts, data, "ny", 120.0)

    def run(
        self,
        measure: Callable[[PreparedCell, Record], Record],
        blocks: Blocks | None = None,
        *,
        resumed: bool = False,
        patient: bool = False,
        calibrate: Callable[[PreparedCell, Record], Record] | None = None,
    ) -> Quiet:
        reporter = Quiet()
        blocks = blocks or PlannedBlocks(self.plan.repeats)
        gate = QuietGate(60.0 if patient else 0.0, reporter.tell, look=lambda prepared, window_s: None)
        runner = Runner(self.folder, measure, reporter, blocks, gate, resumed, calibrate or measure)
        run_blocks(self.plan, self.cells, self.keys, runner)
        return reporter


@pytest.fixture
def campaign(tmp_path: Path, description: Description, threaded: Cell, uvloop_cell: Cell) -> Campaign:
    return Campaign(create(tmp_path, description), threaded, uvloop_cell)


def good(ready: PreparedCell, begun: Record) -> Record:
    return replace(begun, status="ok", reason=None, interrupted=False)


def test_a_load_is_of_the_median_of_all_calibrations_which_leave_no_record(campaign: Campaign) -> None:
    loads = [replace(cell, workload="lookup", arrivals="50%") for cell in campaign.keys]
    baseline, other, missing = loads
    planned = [PlannedCell(baseline, "a", ("x",)), PlannedCell(baseline, "b", ("x",)), PlannedCell(other, "a", ("x",))]
    campaign.plan = make_plan([*planned, PlannedCell(missing, "a", ("x",))], repeats=2, seed=1)
    campaign.keys = dict(zip(loads, campaign.keys.values(), strict=True))
    cells = zip(loads, campaign.cells.values(), strict=True)
    campaign.cells = {cell: one if isinstance(one, str) else replace(one, cell=cell) for cell, one in cells}
    rates: list[float | None] = []
    calibrated: list[Cell] = []

    found = iter([1000.0, 3000.0, 2000.0, 4000.0])

    def calibrate(ready: PreparedCell, begun: Record) -> Record:
        calibrated.append(ready.cell)
        return replace(good(ready, begun), operations_per_s=next(found))

    def measure(ready: PreparedCell, begun: Record) -> Record:
        rates.append(ready.rate_per_s)
        return good(ready, begun)

    told = campaign.run(measure, calibrate=calibrate).told
    assert calibrated == [replace(baseline, arrivals="closed")] * 4
    assert rates == [1000.0] * 3 + [1250.0] * 3
    calibrations = [(1, 1), (1, 3), (1, 2), (2, 4)]
    assert told == [f"calibration of block {block}: {rate},000 operations/s" for block, rate in calibrations]
    assert len([record for record in campaign.folder.records() if record.block]) == 6


def stopping_at(number: int, stop: BaseException) -> Callable[[PreparedCell, Record], Record]:
    """A measurement that works until the given call, in which the campaign is stopped."""
    calls: list[Record] = []

    def measure(ready: PreparedCell, begun: Record) -> Record:
        calls.append(begun)
        if len(calls) == number:
            raise stop
        return good(ready, begun)

    return measure


FULL = 'clear: could not extend file "base/16384/16408": No space left on device'
FULL_MEMORY = 'run: could not resize shared memory segment "/PostgreSQL.7" to 8 bytes: No space left on device'


def failing(reason: str) -> Callable[[PreparedCell, Record], Record]:
    """A measurement of a run that fails for this reason."""
    return lambda ready, begun: replace(begun, status="failed", reason=reason, interrupted=False)


def test_a_full_disk_interrupts_the_campaign_in_the_run_that_filled_it(campaign: Campaign) -> None:
    campaign.server.data = campaign.folder.path / "postgresql-data"
    words = rf"^{FULL}; {campaign.folder.path} has .* free; make room, then rerun the same command$"
    with pytest.raises(Failure, match=words):
        campaign.run(failing(FULL))
    *_, record = campaign.folder.records()
    assert (record.block, record.interrupted) == (1, True)
    assert len(campaign.run(good, resumed=True).ended) == 6


def test_a_full_disk_of_an_engine_elsewhere_is_told_without_the_free_space(campaign: Campaign) -> None:
    with pytest.raises(Failure, match=rf"^{FULL}; make room where the engine keeps its volumes, then rerun the same"):
        campaign.run(failing(FULL))


@pytest.mark.parametrize(("reason", "storage"), [(FULL_MEMORY, "disk"), (FULL, "tmpfs"), ("killed", "disk")])
def test_memory_that_is_full_fails_the_run_alone(campaign: Campaign, reason: str, storage: str) -> None:
    campaign.server.facts.storage = storage
    assert {record.reason for record in campaign.run(failing(reason)).ended} == {reason}


def test_every_planned_run_is_measured_in_the_order_of_the_plan(campaign: Campaign) -> None:
    reporter = campaign.run(good)
    runs = [(run.cell, run.arm, run.block, run.order) for run in campaign.plan.runs if run.cell.python == "3.13"]
    assert [(record.cell, record.arm, record.block, record.order) for record in reporter.ended] == runs
    assert reporter.begun == [(6, 0)]
    assert len(runs) == 6


def test_a_cell_that_cannot_run_has_one_record_with_its_reason_in_block_0(campaign: Campaign) -> None:
    campaign.run(good)
    campaign.run(good)
    records = [record for record in campaign.folder.records() if record.status == "unsupported"]
    assert [(record.run, record.reason) for record in records] == [(("sha256:missing", "a", 0), REASON)]


def disturbed_in(*disturbed: tuple[str, str, int, int]) -> Callable[[PreparedCell, Record], Record]:
    """A measurement with foreign load in these (cell key, arm, block, repeat)."""

    def measure(ready: PreparedCell, begun: Record) -> Record:
        loaded = (begun.cell_key, begun.arm, begun.block, begun.repeat) in disturbed
        return replace(good(ready, begun), host=Host(foreign_cpu_s=float(loaded), steal_s=0.0, observed_s=2.0))

    return measure


def runs_of(records: Sequence[Record]) -> list[tuple[str, str, int, int]]:
    return [(record.cell_key.removeprefix("sha256:"), record.arm, record.block, record.repeat) for record in records]


def test_a_disturbed_run_is_repeated_at_the_end_of_its_block_with_its_baseline(campaign: Campaign) -> None:
    reporter = campaign.run(disturbed_in(("sha256:uvloop", "a", 1, 0)), patient=True)
    runs = runs_of(reporter.ended)
    assert [block for _, _, block, _ in runs] == [1] * 5 + [2] * 3
    assert sorted(runs[3:5]) == [("threaded", "a", 1, 1), ("uvloop", "a", 1, 1)]


def test_a_run_that_stays_disturbed_is_repeated_twice_and_no_more(campaign: Campaign) -> None:
    always = [("sha256:uvloop", "a", 1, repeat) for repeat in (0, 1, 2)]
    reporter = campaign.run(disturbed_in(*always), patient=True)
    assert [run[3] for run in runs_of(reporter.ended) if run[0] == "uvloop"] == [0, 1, 2, 0]
    attempts = [record for record in campaign.folder.records() if record.cell_key == "sha256:uvloop"]
    assert [(one.block, one.repeat) for one in choose_counting(attempts, None)] == [(1, 2), (2, 0)]


def test_the_second_arm_is_repeated_with_the_first_and_the_first_alone(campaign: Campaign) -> None:
    second = campaign.run(disturbed_in(("sha256:threaded", "b", 2, 0)), patient=True)
    assert sorted(run for run in runs_of(second.ended) if run[3]) == [("threaded", "a", 2, 1), ("threaded", "b", 2, 1)]


def test_the_baseline_is_repeated_alone(campaign: Campaign) -> None:
    first = campaign.run(disturbed_in(("sha256:threaded", "a", 2, 0)), patient=True)
    assert [run for run in runs_of(first.ended) if run[3]] == [("threaded", "a", 2, 1)]


def test_without_patience_nothing_is_repeated(campaign: Campaign) -> None:
    reporter = campaign.run(disturbed_in(("sha256:uvloop", "a", 1, 0)))
    assert [run for run in runs_of(reporter.ended) if run[3]] == []


def test_a_block_that_an_earlier_command_began_is_not_repeated(campaign: Campaign) -> None:
    with pytest.raises(KeyboardInterrupt):
        campaign.run(stopping_at(2, KeyboardInterrupt()))
    every = [(key, arm, 1, 0) for key in ("sha256:uvloop", "sha256:threaded") for arm in "ab"]
    reporter = campaign.run(disturbed_in(*every), resumed=True, patient=True)
    assert [run for run in runs_of(reporter.ended) if run[3]] == []


class OneMore(PlannedBlocks):
    """Adds one block, once."""

    def label(self, block: int) -> str:
        return f"block {block} of some"

    def budget(self) -> str:
        return "time enough"

    def grow(self, plan: Plan) -> Plan | None:
        return make_plan(plan.cells, 3, plan.seed) if plan.repeats == 2 else None


def test_blocks_that_are_added_run_after_those_planned_with_every_cell_in_them(campaign: Campaign) -> None:
    reporter = campaign.run(good, OneMore(2))
    assert reporter.begun == [(6, 0), (9, 6)]
    assert [record.block for record in reporter.ended] == [1] * 3 + [2] * 3 + [3] * 3
    assert len({record.run for record in reporter.ended}) == 9
    assert reporter.blocks[-1] == "block 3 of some, time enough"


def test_a_command_that_is_stopped_in_an_added_block_left_its_runs_to_the_next(campaign: Campaign) -> None:
    with pytest.raises(KeyboardInterrupt):
        campaign.run(stopping_at(8, KeyboardInterrupt()), OneMore(2))
    campaign.plan = make_plan(campaign.plan.cells, 3, campaign.plan.seed)
    reporter = campaign.run(good, OneMore(2))
    assert reporter.begun == [(9, 7)]
    assert len({record.run for record in campaign.folder.records() if not record.interrupted and record.block}) == 9


def test_runs_of_a_command_that_continued_are_resumed_and_interrupted_attempts_are_not(campaign: Campaign) -> None:
    with pytest.raises(KeyboardInterrupt):
        campaign.run(stopping_at(2, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        campaign.run(stopping_at(2, KeyboardInterrupt()), resumed=True)
    campaign.run(good, resumed=True)
    records = [record for record in campaign.folder.records() if record.block]
    assert [record.resumed for record in records if not record.interrupted] == [False] + [True] * 5
    assert [record.resumed for record in records if record.interrupted] == [False, False]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Failure("the server has gone"), KeyError("a mistake in here")])
def test_whatever_ends_the_loop_leaves_the_present_run_recorded_and_the_next_command_goes_on(
    campaign: Campaign, stop: BaseException
) -> None:
    with pytest.raises(type(stop)):
        campaign.run(stopping_at(3, stop))
    records = campaign.folder.records()
    assert [(record.status, record.interrupted) for record in records[1:]] == [
        ("ok", False),
        ("ok", False),
        ("failed", True),
    ]
    reporter = campaign.run(good)
    assert reporter.begun == [(6, 2)]
    assert reporter.ended[0].run == records[-1].run
    finished = [record.run for record in campaign.folder.records() if not record.interrupted and record.block]
    assert len(finished) == len(set(finished)) == 6


def test_a_kill_is_repaired_and_the_next_command_goes_on(campaign: Campaign) -> None:
    class Killed(BaseException):
        """Like kill -9: nothing of the loop runs after it."""

    with pytest.raises(Killed):
        campaign.run(stopping_at(2, Killed()))
    campaign.folder.repair()
    assert [record.interrupted for record in campaign.folder.records()] == [False, False, True]
    assert campaign.run(good).begun == [(6, 1)]


def test_a_failed_run_is_not_tried_again(campaign: Campaign) -> None:
    campaign.run(lambda ready, begun: replace(begun, status="failed", reason="error", interrupted=False))
    assert campaign.run(good).begun == [(6, 6)]


def test_a_campaign_is_finished_when_every_planned_run_has_a_record(
    tmp_path: Path, description: Description, make_record: Callable[..., Record], make_failure: Callable[..., Record]
) -> None:
    one = replace(description, repeats=1, cells=description.cells[:2])
    folder = create(tmp_path, one)
    folder.append(make_record())
    folder.append(make_failure(arm="b", status="failed", reason="interrupted", interrupted=True))
    assert runs_left(folder, one) == 1
    folder.append(make_failure(arm="b", status="failed", reason="error"))
    assert runs_left(folder, one) == 0

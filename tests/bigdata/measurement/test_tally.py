"""What workers note of the records they take: exact by a clock that tests set, and the same of every runtime."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from bigdata.measurement import tally
from bigdata.measurement.tally import NOTES, Taken, Tally, find_latency_percentiles, find_rows_per_worker
from bigdata.reporting.summary import describe_workers
from bigdata.runtimes import greenlets, processes, serial, tasks, threads
from bigdata.runtimes.async_records import AsyncRecords
from bigdata.runtimes.feed import Feed, Records, hand_out
from bigdata.runtimes.greenlets import GreenletRecords
from bigdata.runtimes.job import HotLoops, Job, Outcome
from bigdata.runtimes.shared_records import Share, SharedRecords

# Half a class, and the five digits that are reported.
RESOLUTION = 0.0055
ROWS = 222


class Clock:
    """Stands still until a test sets it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(tally, "monotonic", clock)
    return clock


def about(seconds: float) -> Any:
    return pytest.approx(seconds, rel=RESOLUTION)


def tallied(clock: Clock, latencies_s: list[float]) -> Taken:
    """The tally of a worker for which each record took so long."""
    feed = Feed(iter(latencies_s), lambda record: ROWS, tallied=True)
    feed.fill(len(latencies_s) + 1)
    for latency_s in Records(feed):
        clock.now_s += latency_s
    (taken,) = feed.taken()
    return taken


def in_classes(taken: Taken) -> Taken:
    """The same without latencies of single records, as of a worker that has noted too many."""
    return Taken(taken.rows, [], Counter(map(tally._class_of, taken.latencies_s)))


def noted(rows: int, latencies_s: list[float]) -> Taken:
    return Taken(rows, latencies_s, {})


def test_a_record_lasts_until_the_next_is_taken_and_the_last_until_there_is_none(clock: Clock) -> None:
    assert tallied(clock, [0.25, 0.5, 0.125]) == noted(3 * ROWS, [0.25, 0.5, 0.125])


def test_what_a_worker_has_in_its_hand_has_rows_but_no_latency_yet(clock: Clock) -> None:
    feed = feed_of(3, limit=4)
    records = iter(Records(feed))
    for _ in range(2):
        next(records)
        clock.now_s += 0.5
    assert feed.taken() == [noted(2 * ROWS, [0.5])]


@pytest.mark.parametrize("records", [NOTES - 1, NOTES, NOTES + 1, 2 * NOTES, 2 * NOTES + 1])
def test_nothing_is_lost_where_notes_are_summed_up(records: int, clock: Clock) -> None:
    latencies_s = [0.25, 0.5, 0.125] * records
    assert tallied(clock, latencies_s[:records]) == noted(records * ROWS, latencies_s[:records])


def test_summing_up_is_no_latency(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    class Slow(Tally):
        def _sum_up(self) -> None:
            clock.now_s += 100
            super()._sum_up()

    monkeypatch.setattr("bigdata.runtimes.feed.Tally", Slow)
    assert tallied(clock, [0.5] * 3 * NOTES).latencies_s == [0.5] * 3 * NOTES


def test_a_worker_keeps_no_more_records_than_it_sums_up_at_once() -> None:
    ready, kept = deque(range(3 * NOTES)), Tally(lambda record: ROWS)
    assert max(len(kept.records) for _ in hand_out(SimpleNamespace(), ready, kept)) == NOTES


def test_percentiles_are_exact(clock: Clock) -> None:
    assert find_latency_percentiles([tallied(clock, [0.375])]) == {"p50": 0.375, "p95": 0.375, "p99": 0.375}
    clock.now_s = 0.0
    assert find_latency_percentiles([tallied(clock, [2e-9])]) == {"p50": 2e-9, "p95": 2e-9, "p99": 2e-9}


@pytest.mark.parametrize("latency_s", [2e-9, 1e-6, 0.0131, 0.0132, 1.0, 99.0, 86_400.0])
def test_a_latency_in_a_class_is_reported_to_within_the_resolution(clock: Clock, latency_s: float) -> None:
    clock.now_s = 0.0
    assert find_latency_percentiles([in_classes(tallied(clock, [latency_s]))]) == {
        "p50": about(latency_s),
        "p95": about(latency_s),
        "p99": about(latency_s),
    }


def test_a_clock_that_has_not_moved_is_no_error(clock: Clock) -> None:
    taken = tallied(clock, [0.0])
    assert find_latency_percentiles([taken]) == {"p50": 1e-9, "p95": 1e-9, "p99": 1e-9}
    assert find_latency_percentiles([in_classes(taken)]) == {"p50": about(1e-9), "p95": about(1e-9), "p99": about(1e-9)}


def test_percentiles_are_of_the_records_of_all_workers_by_nearest_rank(clock: Clock) -> None:
    slow, quick = tallied(clock, [0.1 * number for number in range(51, 101)]), tallied(clock, [0.1] * 50)
    assert find_latency_percentiles([slow, quick]) == {"p50": 0.1, "p95": 9.5, "p99": 9.9}
    assert find_latency_percentiles([tallied(clock, [0.1 * number for number in range(1, 21)])]) == {
        "p50": 1.0,
        "p95": 1.9,
        "p99": 2.0,
    }


@pytest.mark.parametrize("coarse", ["slow", "quick", "both"])
def test_percentiles_are_by_class_where_a_worker_has_classes(clock: Clock, coarse: str) -> None:
    workers = {"slow": tallied(clock, [0.1 * number for number in range(51, 101)]), "quick": tallied(clock, [0.1] * 50)}
    taken = [in_classes(each) if coarse in (name, "both") else each for name, each in workers.items()]
    assert find_latency_percentiles(taken) == {"p50": 0.10011, "p95": about(9.5), "p99": about(9.9)}


def test_memory_does_not_grow_with_the_number_of_records(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(tally, "EXACT", 250)
    latencies_s = [0.01 + 0.0001 * (number % 100) for number in range(10_000)]
    taken = tallied(clock, latencies_s)
    assert taken.rows == 10_000 * ROWS
    assert taken.latencies_s == pytest.approx(latencies_s[:250])
    assert sum(taken.classes.values()) == 10_000 - 250
    # One doubling: 0.01 to 0.02 s.
    assert len(taken.classes) <= 65


def test_fairness_is_told_by_the_workers_with_the_fewest_and_the_most_rows() -> None:
    assert find_rows_per_worker([Taken(444, [], {}), Taken(0, [], {}), Taken(666, [], {})]) == {
        "smallest": 0,
        "largest": 666,
    }


def test_nothing_is_told_where_nothing_was_noted() -> None:
    assert find_rows_per_worker([]) is None
    assert find_latency_percentiles([]) is None
    assert find_latency_percentiles([Taken(0, [], {})]) is None


def feed_of(length: int, limit: int) -> Feed:
    feed = Feed(iter(range(length)), lambda record: ROWS, tallied=True)
    feed.fill(limit)
    return feed


@pytest.mark.parametrize("kind", [Records, GreenletRecords])
def test_waiting_for_the_reader_is_no_latency(kind: type[Records], clock: Clock) -> None:
    class Waiting(kind):  # type: ignore[misc, valid-type]
        def _refill(self) -> bool:
            clock.now_s += 100
            return bool(super()._refill())

    feed = feed_of(3, limit=1)
    for _ in Waiting(feed):
        clock.now_s += 0.5
    assert feed.taken() == [noted(3 * ROWS, [0.5] * 3)]


def test_a_task_that_waits_for_the_reader_notes_no_latency_meanwhile(clock: Clock) -> None:
    class Waiting(AsyncRecords):
        async def _refill(self) -> bool:
            clock.now_s += 100
            return await super()._refill()

    async def take(feed: Feed) -> None:
        async for at_hand in Waiting(feed):
            for _ in at_hand:
                clock.now_s += 0.5

    feed = feed_of(3, limit=1)
    asyncio.run(take(feed))
    assert feed.taken() == [noted(3 * ROWS, [0.5] * 3)]


def test_a_process_that_waits_for_its_parent_notes_no_latency_meanwhile(clock: Clock) -> None:
    batches = [[3, 4], [5], []]

    def ask() -> list[int]:
        clock.now_s += 100
        return batches.pop(0)

    share = Share(feed_of(2, limit=2))
    share.may_stream = True
    records = SharedRecords(share, ask)
    for _ in records:
        clock.now_s += 0.5
    assert records.taken() == noted(5 * ROWS, [0.5] * 5)


def test_nothing_is_noted_of_a_phase_that_is_not_tallied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "monotonic", None)
    feed = Feed(iter(range(3)), lambda record: 1)
    feed.fill()
    assert list(Records(feed)) == [0, 1, 2]
    assert feed.taken() == []


def load(connection: Any, records: Any) -> None:
    for _ in records:
        pass


async def load_async(connection: Any, records: Any) -> None:
    async for at_hand in records:
        for _ in at_hand:
            await asyncio.sleep(0)


async def connect_async(url: str, **options: Any) -> str:
    return "the connection"


async def close_async(connection: Any) -> None:
    pass


def fake_job(poolsize: int, *, asynchronous: bool, records: int) -> Job:
    hot_loop: Any = load_async if asynchronous else load
    driver: Any = SimpleNamespace(
        Error=ArithmeticError,
        connect=connect_async if asynchronous else lambda url, **options: "the connection",
        close=close_async if asynchronous else lambda connection: None,
        backend_pid=lambda connection: 0,
        use_greenlets=lambda: None,
        hot_loops=lambda autocommit, executemany: HotLoops(geo=hot_loop, data=hot_loop),
    )
    phases: Any = (
        ("geo", iter(range(records)), lambda record: 1),
        ("data", iter(range(records)), lambda record: ROWS),
    )
    return Job(driver, "", poolsize, autocommit=True, executemany=False, protocol="simple", phases=phases)


def run_tasks(job: Job) -> Outcome:
    return tasks.run(job, asyncio.new_event_loop)


RUNTIMES: dict[str, Callable[[Job], Outcome]] = {
    "serial": serial.run,
    "threads": threads.run,
    "greenlets": greenlets.run,
    "tasks": run_tasks,
    "processes": processes.run,
}
every_runtime = pytest.mark.parametrize("runtime", RUNTIMES)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading of the clock is a quarter of a second after the one before."""
    numbers = count(start=1)
    monkeypatch.setattr(tally, "monotonic", lambda: next(numbers) / 4)


@pytest.mark.usefixtures("ticks")
@every_runtime
def test_every_runtime_reads_the_clock_once_per_record(runtime: str) -> None:
    outcome = RUNTIMES[runtime](fake_job(1, asynchronous=runtime == "tasks", records=7))
    assert outcome.taken == {"geo": [], "data": [noted(7 * ROWS, [0.25] * 7)]}


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "serial"])
@pytest.mark.parametrize(("poolsize", "records"), [(3, 40), (5, 2), (2, 0)])
def test_every_worker_of_every_runtime_is_counted(runtime: str, poolsize: int, records: int) -> None:
    outcome = RUNTIMES[runtime](fake_job(poolsize, asynchronous=runtime == "tasks", records=records))
    taken = outcome.taken["data"]
    assert len(taken) == poolsize
    assert sum(each.rows for each in taken) == records * ROWS
    assert sum(len(each.latencies_s) for each in taken) == records
    assert all(each.rows == ROWS * len(each.latencies_s) for each in taken)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"smallest": 1110, "largest": 1332}, "1,110 to 1,332 data rows per worker"),
        ({"smallest": 22_200, "largest": 22_200}, "22,200 data rows per worker"),
    ],
)
def test_a_person_reads_it_in_one_line(rows: dict[str, int], words: str) -> None:
    told = describe_workers(rows, {"p50": 0.01314, "p95": 0.0152, "p99": 1.234})
    assert told == f"{words}; a data record took 13.1 ms (median), 95% at most 15.2 ms, 99% 1,234.0 ms"

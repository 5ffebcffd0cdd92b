"""Every record is handed out exactly once, whatever the number of workers and wherever the reader is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from bigdata.errors import BadInput
from bigdata.runtimes.async_records import AsyncRecords
from bigdata.runtimes.feed import BATCH_RECORDS, Feed, Records
from bigdata.runtimes.hand_over import BATCHES_WAITING

WITHIN_S = 10.0

any_workers = pytest.mark.parametrize("workers", [1, 3, 20])
any_length = pytest.mark.parametrize("length", [0, 1, 49, 50, 51, 1000])


def make_feed(length: int, limit: int = 50) -> Feed:
    feed = Feed(iter(range(length)), lambda record: 2)
    feed.fill(limit)
    return feed


def take_in_threads(feed: Feed, workers: int) -> list[int]:
    taken: list[int] = []

    def take() -> None:
        for record in Records(feed):
            taken.append(record)

    threads = [threading.Thread(target=take) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN_S)
        assert not thread.is_alive()
    return taken


async def take_in_tasks(feed: Feed, workers: int) -> list[int]:
    taken: list[int] = []

    async def take() -> None:
        async for at_hand in AsyncRecords(feed):
            for record in at_hand:
                taken.append(record)
                await asyncio.sleep(0)

    await asyncio.wait_for(asyncio.gather(*(take() for _ in range(workers))), WITHIN_S)
    return taken


@any_workers
@any_length
def test_threads_get_every_record_once(workers: int, length: int) -> None:
    feed = make_feed(length)
    assert sorted(take_in_threads(feed, workers)) == list(range(length))
    assert feed.read_ahead + feed.streamed == length
    assert feed.rows == 2 * length


@any_workers
@any_length
def test_tasks_get_every_record_once(workers: int, length: int) -> None:
    feed = make_feed(length)
    assert sorted(asyncio.run(take_in_tasks(feed, workers))) == list(range(length))
    assert feed.read_ahead + feed.streamed == length


def test_only_what_is_over_the_limit_is_streamed() -> None:
    feed = make_feed(120, limit=50)
    take_in_threads(feed, 1)
    assert (feed.read_ahead, feed.streamed) == (50, 70)


def test_the_reader_stays_a_bounded_number_of_batches_ahead() -> None:
    read: list[int] = []

    def records() -> Iterator[int]:
        for number in range(100_000):
            read.append(number)
            yield number

    feed = Feed(records(), lambda record: 1)
    feed.fill(1)
    threading.Event().wait(0.2)
    # Those that wait, and the one that the reader holds in its hand.
    assert len(read) <= 1 + (BATCHES_WAITING + 1) * BATCH_RECORDS
    feed.close()


def test_an_error_of_the_reader_reaches_a_worker_after_the_records_before_it() -> None:
    def records() -> Iterator[int]:
        yield from range(BATCH_RECORDS + 50)
        raise BadInput("ri00001.uf1:151: bad")

    feed = Feed(records(), lambda record: 1)
    feed.fill(50)
    taken: list[int] = []
    with pytest.raises(BadInput, match=r"ri00001\.uf1:151"):
        taken.extend(Records(feed))
    with pytest.raises(BadInput, match=r"ri00001\.uf1:151"):
        asyncio.run(take_in_tasks(feed, 1))


def test_an_error_before_the_start_is_raised_at_once() -> None:
    def records() -> Iterator[int]:
        yield 1
        raise BadInput("bad")

    with pytest.raises(BadInput, match="bad"):
        Feed(records(), lambda record: 1).fill()


def endless(started: threading.Event, released: threading.Event) -> Iterator[int]:
    yield 0
    started.set()
    released.wait(WITHIN_S)
    yield 1


def test_closing_lets_threads_go_that_wait_for_the_reader() -> None:
    started, released = threading.Event(), threading.Event()
    feed = Feed(endless(started, released), lambda record: 1)
    feed.fill(1)
    taken: list[int] = []
    threads = [threading.Thread(target=lambda: taken.extend(Records(feed))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert started.wait(WITHIN_S)
    feed.close()
    for thread in threads:
        thread.join(WITHIN_S)
        assert not thread.is_alive()
    released.set()
    assert taken == [0]


def test_a_closed_feed_hands_out_nothing_more() -> None:
    feed = make_feed(40)
    records = Records(feed)
    assert next(iter(records)) == 0
    feed.close()
    assert list(records) == []
    assert records.current == 0


def test_an_event_loop_goes_on_while_a_task_waits_for_the_reader() -> None:
    async def main() -> int:
        started, released = threading.Event(), threading.Event()
        feed = Feed(endless(started, released), lambda record: 1)
        feed.fill(1)
        taking = asyncio.ensure_future(take_in_tasks(feed, 1))
        turns = 0
        while not started.is_set() or turns < 100:
            await asyncio.sleep(0)
            turns += 1
        assert not taking.done()
        released.set()
        assert await taking == [0, 1]
        return turns

    assert asyncio.run(main()) >= 100

from __future__ import annotations

import pytest

from bigdata.registry import CONTESTANTS, LOADERS, OPERATING, operating_transactions, short_name


@pytest.mark.parametrize(
    ("loader", "loop", "name"),
    [
        ("row_by_row_threaded", None, "psycopg2 · threads"),
        ("row_by_row_gevent", None, "psycopg2 · gevent"),
        ("row_by_row_asyncio", "asyncio", "aiopg · asyncio"),
        ("row_by_row_asyncio", "uvloop", "aiopg · uvloop"),
        ("row_by_row_asyncio_yield_from", "asyncio", "aiopg (yield from) · asyncio"),
        ("row_by_row_psycopg_asyncio", None, "psycopg 3 · asyncio"),
        ("row_by_row_asyncpg", "uvloop", "asyncpg · uvloop"),
        ("ceiling_pgbench", None, "pgbench"),
        ("ceiling_copy", None, "COPY"),
    ],
)
def test_a_short_name_is_driver_and_runtime_or_event_loop(loader: str, loop: str | None, name: str) -> None:
    assert short_name(loader, loop) == name


@pytest.mark.parametrize(
    ("protocol", "implementation", "name"),
    [
        ("prepared", "binary", "psycopg 3 · threads"),
        ("simple", None, "psycopg 3 · threads · simple"),
        (None, "python", "psycopg 3 · threads · python"),
        ("extended", "c", "psycopg 3 · threads · extended · c"),
    ],
)
def test_it_names_a_protocol_or_implementation_other_than_the_default(
    protocol: str | None, implementation: str | None, name: str
) -> None:
    assert short_name("row_by_row_psycopg_threaded", None, protocol, implementation) == name


def test_a_driver_with_one_implementation_is_named_without_it() -> None:
    assert short_name("row_by_row_threaded", None, "simple", None) == "psycopg2 · threads"


def test_a_loader_of_an_older_campaign_keeps_its_name() -> None:
    assert short_name("row_by_row_twisted", "uvloop") == "row_by_row_twisted · uvloop"


def test_no_two_loaders_have_the_same_short_name() -> None:
    names = [short_name(one.name, loop) for one in LOADERS.values() for loop in one.loops or (None,)]
    assert len(set(names)) == len(names)


def test_what_a_layer_is_over_is_a_loader_without_one() -> None:
    over = {one.layer_over for one in CONTESTANTS.values()} - {None}
    assert over == {"row_by_row_threaded", "row_by_row_asyncpg"}
    assert all(CONTESTANTS[str(name)].layer_over is None for name in over)


def test_what_a_process_asks_first_is_a_transaction_each_in_autocommit_and_none_else() -> None:
    layer = CONTESTANTS["row_by_row_sqlalchemy_core_threaded"]
    assert layer.connection_transactions == 1
    assert [layer.other_transactions(autocommit=autocommit) for autocommit in (True, False)] == [4, 0]
    assert LOADERS["ceiling_pgbench"].other_transactions(autocommit=False) == 1


def test_what_a_pool_sends_with_each_operation_is_one_transaction() -> None:
    loader = CONTESTANTS["row_by_row_asyncpg"]
    assert (loader.operation_transactions, loader.with_checkout("per_worker")) == (0, loader)
    pooled = loader.with_checkout("per_operation")
    assert (pooled.operation_transactions, len(pooled.driver_statements), pooled.hot_loop) == (1, 4, "asyncpg_pool")
    asked = [
        operating_transactions(one, OPERATING[name], operations=300, poolsize=5, protocol="prepared")
        for one in (loader, pooled)
        for name in ("lookup", "transaction")
    ]
    assert asked == [range(305, 306)] * 2 + [range(605, 606)] * 2


def test_a_name_stands_once_and_ceilings_come_last() -> None:
    assert list(LOADERS)[: len(CONTESTANTS)] == list(CONTESTANTS)
    assert {loader.name: loader.ceiling for loader in LOADERS.values()} == {
        name: name not in CONTESTANTS for name in LOADERS
    }

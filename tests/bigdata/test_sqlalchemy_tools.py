"""A SQLAlchemy connection that the server has closed is not opened again by who cancels its statement."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from bigdata.loaders import sqlalchemy_core, sqlalchemy_core_async, sqlalchemy_orm, sqlalchemy_orm_async
from tests.bigdata import loader_program as program

pytestmark = pytest.mark.postgres

CLOSE_ALL = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def asynchronous(batch: Iterable[Any]) -> AsyncIterator[Iterable[Any]]:
    yield batch


async def done(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def lose_and_cancel(driver: Any, dburl: str) -> None:
    protocol, keys = ("prepared", asynchronous("k")) if inspect.iscoroutinefunction(driver.close) else ("simple", "k")
    owner = await done(driver.connect(dburl, autocommit=True, protocol=protocol, statements=None))
    assert program.query(dburl, CLOSE_ALL) == [(True,)]
    with pytest.raises(driver.Error):
        await done(driver.OPERATIONS.wait(owner, keys))
    # As a session does by itself where its INSERT fails.
    await done(owner.rollback())

    for stop in (driver.cancel, driver.abandon):
        stop(owner)
        # Those that asked may take a moment to go; one that was opened would stay.
        program.wait_for(lambda: program.other_backends(dburl) == 0, within_s=5)
    await done(driver.close(owner))


@pytest.mark.parametrize(
    "driver",
    [sqlalchemy_core, sqlalchemy_orm, sqlalchemy_core_async, sqlalchemy_orm_async],
    ids=lambda driver: driver.__name__.rpartition(".")[2],
)
def test_a_connection_that_is_gone_is_not_opened_again_to_be_cancelled(driver: Any, dburl: str) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        asyncio.run(lose_and_cancel(driver, dburl))
    assert [str(warning.message) for warning in warned] == []

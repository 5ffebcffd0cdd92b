"""What a loader is asked for is checked, and imported in the right order, before anything is opened."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bigdata import choice
from bigdata.choice import IMPLEMENTATION_VARIABLE, Choice, check_choice
from bigdata.errors import BadInput, Unsupported
from bigdata.registry import LOADERS


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is imported, and done, in its order; nothing is imported in truth."""
    done: list[str] = []

    def note(name: str) -> Any:
        done.append(name)
        prepare = {"prepare": lambda: done.append("prepare")} if name.endswith("greenlets") else {}
        return SimpleNamespace(run=lambda *job: done.append("run"), new_event_loop=None, **prepare)

    monkeypatch.setattr(choice, "import_module", note)
    monkeypatch.delenv(IMPLEMENTATION_VARIABLE, raising=False)
    return done


def test_the_runtime_prepares_before_the_driver_is_imported(imported: list[str]) -> None:
    check_choice("row_by_row_psycopg_gevent", None, 5, False)
    assert imported == ["bigdata.runtimes.greenlets", "prepare", "bigdata.loaders.psycopg"]


def test_the_first_protocol_and_the_first_loop_are_what_nobody_has_to_ask_for(imported: list[str]) -> None:
    chosen = check_choice("row_by_row_asyncpg", None, 5, False)
    assert (chosen.protocol, chosen.loop) == ("prepared", "asyncio")
    assert check_choice("row_by_row_asyncpg", None, 5, False, "extended").protocol == "extended"
    assert check_choice("row_by_row_threaded", None, 5, False).protocol == "simple"


def test_a_protocol_that_the_driver_does_not_speak_is_refused() -> None:
    with pytest.raises(BadInput) as raised:
        check_choice("row_by_row_asyncpg", None, 5, False, "simple")
    assert str(raised.value) == "--protocol: found 'simple', but row_by_row_asyncpg supports prepared, extended"


def test_the_loops_with_a_pool_are_imported_only_where_they_are_asked_for(imported: list[str]) -> None:
    chosen = check_choice("row_by_row_psycopg_threaded", None, 5, False, checkout="per_operation")
    assert imported[-1] == "bigdata.loaders.psycopg_pool"
    assert chosen.loader.modules == ("psycopg", "psycopg_pool")
    assert check_choice("row_by_row_psycopg_threaded", None, 5, False).loader.modules == ("psycopg",)
    assert imported[-1] == "bigdata.loaders.psycopg"


@pytest.mark.parametrize(
    ("checkout", "problem"),
    [
        (
            "per_operation",
            "row_by_row_threaded takes no connections from a pool; loaders that do: row_by_row_asyncpg, "
            "row_by_row_psycopg_threaded, row_by_row_psycopg_asyncio",
        ),
        ("per_row", "found 'per_row', expected one of per_worker, per_operation"),
    ],
)
def test_a_checkout_that_a_loader_does_not_have_is_refused(checkout: str, problem: str) -> None:
    with pytest.raises(BadInput) as raised:
        check_choice("row_by_row_threaded", None, 5, False, checkout=checkout)
    assert str(raised.value) == f"--checkout: {problem}"


def test_executemany_is_refused_where_a_pipeline_would_change_the_protocol(imported: list[str]) -> None:
    with pytest.raises(BadInput, match=r"psycopg sends it by a pipeline.*expected --protocol prepared or extended"):
        check_choice("row_by_row_psycopg_asyncio", None, 5, True, "simple")
    assert check_choice("row_by_row_psycopg_asyncio", None, 5, True, "extended").protocol == "extended"


@pytest.mark.parametrize(
    ("loader", "implementation", "problem"),
    [
        ("row_by_row_threaded", "c", "--implementation: found 'c', but row_by_row_threaded accepts none: psycopg2 has"),
        ("row_by_row_psycopg_threaded", "rust", "found 'rust', but .* accepts one of binary, c, python"),
    ],
)
def test_an_implementation_that_there_is_not_is_refused(loader: str, implementation: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        check_choice(loader, None, 5, False, None, implementation)


def test_psycopg_is_told_its_implementation_before_it_is_imported(
    imported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(IMPLEMENTATION_VARIABLE, "binary")
    check_choice("row_by_row_psycopg_threaded", None, 5, False)
    assert os.environ[IMPLEMENTATION_VARIABLE] == "binary"
    check_choice("row_by_row_psycopg_threaded", None, 5, False, None, "python")
    assert os.environ[IMPLEMENTATION_VARIABLE] == "python"


def test_a_loader_with_one_connection_takes_no_pool(imported: list[str]) -> None:
    with pytest.raises(BadInput, match="--poolsize: found 2, expected 1: row_by_row_serial has one connection"):
        check_choice("row_by_row_serial", None, 2, False)
    assert check_choice("row_by_row_serial", None, 1, False).loader is LOADERS["row_by_row_serial"]


@pytest.mark.parametrize(
    ("loader", "error", "reason"),
    [
        (
            "row_by_row_asyncio",
            ModuleNotFoundError("No module named 'psycopg2'", name="psycopg2"),
            "psycopg2 cannot be imported: No module named 'psycopg2'; pip install aiopg psycopg2-binary",
        ),
        (
            "row_by_row_psycopg_gevent",
            ModuleNotFoundError("No module named 'gevent'", name="gevent"),
            "gevent cannot be imported: No module named 'gevent'; pip install psycopg gevent",
        ),
        (
            "row_by_row_psycopg_threaded",
            ImportError("no pq wrapper available.\nAttempts made:\n- none"),
            "psycopg cannot be imported: no pq wrapper available. Attempts made: - none",
        ),
    ],
)
def test_what_cannot_be_imported_is_unsupported_in_its_own_words(
    loader: str, error: ImportError, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise error

    monkeypatch.setattr(choice, "import_module", fail)
    with pytest.raises(Unsupported) as raised:
        check_choice(loader, None, 1, False)
    assert str(raised.value) == reason


def failing(error: Exception) -> Any:
    def start_tls(job: Any) -> None:
        raise error

    return start_tls


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotImplementedError("not yet"), "rloop cannot run asyncpg: NotImplementedError: not yet"),
        (NotImplementedError(), "rloop cannot run asyncpg: NotImplementedError in start_tls"),
        (AttributeError("no '_on_error'"), "rloop cannot run asyncpg: AttributeError: no '_on_error'"),
    ],
)
def test_what_a_loop_has_not_implemented_is_unsupported_in_its_own_words(error: Exception, reason: str) -> None:
    chosen = Choice(LOADERS["row_by_row_asyncpg"], "rloop", "prepared", None, failing(error))
    with pytest.raises(Unsupported) as raised:
        chosen.run(None)  # type: ignore[arg-type]
    assert str(raised.value) == reason
    assert raised.value.exit_code == 2


def test_a_mistake_of_the_program_is_not_taken_for_something_that_a_loop_lacks() -> None:
    chosen = Choice(LOADERS["row_by_row_asyncpg"], "asyncio", "prepared", None, failing(AttributeError("a mistake")))
    with pytest.raises(AttributeError, match="a mistake"):
        chosen.run(None)  # type: ignore[arg-type]


def test_a_mistake_in_a_hot_loop_is_not_taken_for_something_that_a_loop_lacks() -> None:
    source = compile("def load(job): job.nothing", str(Path(choice.__file__).parent / "loaders" / "asyncpg.py"), "exec")
    names: dict[str, Any] = {}
    exec(source, names)
    chosen = Choice(LOADERS["row_by_row_asyncpg"], "rloop", "prepared", None, names["load"])
    with pytest.raises(AttributeError, match="nothing"):
        chosen.run(None)  # type: ignore[arg-type]

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.engines.local import engine as local
from experiments.engines.local.engine import LocalEngine
from experiments.engines.local.postgres_binaries import Binaries
from experiments.engines.local.traces import read_traces
from experiments.engines.select import open_engine
from experiments.environment.cache import sole_use_of_cache
from experiments.environment.interpreters import Interpreter
from experiments.environment.package_sets import Builder, Lock, project_lock
from experiments.environment.requirements import LOADER_PYTHONS, lock_hash
from experiments.errors import BadInput, Unsupported
from experiments.matrix.packages import Packages
from experiments.matrix.spec import PostgresConfiguration
from experiments.records.facts import Placement


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def interpreters(*pythons: str) -> dict[str, Interpreter]:
    return {
        python: Interpreter(Path("/usr/bin/python"), f"{python}.1", "CPython", False, False, f"{python}.1 (main)")
        for python in pythons
    }


def test_the_engine_has_the_interpreters_that_are_here_and_locked() -> None:
    engine = LocalEngine(find=lambda: interpreters("3.6", "3.9", "3.13"))
    assert engine.pythons() == ("3.9", "3.13")


def test_a_missing_interpreter_is_unsupported_with_what_was_found() -> None:
    with pytest.raises(Unsupported) as reason:
        LocalEngine(find=lambda: interpreters("3.9")).loader_host("3.13")
    assert str(reason.value) == (
        "no CPython 3.13 on this machine (found: 3.9): nox -s interpreters -- 3.13 may get it, "
        "or name one that stands elsewhere in BIGDATA_PYTHONS"
    )


def test_an_interpreter_without_a_lock_is_unsupported_with_those_that_have_one() -> None:
    with pytest.raises(Unsupported) as reason:
        LocalEngine(find=lambda: interpreters("3.6")).loader_host("3.6")
    assert str(reason.value) == f"no locked packages for Python 3.6; locked: {', '.join(LOADER_PYTHONS)}"


def test_a_host_is_prepared_once_and_says_what_identifies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def ensure_venv(interpreter: Interpreter, lock: Path) -> Path:
        made.append(lock.name)
        return Path("/venv/bin/python")

    monkeypatch.setattr(local, "ensure_venv", ensure_venv)
    engine = LocalEngine(find=lambda: interpreters("3.9"))
    facts = engine.loader_host("3.9").facts
    assert engine.loader_host("3.9").facts == facts
    assert made == ["py3.9.txt"]
    assert (facts.python, facts.version, facts.build) == ("3.9", "3.9.1", "3.9.1 (main); not optimized; not lto")
    assert (facts.lock_hash, facts.left_out) == (lock_hash("3.9"), {})


def test_each_set_of_packages_has_an_environment_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Lock(tmp_path / "requirements.txt", "sha256:own", {"asyncpg": "0.29.0"})
    lock.file.write_text("# left out: rloop: no wheel\n")
    made: list[Path] = []

    def ensure_lock(python: str, packages: Packages, architecture: str, builder: Builder) -> Lock:
        assert builder == Builder(Path("/usr/bin/python"), "3.9.1 (main)")
        return lock if packages else project_lock(python)

    def ensure_venv(interpreter: Interpreter, file: Path) -> Path:
        made.append(file)
        return Path("/venv/bin/python")

    monkeypatch.setattr(local, "ensure_lock", ensure_lock)
    monkeypatch.setattr(local, "ensure_venv", ensure_venv)
    engine = LocalEngine(find=lambda: interpreters("3.9"))
    own = engine.loader_host("3.9", (("asyncpg", "0.29.0"),))
    assert engine.loader_host("3.9", (("asyncpg", "0.29.0"),)) is own
    assert engine.loader_host("3.9") is not own
    assert made == [lock.file, project_lock("3.9").file]
    assert (own.facts.lock_hash, own.facts.packages) == ("sha256:own", {"asyncpg": "0.29.0"})
    assert own.facts.left_out == {"rloop": "no wheel"}


def test_a_free_threaded_build_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "ensure_venv", lambda *_: Path("/venv/bin/python"))
    found = Interpreter(Path("/t"), "3.14.7", "CPython", True, True, "3.14.7 free-threading build (main)", lto=True)
    facts = LocalEngine(find=lambda: {found.python: found}).loader_host("3.14t").facts
    assert (facts.python, facts.free_threaded, facts.lock_hash) == ("3.14t", True, lock_hash("3.14t"))
    assert facts.build == "3.14.7 free-threading build (main); optimized; lto; free-threaded"


def test_limits_below_cores_are_unsupported() -> None:
    everything = frozenset({0})
    LocalEngine(find=dict).check_placement(Placement(everything, everything))
    limited = Placement(everything, everything, loader_quota=0.25, server_memory_bytes=2**30)
    with pytest.raises(Unsupported, match="the local engine has no loader_cpus or server_memory: limits take cont"):
        LocalEngine(find=dict).check_placement(limited)


def test_an_unknown_engine_is_bad_input() -> None:
    with pytest.raises(BadInput, match="unknown engine 'steam'; known: "):
        open_engine("steam")


def test_a_system_other_than_linux_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(BadInput, match="'local' needs Linux, and this is darwin"):
        open_engine("local")


@pytest.mark.postgres
def test_a_server_of_a_name_is_started_once_and_stopped_on_leaving(binaries: Binaries) -> None:
    configuration = PostgresConfiguration(version="17", storage="disk", settings={"synchronous_commit": "off"})
    with LocalEngine(find=dict) as engine:
        server = engine.serve("fast", configuration, max_connections=20)
        assert engine.serve("fast", configuration, max_connections=20) is server
        assert server.execute("SHOW synchronous_commit") == "off"
        with sole_use_of_cache() as alone:
            assert not alone
        (trace,) = read_traces()
    assert read_traces() == []
    assert not trace.data.exists()


@pytest.mark.postgres
def test_programs_of_the_users_serve_their_major(binaries: Binaries) -> None:
    with LocalEngine(pg_bin=binaries.folder, find=dict) as engine:
        server = engine.serve("x", PostgresConfiguration(version=binaries.major, storage="disk"), max_connections=20)
        assert server.binaries == binaries

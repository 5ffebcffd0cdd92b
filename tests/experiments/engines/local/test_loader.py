from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from experiments.engines.local.loader import LocalCompanion, LocalLoaderHost, loader_environment, run_group
from experiments.engines.processes import with_arguments
from experiments.engines.protocol import Finished, Launch
from experiments.errors import Failure
from experiments.records.facts import InterpreterFacts

FACTS = InterpreterFacts("3.13", "3.13.0", "CPython", True, "build", "sha256:0")


def run_python(code: str, *, cpus: frozenset[int] | None = None, timeout_s: float = 20.0) -> Finished:
    return run_group([sys.executable, "-c", code], os.environ, Path("/"), cpus=cpus, timeout_s=timeout_s)


def test_exit_code_and_both_outputs_come_back() -> None:
    done = run_python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (done.returncode, done.stdout, done.stderr, done.timed_out) == (3, "out\n", "err\n", False)


def test_it_runs_on_its_cores_from_the_start_and_the_harness_keeps_its_own() -> None:
    before = os.sched_getaffinity(0)
    core = max(before)
    done = run_python("import os; print(os.sched_getaffinity(0))", cpus=frozenset({core}))
    assert done.stdout == f"{{{core}}}\n"
    assert os.sched_getaffinity(0) == before


def test_at_the_time_limit_it_is_asked_to_stop() -> None:
    code = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print('up', flush=True); time.sleep(60)"
    )
    done = run_python(code, timeout_s=1.0)
    assert (done.returncode, done.stdout, done.timed_out) == (7, "up\n", True)


def test_one_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.engines.local.loader._PATIENCE_S", 0.2)
    done = run_python("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)", timeout_s=0.5)
    assert (done.returncode, done.timed_out) == (-9, True)


def test_children_that_outlive_the_loader_are_ended() -> None:
    marker = f"outlives-{os.getpid()}"
    child = f"[sys.executable, '-c', 'import time; time.sleep(60)', '{marker}']"
    run_python(
        f"import subprocess, sys; subprocess.Popen({child}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)"
    )
    deadline = time.monotonic() + 5
    while with_arguments(marker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert with_arguments(marker) == []


def test_when_the_harness_is_interrupted_the_loader_is_ended_first(monkeypatch: pytest.MonkeyPatch) -> None:
    marker = f"interrupted-{os.getpid()}"
    timer = threading.Timer(0.5, os.kill, (os.getpid(), 2))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run_python(f"import time; '{marker}'; time.sleep(60)")
    assert with_arguments(f"import time; '{marker}'; time.sleep(60)") == []


def test_what_cannot_be_started_is_a_failure() -> None:
    with pytest.raises(Failure, match="/nowhere/python cannot be started: No such file or directory"):
        run_group(["/nowhere/python"], {}, Path("/"), cpus=None, timeout_s=1)


def test_the_environment_is_the_callers_without_what_changes_the_measurement() -> None:
    inherited = {
        "PATH": "/bin",
        "PGUSER": "me",
        "PYTHONDONTWRITEBYTECODE": "1",
        "BIGDATA_DBURL": "postgresql://other",
        "LD_PRELOAD": "x",
        "PSYCOPG_WAIT_FUNC": "wait_epoll",
        "GEVENT_LOOP": "libuv",
        "LIBEV_FLAGS": "1",
        "UV_USE_IO_URING": "1",
        "HTTPS_PROXY": "http://proxy",
    }
    assert loader_environment(inherited, Path("/project")) == {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy",
        "PYTHONPATH": "/project",
    }


def test_variables_that_are_set_reach_the_loader_and_the_callers_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bigdata").mkdir()
    (tmp_path / "bigdata" / "cmd.py").write_text("import os; print(os.environ.get('PYTHON_GIL'))")
    host = LocalLoaderHost(Path(sys.executable), FACTS, tmp_path)
    monkeypatch.setenv("PYTHON_GIL", "1")
    assert host.run(Launch([], None, None, 20)).stdout == "None\n"
    off = {"PYTHON_GIL": "0"}
    assert host.run(Launch([], None, None, 20, environment=off)).stdout == "0\n"


def test_the_loader_is_run_as_a_module_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "bigdata").mkdir()
    (tmp_path / "bigdata" / "cmd.py").write_text("import os, sys; print(sys.argv[1:], os.getcwd())")
    host = LocalLoaderHost(Path(sys.executable), FACTS, tmp_path)
    done = host.run(Launch(["list"], None, None, 20))
    assert (done.stdout, done.stderr) == (f"['list'] {tmp_path}\n", "")


def test_what_watches_a_loader_is_entered_before_it_starts_and_left_when_it_has_ended(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "bigdata").mkdir()
    (tmp_path / "bigdata" / "cmd.py").write_text(f"open({str(mark)!r}, 'w')")
    seen = []

    @contextmanager
    def watch() -> Iterator[None]:
        seen.append(mark.exists())
        yield
        seen.append(mark.exists())

    LocalLoaderHost(Path(sys.executable), FACTS, tmp_path).run(Launch([], None, None, 20, watch=watch()))
    assert seen == [False, True]


def companion(code: str, cpus: frozenset[int] | None = None) -> LocalCompanion:
    return LocalCompanion([sys.executable, "-c", code], os.environ, Path("/"), cpus or frozenset({0}))


LISTENING = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(print('done') or 0)); {}; time.sleep(60)"


def test_what_runs_beside_a_loader_is_asked_to_stop_when_it_is_left_and_its_output_is_there(tmp_path: Path) -> None:
    up = tmp_path / "up"
    core = max(os.sched_getaffinity(0))
    code = LISTENING.format(f"import os; open({str(up)!r}, 'w').write(str(os.sched_getaffinity(0)))")
    with companion(code, frozenset({core})) as beside:
        deadline = time.monotonic() + 20
        while not (up.exists() and up.read_text()):
            assert time.monotonic() < deadline
        assert beside.finished is None
    assert up.read_text() == f"{{{core}}}"
    assert beside.finished is not None
    assert (beside.finished.returncode, beside.finished.stdout, beside.finished.stderr) == (0, "done\n", "")


def test_what_runs_beside_a_loader_and_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.engines.local.loader._PATIENCE_S", 0.2)
    marker = f"import signal, time; signal.signal(15, signal.SIG_IGN); 'deaf-{os.getpid()}'; time.sleep(60)"
    with companion(marker) as beside:
        pass
    assert beside.finished is not None
    assert beside.finished.returncode in (-9, -15)
    assert with_arguments(marker) == []


def test_what_runs_beside_a_loader_may_end_by_itself_or_not_start_at_all() -> None:
    with companion("import sys; sys.exit('no server')") as ended:
        time.sleep(0.3)
    assert ended.finished is not None
    assert (ended.finished.returncode, ended.finished.stderr) in ((1, "no server\n"), (-15, ""))
    with LocalCompanion(["/nowhere/python"], {}, Path("/"), frozenset({0})) as missing:
        pass
    assert missing.finished is not None
    assert missing.finished.stderr == "error: it cannot be started: No such file or directory"


def test_what_runs_beside_a_loader_ends_with_the_run_whatever_ends_it() -> None:
    marker = f"import time; 'beside-{os.getpid()}'; time.sleep(60)"

    def interrupted() -> None:
        with companion(marker):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert with_arguments(marker) == []

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from experiments.__main__ import main
from experiments.cli.matrix import check_pg_bin, exit_code
from experiments.engines.protocol import Engine
from experiments.engines.select import Engines
from experiments.errors import BadInput
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.packages import Packages
from experiments.matrix.plan import make_plan
from experiments.matrix.spec import Matrix, load_matrix
from experiments.records.record import Record
from tests.project import ROOT


@pytest.mark.parametrize("verb", [[], ["matrix"]])
def test_every_verb_tells_the_version_of_the_checkout(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*verb, "--version"])
    assert ended.value.code == 0
    cited = (ROOT / "CITATION.cff").read_text().partition("\nversion: ")[2].splitlines()[0]
    assert capsys.readouterr().out == f"bigdata-matrix {cited}\n"


def test_bad_input_is_one_message_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables", "--results", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}: holds no campaign; run one with: nox -s matrix\n"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--experiment", "loader"], "--experiment: unknown experiment 'loader' (did you mean loaders?"),
        (["--repeats", "none"], "--repeats: 'none' is not a positive integer"),
        (["--until", "5"], "--until: '5' is not a precision"),
        (["--until", "5%", "--budget", "30"], "--budget: '30' is not a duration"),
        (["--budget", "30m"], "--budget requires --until"),
        (["--until", "5%", "--repeats", "4"], "--until: 4 blocks planned, but an interval needs 5"),
        (["--until", "5%", "--profile", "smoke"], "--until: 1 block planned"),
        (["--only", "pool=1"], "--only: unknown axis 'pool' (did you mean poolsize?"),
    ],
)
def test_a_bad_option_is_bad_input(option: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "--matrix", str(ROOT / "matrix.yaml"), "--plan", *option]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_what_the_system_refuses_is_one_message_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "results/runs.jsonl")

    monkeypatch.setattr("experiments.cli.tables.choose_campaign", refuse)
    assert main(["tables", "--results", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: results/runs.jsonl: No space left on device; ")


def test_an_unknown_verb_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["matrices"])
    assert raised.value.code == 2
    assert "unknown verb 'matrices' (did you mean matrix?" in capsys.readouterr().err


def test_the_plan_names_cells_order_and_time_and_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    matrix = ["matrix", "--matrix", str(ROOT / "matrix.yaml"), "--results", str(results), "--plan"]
    if main([*matrix, "--profile", "smoke"]) != 0:
        pytest.skip("no Python that has locked packages is on this machine")
    out = capsys.readouterr().out
    assert "- row_by_row_threaded, pool 20, " in out
    assert "4 runs: 1 block of 4, each block in its own shuffled order (seed 2014)" in out
    assert "after set-up; nothing was run" in out
    assert "added until" not in out
    assert main([*matrix, "--profile", "smoke", "--repeats", "5", "--until", "2%", "--budget", "1h30m"]) == 0
    out = capsys.readouterr().out
    assert "20 runs: 5 blocks of 4, " in out
    assert "then a block at a time is added until the interval of every ratio" in out
    assert "at most 2% from it" in out
    assert "the above or 90 min, whichever is longer" in out
    assert not results.exists()


def test_a_plan_of_which_no_cell_can_run_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    matrix = [
        "matrix",
        "--matrix",
        str(ROOT / "matrix.yaml"),
        "--results",
        str(tmp_path),
        "--plan",
        "--engine",
        "local",
    ]
    assert main([*matrix, "--experiment", "pods", "--only", "resources=pod_0.1,pod_1"]) == 1
    assert "\n0 runs: 10 blocks of 0, " in capsys.readouterr().out


def test_a_plan_that_cannot_work_is_refused_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        (ROOT / "matrix.yaml")
        .read_text()
        .replace('version: "17", storage: disk}', 'version: "17", storage: disk, settings: {max_connections: 12}}', 1)
    )
    (tmp_path / "matrix.yaml").write_text(text)
    line = 1 + next(number for number, line in enumerate(text.splitlines()) if "max_connections" in line)
    options = ["--matrix", str(tmp_path / "matrix.yaml"), "--results", str(tmp_path / "results"), "--engine", "local"]
    for more in (["--plan"], []):
        assert main(["matrix", *options, "--experiment", "loaders", *more]) == 2
        assert capsys.readouterr().err == (
            f"error: {tmp_path}/matrix.yaml:{line}: postgres.default.settings.max_connections: "
            "is too small for this plan: write 30 or more, or remove it\n"
        )
    assert not (tmp_path / "results").exists()


def test_too_few_records_are_refused_where_they_are_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--matrix", str(ROOT / "matrix.yaml"), "--results", str(tmp_path / "results"), "--engine", "local"]
    assert main(["matrix", *options, "--experiment", "loaders", "--records", "12", "--plan"]) == 2
    assert capsys.readouterr().err == (
        "error: --records: 12 data records, so that 8 connections of a pool of 20 would get none: "
        "load 20 or more (auto: as many as fit), or use a smaller pool\n"
    )


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["ok", "ok"], 0),
        (["ok", "unsupported"], 0),
        (["ok", "failed"], 1),
        (["ok", "timeout"], 1),
        (["ok", "wrong_work"], 1),
        (["unsupported"], 1),
        ([], 1),
    ],
)
def test_the_exit_code_is_0_only_when_something_ran_and_all_of_it_was_ok(
    statuses: list[str], code: int, make_failure: Callable[..., Record]
) -> None:
    assert exit_code([make_failure(status=status) for status in statuses]) == code


def test_runs_that_are_left_are_no_success(make_failure: Callable[..., Record]) -> None:
    assert exit_code([make_failure(status="ok")], left=1) == 1
    assert exit_code([make_failure(status="ok")], left=0) == 0


def test_an_interrupted_attempt_that_was_repeated_does_not_count(make_failure: Callable[..., Record]) -> None:
    assert exit_code([make_failure(status="failed", interrupted=True), make_failure(status="ok")]) == 0


WAITING = """
import sys, time
from experiments.__main__ import interrupt_on_signals
interrupt_on_signals()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("cleaning", flush=True)
    time.sleep(1)
    print("clean", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_once_and_further_ones_leave_the_clean_up_alone(number: signal.Signals) -> None:
    command = [sys.executable, "-c", WAITING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "cleaning\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "clean\n"
        assert process.wait() == 0


@pytest.fixture
def slow_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command of the harness that says 'importing' and then imports for a minute."""
    (tmp_path / "pydantic.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return [sys.executable, "-m", "experiments", "tables"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_it_still_imports_is_one_word(number: signal.Signals, slow_imports: list[str]) -> None:
    with subprocess.Popen(slow_imports, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(number)
        assert process.communicate() == ("", "interrupted\n")
        assert process.returncode == 130


def test_the_harness_does_not_begin_without_the_parent_that_it_is_to_stop_with(slow_imports: list[str]) -> None:
    environment = {**os.environ, "BIGDATA_STOP_WITH_PARENT": str(os.getppid())}
    done = subprocess.run(slow_imports, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


PARENT = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], env={**os.environ, "BIGDATA_STOP_WITH_PARENT": str(os.getpid())})
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this")
def test_the_harness_is_asked_to_stop_when_its_parent_is_killed(slow_imports: list[str]) -> None:
    command = [sys.executable, "-c", PARENT, *slow_imports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        lines = {parent.stdout.readline(), parent.stdout.readline()}
        child = int(next(line for line in lines if line != "importing\n"))
        parent.kill()
        deadline = time.monotonic() + 10
        while is_running(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_running(child)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_programs_of_a_version_that_no_cell_asks_for_are_refused(shipped: Matrix, threaded: Cell) -> None:
    plan = make_plan([PlannedCell(threaded, "a", ("one",))], 1, 1)
    assert check_pg_bin(Path("own/bin"), with_own_postgres("17.2"), plan, shipped) == "17.2"
    with pytest.raises(BadInput, match=r"^--pg-bin: no cell uses PostgreSQL 15\.18 of own/bin \(used: 17\)"):
        check_pg_bin(Path("own/bin"), with_own_postgres("15.18"), plan, shipped)
    with pytest.raises(BadInput, match=r"^--pg-bin requires the local engine; use --engine local$"):
        check_pg_bin(Path("own/bin"), with_own_postgres(None), plan, shipped)


def with_own_postgres(version: str | None) -> dict[str, Engine]:
    engine = cast(Engine, SimpleNamespace(own_postgres=version))
    return {"local": engine}


@pytest.fixture
def shipped() -> Matrix:
    return load_matrix(ROOT / "matrix.yaml")


def test_the_default_python_has_its_gil_and_psycopg_its_wheel_where_the_lock_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "3.13").write_text("psycopg-binary==3.3.9\n")
    (tmp_path / "3.14t").write_text("# left out: psycopg-binary: no wheel\npsycopg==3.3.9\n")
    monkeypatch.setattr("experiments.engines.select.loader_lock", tmp_path.joinpath)
    opened = SimpleNamespace(name="local", pythons=lambda: ("3.12", "3.13", "3.13t", "3.14t"))
    monkeypatch.setattr(Engines, "__getitem__", lambda self, name: opened)
    resolver = Engines()
    assert resolver.default_python("local") == "3.13"
    # One without a lock cannot run in any case.
    asked = {python: resolver.default_implementation(python, ()) for python in ("3.13", "3.14t", "3.15")}
    assert asked == {"3.13": "binary", "3.14t": "python", "3.15": "binary"}
    (tmp_path / "3.13").write_text("psycopg-binary==3.3.9 \\\n    --hash=sha256:11\npsycopg==3.3.9\n")
    same, other = (f"dist/psycopg-{version}-py3-none-any.whl" for version in ("3.3.9", "3.4.0"))
    sets: list[Packages] = [(("psycopg", same),), (("psycopg", other),), (("psycopg", "3.2.1"),)]
    sets.append((("psycopg", other), ("psycopg-binary", "3.3.9")))
    answers = [resolver.default_implementation("3.13", packages) for packages in sets]
    assert answers == ["binary", "python", "binary", "binary"]
    opened.pythons = lambda: ("3.14t",)
    with pytest.raises(BadInput, match="engine local: found no Python that has locked packages"):
        resolver.default_python("local")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--plan"], "--plan cannot be combined with --cluster: it is about this machine; leave out --cluster"),
        (["--until", "5%"], "--until cannot be combined with --cluster: blocks added one at a time would leave"),
        (["--pg-bin", "bin"], "--pg-bin cannot be combined with --cluster: it is a folder of this machine"),
    ],
)
def test_options_of_one_machine_are_refused_for_a_cluster(
    options: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["matrix", "--cluster", "tcp://127.0.0.1:1", *options]) == 2
    assert capsys.readouterr().err.startswith(f"error: {why}")

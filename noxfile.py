"""Every task of the project: ``nox -l`` lists them, ``nox`` runs what CI runs.

Packages come from the hash-locked files in ``experiments/requirements/``; ``nox -s lock`` makes those.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "tests"]
# Sessions share environments: see environment().
nox.options.default_venv_backend = "none"

REQUIREMENTS = Path("experiments/requirements")
CELLS = Path("results/published/cells.csv")
REDIRECTIONS = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_DRY_RUN")
OLDEST_HARNESS_PYTHON = (3, 11)

# A process of tests more than cores, as many tests wait; tests that share what only one can have stay in one process.
# tests/conftest.py has the order of the modules.
IN_PARALLEL = (f"--numprocesses={(os.cpu_count() or 1) + 1}", "--dist=loadscope", "--no-loadscope-reorder")

# What a campaign needs after Ctrl-C to stop its loader and its servers, and to write its records.
CLEAN_UP_S = 30.0


@nox.session
def matrix(session: nox.Session) -> None:
    """Run the experiment matrix and write the tables; options after --, see: nox -s matrix -- --help."""
    run_harness(session, "matrix")


@nox.session
def worker(session: nox.Session) -> None:
    """Be a machine of a cluster; -- SCHEDULER --host ADDRESS, and other options of dask worker."""
    options = ("--nthreads", "1", "--resources", "MACHINE=1", "--memory-limit", "0", "--no-dashboard")
    run(session, environment(session, "cluster"), "distributed.cli.dask_worker", *options, *session.posargs)


@nox.session
def tables(session: nox.Session) -> None:
    """Rewrite the tables of a campaign (the newest, or the one named after --) from its records alone."""
    run_harness(session, "tables")


@nox.session
def publish(session: nox.Session) -> None:
    """Check a campaign, named after --, and copy it to results/published; or check all of those: -- --check."""
    run_harness(session, "publish")
    if CELLS.is_file() and not {"-h", "--help", "--version"} & {*session.posargs}:
        run_parquet(session, *(["--check"] if "--check" in session.posargs else []))


@nox.session
def parquet(session: nox.Session) -> None:
    """Write results/published/cells.parquet anew from cells.csv; nox -s publish does so, too."""
    run_parquet(session)


@nox.session
def compare(session: nox.Session) -> None:
    """Put two campaigns side by side: what differs behind them, and which ratios differ; -- A B, see -- --help."""
    run_harness(session, "compare")


@nox.session
def predict(session: nox.Session) -> None:
    """Predict other pool sizes, cores and round trips from a campaign's model; -- --loader NAME --poolsize 200."""
    run_harness(session, "predict")


@nox.session
def explain(session: nox.Session) -> None:
    """Run cells again with a profiler and counters, and write a page for each; -- --only AXIS=VALUE, see -- --help."""
    run_harness(session, "explain")


@nox.session
def count(session: nox.Session) -> None:
    """Count instructions and system calls per row, into the newest campaign; -- --only AXIS=VALUE, see -- --help."""
    run_harness(session, "count")


@nox.session
def bench(session: nox.Session) -> None:
    """Compare each loader with a minimal hand-written script, and reading with a bare loop."""
    run_harness(session, "bench")


@nox.session
def ledger(session: nox.Session) -> None:
    """Prove that PostgreSQL sees the same statements of every loader, and show what each driver sends for them."""
    run_harness(session, "ledger")


@nox.session
def images(session: nox.Session) -> None:
    """Build the images of the docker engine: all, or those chosen after --, see: nox -s images -- --help."""
    run_harness(session, "images")


@nox.session
def interpreters(session: nox.Session) -> None:
    """Show the interpreters that local runs use; with names after -- get those that are missing, such as: -- 3.14t."""
    run_harness(session, "interpreters")


@nox.session
def clean(session: nox.Session) -> None:
    """Show what the project keeps in the user's cache folder and as images, and remove it."""
    run_harness(session, "clean")


@nox.session
def lock(session: nox.Session) -> None:
    """Resolve the hash-locked requirements anew; with -- --check only say whether they are current."""
    run_harness(session, "lock")


@nox.session
def schema(session: nox.Session) -> None:
    """Write the JSON Schema of matrix.yaml anew from the models."""
    run_harness(session, "schema")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation in site/ and check its links; options of mkdocs build after --."""
    # Material prints an advertisement of its successor otherwise.
    quiet = {"NO_MKDOCS_2_WARNING": "1"}
    run(session, environment(session, "docs"), "mkdocs", "build", "--strict", *session.posargs, env=quiet)


@nox.session
def library(session: nox.Session) -> None:
    """Write the charting library of the page anew from its locked package."""
    folder = environment(session, "library")
    session.run(str(folder / "bin" / "python"), "experiments/report/page/make_library.py", external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff."""
    folder = environment(session, "lint")
    run(session, folder, "ruff", "check", ".")
    run(session, folder, "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy --strict."""
    run(session, environment(session, "lint"), "mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; options of pytest after --, such as: nox -s tests -- -m 'not postgres'."""
    # With bytecode, whatever the user's shell says: the tests start hundreds of programs that would compile themselves.
    compiling = {"PYTHONDONTWRITEBYTECODE": None}
    run(session, environment(session, "tests"), "pytest", *IN_PARALLEL, *session.posargs, env=compiling)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Check mutated matrices, files and campaigns: -- --minutes 5, or only some: -- matrix; see -- --help."""
    run(session, environment(session, "tests"), "tests.fuzz", *session.posargs)


def run_parquet(session: nox.Session, *options: str) -> None:
    """Write or check the parquet file of published cells, with a library that only this needs."""
    python = str(environment(session, "parquet") / "bin" / "python")
    session.run(python, "experiments/report/publishing/make_parquet.py", *options, external=True)


def run_harness(session: nox.Session, verb: str) -> None:
    """Run ``python -m experiments`` with the session's arguments, and give it time to clean up."""
    needs_cluster = any(argument.partition("=")[0] == "--cluster" for argument in session.posargs)
    run(
        session,
        environment(session, "cluster" if needs_cluster else "harness"),
        "experiments",
        verb,
        *session.posargs,
        env={"BIGDATA_STOP_WITH_PARENT": str(os.getpid())},
        interrupt_timeout=CLEAN_UP_S,
        terminate_timeout=CLEAN_UP_S,
    )


def run(
    session: nox.Session,
    folder: Path,
    module: str,
    *arguments: str,
    env: Mapping[str, str | None] | None = None,
    **options: Any,
) -> None:
    """Run a module with the Python of an environment."""
    # Python's own variable would hide the folder that harness, loader and tests are in.
    variables = {"PYTHONSAFEPATH": None, **(env or {})}
    session.run(str(folder / "bin" / "python"), "-m", module, *arguments, external=True, env=variables, **options)


def environment(session: nox.Session, name: str) -> Path:
    """Return the environment of the locked requirements of this name, which sessions share; make it unless it is whole.

    Each session having one of its own would be eleven equal ones of 431 MB.
    """
    if sys.version_info < OLDEST_HARNESS_PYTHON:
        session.error(
            f"This is Python {sys.version_info[0]}.{sys.version_info[1]}; the harness needs 3.11 or newer. "
            "Make the environment that holds nox with a newer one: python3.11 -m venv .venv"
        )
    folder = Path(".nox", name)
    requirements = REQUIREMENTS / f"{name}.txt"
    stamp = folder / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    # Not run where nox was told --no-install; the only thing that is where it was told --install-only.
    made = session.run_install(sys.executable, "-m", "virtualenv", "--quiet", "--clear", str(folder), external=True)
    if made is None:
        return folder
    python = str(folder / "bin" / "python")
    options = ("--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(requirements))
    # pip's variables that install elsewhere, or nothing, would leave an empty environment.
    pip = {"PYTHONSAFEPATH": None, **dict.fromkeys(REDIRECTIONS)}
    session.run_install(python, "-m", "pip", "install", *options, external=True, env=pip)
    packages = re.findall(r"^([A-Za-z0-9._-]+)==[^;\n]*$", requirements.read_text(), re.MULTILINE)
    check = "import sys; from importlib.metadata import version; [version(name) for name in sys.argv[1:]]"
    session.run_install(python, "-c", check, *packages, external=True, silent=True)
    stamp.write_text(wanted)
    return folder

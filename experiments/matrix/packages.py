"""Named sets of packages: versions, wheels and source folders in the place of what the locks have."""

import re
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from bigdata.registry import LOADERS, Loader
from experiments.errors import BadInput, quote, suggest
from experiments.matrix.bounds import LONGEST_NAME

LOCKED = "locked"
"""The set that changes nothing; it is always there."""

Packages = tuple[tuple[str, str], ...]
"""The distributions of a set, each with its version, wheel or folder, in the order of their names."""

_VERSION = re.compile(r"[0-9][0-9a-z.!+_-]*", re.ASCII | re.IGNORECASE)
_WHEEL = re.compile(r"([^-]+)-([^-]+)(?:-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl")
_ONE_MORE = re.compile(r"\+(?=[A-Za-z][\w.-]*=)", re.ASCII)
EXPECTED = "expected a version such as 0.29.0, a wheel such as dist/NAME.whl, or a folder such as ./NAME"


def needed_by(loader: Loader, loop: str | None, implementation: str | None) -> tuple[str, ...]:
    """Return the distributions that a loader imports: driver and base, its event loop, its implementation in C."""
    # An event loop other than asyncio is a package of its name, and so are the implementations of psycopg in C.
    more = (loop, None if implementation is None else f"{loader.driver}-{implementation}")
    return (*loader.requirements, *(name for name in more if name is not None))


def _list_distributions() -> tuple[str, ...]:
    loaders = LOADERS.values()
    found = {
        name
        for loader in loaders
        for loop in (None, *loader.loops)
        for implementation in (None, *loader.implementations)
        for checkout in loader.checkouts
        for name in needed_by(loader.with_checkout(checkout), loop, implementation)
    }
    return tuple(sorted(found - {"asyncio", *(f"{loader.driver}-python" for loader in loaders)}))


DISTRIBUTIONS = _list_distributions()
"""What a set may name: the distributions that loaders import."""


def distribution_name(text: str) -> str:
    """Return the name as package indexes compare it: 'psycopg2-binary' for 'psycopg2_binary'."""
    return re.sub(r"[-_.]+", "-", text).lower()


def is_path(text: str) -> bool:
    """Return whether this names a wheel or a folder, and no version."""
    return text.endswith(".whl") or "/" in text or text in (".", "..")


def is_package(text: str) -> bool:
    """Return whether this can be a version or a path."""
    return is_path(text) or _VERSION.fullmatch(text) is not None


def packages_of(sets: Mapping[str, Mapping[str, str]], name: str) -> Packages:
    """Return the packages of a named set; none for ``locked``."""
    return tuple(sorted(sets.get(name, {}).items()))


def wheel_parts(file: str) -> tuple[str, str]:
    """Return distribution and version in the name of a wheel. Raises ValueError for another file's."""
    match = _WHEEL.fullmatch(file)
    if match is None:
        raise ValueError(f"{file} is not named as a wheel is")
    return distribution_name(match[1]), match[2]


def static_version(text: str) -> str | None:
    """Return the version of a wheel or folder, as far as it can be read without building."""
    path = Path(text).expanduser()
    return wheel_parts(path.name)[1] if path.suffix == ".whl" else _static(path).get("version")


def find_problem(distribution: str, text: str) -> str | None:
    """Return what is wrong with a version, wheel or folder, as far as that is known without building; None if nothing.

    Whether a version exists is only known to a package index.
    """
    if not is_package(text):
        return f"{quote(text)} is no version and no path: {EXPECTED}"
    if not is_path(text):
        return None
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        return f"{quote(text)} begins with the home of a user who has none: write the folder out"
    if path.suffix == ".whl":
        if not path.is_file():
            return f"there is no file {quote(text)}: build it, or name another one"
        if not _WHEEL.fullmatch(path.name) or not zipfile.is_zipfile(path):
            return f"{quote(text)} is not a wheel: {EXPECTED}"
        found = wheel_parts(path.name)[0]
    elif not path.is_dir():
        return f"there is no folder {quote(text)}: {EXPECTED}"
    elif not any((path / name).is_file() for name in ("pyproject.toml", "setup.py")):
        return f"{quote(text)} is not a source folder: name the folder with its pyproject.toml or setup.py"
    else:
        found = distribution_name(_static(path).get("name", distribution))
    return None if found == distribution else describe_other(text, found, distribution)


def describe_other(text: str, found: str, wanted: str) -> str:
    """Say that a path has another distribution than the one that it is given for."""
    return f"{quote(text)} has the distribution {found}, not {wanted}: name it as {found}, or name another path"


def parse_set(text: str) -> dict[str, str]:
    """Parse 'psycopg=3.2.1+psycopg-binary=3.2.1'; 'psycopg=locked' names nothing. Raises BadInput."""
    wanted = {}
    for part in _ONE_MORE.split(text):
        name, _, value = part.partition("=")
        if not name or not value:
            raise BadInput(f"--packages: {part!r} is not NAME=VERSION, NAME=PATH or NAME={LOCKED}")
        distribution = distribution_name(name)
        if distribution not in DISTRIBUTIONS:
            raise BadInput(f"--packages: no loader needs the distribution {name!r} {suggest(name, DISTRIBUTIONS)}")
        if value == LOCKED:
            continue
        if (problem := find_problem(distribution, value)) is not None:
            raise BadInput(f"--packages: {distribution}: {problem}")
        wanted[distribution] = value
    return wanted


def name_sets(texts: Iterable[str], known: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return the sets of the command line by name, such as 'asyncpg_0.29.0'; a name that is ``known`` gets a number."""
    named: dict[str, dict[str, str]] = {}
    for text in texts:
        wanted = parse_set(text)
        name, number = _name_of(wanted), 1
        while {**known, **named}.get(name, wanted) != wanted:
            number += 1
            name = f"{_name_of(wanted)[: LONGEST_NAME - 4]}_{number}"
        named[name] = wanted
    return named


def _name_of(wanted: Mapping[str, str]) -> str:
    """Return a name that matrix.yaml could have, after the first distribution."""
    if not wanted:
        return LOCKED
    distribution, text = next(iter(wanted.items()))
    path = Path(text).expanduser()
    if text.endswith(".whl"):
        text = f"{wheel_parts(path.name)[1]}.whl"
    elif is_path(text):
        text = path.resolve().name
    return re.sub(r"[^\w.-]+", "_", f"{distribution}_{text}", flags=re.ASCII)[:LONGEST_NAME]


def _static(folder: Path) -> dict[str, str]:
    """Return name and version in a folder's pyproject.toml, as far as they are written there."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        return {key: value for key, value in project.items() if key in ("name", "version") and isinstance(value, str)}
    except (OSError, ValueError, AttributeError):
        return {}

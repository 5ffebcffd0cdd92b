"""Checks between the parts of the plain matrix.yaml: unknown names, useless entries; the models check shapes."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from experiments.errors import join_known, quote, shorten, suggest
from experiments.matrix.arrivals import parse_arrivals
from experiments.matrix.cell import LOOPBACK
from experiments.matrix.packages import LOCKED
from experiments.matrix.settings import check_settings
from experiments.matrix.yaml_document import Finding, YamlPath

_SECTIONS = {
    "postgres": "PostgreSQL configuration",
    "data": "data set",
    "resources": "resources",
    "packages": "set of packages",
    "network": "network",
}
# Names that are always there, and mean what is there without an entry.
_ALWAYS_THERE = {"packages": LOCKED, "network": LOOPBACK}
MOST_FINDINGS = 20
"""Of each check."""
MAXIMUM_CELLS = 100_000
MAXIMUM_WORK = 1_000_000
"""Combinations, each multiplied by the entries of include and exclude that it is checked against."""

# Defaults that stand for a value which only the machine knows.
_RESOLVED = ("auto", "default")


def check_document(data: object) -> list[Finding]:
    """Return everything that is wrong between the parts of a document."""
    root = _mapping(data)
    checks: tuple[Callable[[Mapping[str, Any]], Iterator[Finding]], ...] = (
        _check_names,
        _check_size,
        _check_references,
        _check_profiles,
        _check_experiments,
        _check_packages,
        _check_network,
    )
    found = (check_settings(root.get("postgres")), *(check(root) for check in checks))
    # Each finding is compared with all names that are there: of thousands the first ones will do.
    return [finding for findings in found for finding in itertools.islice(findings, MOST_FINDINGS)]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _check_references(root: Mapping[str, Any]) -> Iterator[Finding]:
    for axis, kind in _SECTIONS.items():
        known = {**_mapping(root.get(axis)), **({_ALWAYS_THERE[axis]: {}} if axis in _ALWAYS_THERE else {})}
        for path, value in _values_of(axis, root):
            if isinstance(value, str) and value not in known:
                yield Finding(path, f"unknown {kind} {quote(value)} {suggest(value, known)}")


def _check_packages(root: Mapping[str, Any]) -> Iterator[Finding]:
    if _mapping(root.get("packages")).get(LOCKED):
        yield Finding(("packages", LOCKED), "is what the locks have, so that it is empty: write {}, or rename it")


def _check_network(root: Mapping[str, Any]) -> Iterator[Finding]:
    if _mapping(root.get("network")).get(LOOPBACK):
        yield Finding(("network", LOOPBACK), "has no delay, so that it is empty: write {}, or rename it")
    hosts = _mapping(root.get("hosts"))
    for name, body in _mapping(root.get("network")).items():
        for side in ("loader", "server"):
            value = _mapping(body).get(side)
            if isinstance(value, str) and value not in hosts:
                yield Finding(("network", name, side), f"unknown host {quote(value)} {suggest(value, hosts)}")


def _values_of(axis: str, root: Mapping[str, Any]) -> Iterator[tuple[YamlPath, object]]:
    """Yield every value that some part of the file gives to an axis."""
    for path, values in _axis_mappings(root):
        if axis in values:
            value = values[axis]
            if path[-1] == "matrix":
                yield from (((*path, axis, position), item) for position, item in enumerate(_items(value)))
            else:
                yield (*path, axis), value


def _axis_mappings(root: Mapping[str, Any]) -> Iterator[tuple[YamlPath, Mapping[str, Any]]]:
    for section in ("defaults", "baseline"):
        yield (section,), _mapping(root.get(section))
    for name, body in _mapping(root.get("experiments")).items():
        experiment = _mapping(body)
        yield ("experiments", name, "matrix"), _mapping(experiment.get("matrix"))
        yield ("experiments", name, "baseline"), _mapping(experiment.get("baseline"))
        for part in ("include", "exclude"):
            for position, entry in enumerate(_items(experiment.get(part))):
                yield ("experiments", name, part, position), _mapping(entry)


def _check_names(root: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that names become different files where large and small letters are the same, too."""
    for section in (*_SECTIONS, "experiments", "profiles"):
        first: dict[str, str] = {}
        for name in _mapping(root.get(section)):
            if first.setdefault(name.lower(), name) != name:
                yield Finding(
                    (section, name), f"differs from {first[name.lower()]} in the case of letters only: rename it"
                )


def _check_size(root: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that the combinations are not too many, before they are made."""
    total = work = 0
    for name, body in _mapping(root.get("experiments")).items():
        experiment = _mapping(body)
        lists = [_items(listed) for listed in _mapping(experiment.get("matrix")).values()]
        entries = sum(len(_items(experiment.get(part))) for part in ("include", "exclude"))
        combinations = math.prod(map(len, lists)) if lists else 0
        total += combinations + entries
        work += (combinations + entries) * (1 + entries)
        if total > MAXIMUM_CELLS or work > MAXIMUM_WORK:
            text = f"makes this matrix too large: write at most {MAXIMUM_CELLS:,} combinations in all experiments"
            more = f", each checked against few of {entries:,} entries" if total <= MAXIMUM_CELLS else ""
            yield Finding(("experiments", name), text + more)
            return


def _check_profiles(root: Mapping[str, Any]) -> Iterator[Finding]:
    known = _mapping(root.get("experiments"))
    for name, profile in _mapping(root.get("profiles")).items():
        for position, value in enumerate(_items(_mapping(profile).get("experiments"))):
            if isinstance(value, str) and value not in known:
                path = ("profiles", name, "experiments", position)
                yield Finding(path, f"unknown experiment {quote(value)} {suggest(value, known)}")


def _check_experiments(root: Mapping[str, Any]) -> Iterator[Finding]:
    for name, body in _mapping(root.get("experiments")).items():
        experiment = _mapping(body)
        if isinstance(body, Mapping) and not experiment.get("matrix") and not experiment.get("include"):
            yield Finding(("experiments", name), "has no cells: give it a matrix, or an include")
        # An exclusion may name axes that the matrix does not; those have the value of the defaults.
        values = {axis: [value] for axis, value in _mapping(root.get("defaults")).items() if value not in _RESOLVED}
        values.update({axis: _items(listed) for axis, listed in _mapping(experiment.get("matrix")).items()})
        values = {axis: [_plain(item) for item in listed] for axis, listed in values.items()}
        for position, entry in enumerate(_items(experiment.get("exclude"))):
            yield from _check_exclusion(("experiments", name, "exclude", position), _mapping(entry), values)


def _check_exclusion(path: YamlPath, entry: Mapping[str, Any], values: Mapping[str, list[Any]]) -> Iterator[Finding]:
    """Check that an exclusion can match something."""
    if set(entry) <= {"why"}:
        yield Finding(path, "names no axis, so it would leave out everything: name what to leave out")
    for axis, value in entry.items():
        listed = values.get(axis, [])
        if listed and _plain(value) not in listed:
            found = shorten(repr(_plain(value)))
            yield Finding((*path, axis), f"{found} is not a value of this experiment (known: {join_known(listed)})")


def _plain(value: object) -> object:
    """Undo YAML's False for off, which is the name of a value; of a mapping return its text."""
    return "off" if value is False else parse_arrivals(value) if isinstance(value, Mapping) else value

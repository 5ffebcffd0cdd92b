"""Differences behind two campaigns: host, configuration of the cells in common, software.

A difference that ``forbids`` makes a comparison meaningless: machine, work, cores or settings. One that is a ``pin``
makes a run no repetition of another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from experiments.analysis.matching import Pair, pair_cells
from experiments.cpuset import format_cpuset
from experiments.formatting import axis_value
from experiments.records.description import Description, Part, part_key, part_name, part_of
from experiments.records.facts import ServerFacts
from experiments.records.record import Cell

Severity = Literal["host", "configuration", "software"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Difference:
    """One thing that campaign ``a`` has otherwise than campaign ``b``, both as text."""

    severity: Severity
    where: str
    """Of a named part: 'interpreters local: 3.13'; else 'environment'."""
    what: str
    a: str
    b: str
    forbids: bool = False
    pin: bool = False


@dataclass(frozen=True)
class _Fact:
    key: str
    what: str
    forbids: bool = False
    pin: bool = False
    absent: str = NOT_KNOWN
    text: Callable[[Any], str] = str


# Not exactly: a virtual machine has some kB more or less after each start.
_gibibytes = "{:.1f} GiB".format
_number = "{:g}".format

_MACHINE = (
    _Fact("machine", "architecture", forbids=True),
    _Fact("cores", "cores", forbids=True),
    _Fact("memory_bytes", "memory", text=lambda size_bytes: _gibibytes(size_bytes / 2**30)),
    _Fact("system", "system"),
    _Fact("kernel", "kernel"),
)
_HOST = (
    _Fact("cpu", "CPU", forbids=True),
    *_MACHINE,
    _Fact("cores_allowed", "cores allowed", forbids=True, text=format_cpuset),
    _Fact("virtualisation", "virtualisation", forbids=True),
    _Fact("platform", "platform", forbids=True),
    _Fact("file_system", "file system of the servers on disk", forbids=True),
)
_ENGINE_HOST = (
    _Fact("here", "on the harness's machine", forbids=True),
    _Fact("storage_driver", "storage driver"),
    _Fact("cgroup_version", "version of control groups"),
    _Fact("rootless", "rootless"),
)
_ENGINE_SOFTWARE = (_Fact("version", "version"), _Fact("source", "source of the images"))
_DATA = (_Fact("digest", "digest", forbids=True, pin=True), _Fact("rows", "rows", forbids=True))
_SIDES = ("loader", "server")
_PLACEMENT = (
    *(_Fact(f"{side}_cpus", f"cores of the {side}", forbids=True, text=format_cpuset) for side in _SIDES),
    *(_Fact(f"{side}_quota", f"CPU limit of the {side}", forbids=True, absent="none", text=_number) for side in _SIDES),
    *(_Fact(f"{side}_neighbours", f"neighbours of the {side}", forbids=True, text=_number) for side in _SIDES),
    *(_Fact(f"{side}_memory_bytes", f"memory limit of the {side}", forbids=True, absent="none") for side in _SIDES),
)
_SERVER = (_Fact("storage", "storage", forbids=True, pin=True),)
_SERVER_SOFTWARE = (
    _Fact("version", "version", pin=True),
    _Fact("build", "build", pin=True),
    _Fact("image", "image", pin=True, absent="none"),
)
_INTERPRETER = (
    _Fact("implementation", "implementation", pin=True),
    _Fact("version", "version", pin=True),
    _Fact("lock_hash", "lock", pin=True),
)
# Of a version that is asked for, whoever built it; what an image is made from is named by digest.
_INSTALLED = (*_INTERPRETER, _Fact("build", "build"))
_IN_AN_IMAGE = (
    *_INTERPRETER,
    _Fact("build", "base of the image", pin=True, text=lambda build: build.rpartition("; ")[0]),
    _Fact("build", "platform of the image", text=lambda build: build.rpartition("; ")[2]),
)
# The harness sets it to the campaign's largest pool and a few: what else the campaign held says nothing of a cell.
_FOLLOWS_FROM_THE_CAMPAIGN = ("max_connections",)


def find_differences_between(
    a: Description, b: Description, pairs: Sequence[Pair] | None = None, ignored: Sequence[str] = ()
) -> tuple[Difference, ...]:
    """Find everything that differs, the most severe first.

    Of parts with names only what stands behind ``pairs`` of cells: all that the campaigns have in common, unless given.
    The values of ``ignored`` axes are listed, and what stands behind them forbids nothing.
    """
    pairs = pair_cells(a, b) if pairs is None else pairs
    found = [
        *_of_ignored_axes(pairs, ignored),
        *_of_host(a, b, pairs),
        *_of_configuration(a, b, pairs, ignored),
        *_of_software(a, b, pairs),
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: SEVERITIES.index(one.severity)))


def baseline_of(description: Description, experiment: str) -> Cell | None:
    """Return the cell that an experiment compares its cells with: the one that is planned twice."""
    again = (one.cell for one in description.cells if one.arm == "b" and experiment in one.experiments)
    return next(again, None)


def _of_ignored_axes(pairs: Sequence[Pair], ignored: Sequence[str]) -> Iterator[Difference]:
    for axis in ignored:
        sides = [dict.fromkeys(axis_value(pair[side].value(axis)) for pair in pairs) for side in (0, 1)]
        here, there = map(", ".join, sides)
        if here != there:
            yield Difference("configuration", "ignored axis", axis, here, there)


def _of_host(a: Description, b: Description, pairs: Sequence[Pair]) -> Iterator[Difference]:
    names = dict.fromkeys((here.engine, there.engine) for here, there in pairs)
    engines = {join_parts(*name): (a.engines.get(name[0]), b.engines.get(name[1])) for name in names}
    # Where nothing ran on the harness's own machine, that is told and no reason for anything.
    matters = not engines or any(_is_here(side) for sides in engines.values() for side in sides)
    for one in _compare("host", "environment", _HOST, a.environment, b.environment):
        yield replace(one, forbids=one.forbids and matters)
    for name, sides in engines.items():
        yield from _compare("host", f"engine {name}", _ENGINE_HOST, *sides)
        if not all(side is not None and side.get("here") for side in sides):
            yield from _compare("host", f"engine {name}", _MACHINE, *sides)


def _is_here(engine: Mapping[str, Any] | None) -> bool:
    """Return whether an engine runs on the harness's machine: all do, unless they say otherwise."""
    return engine is None or bool(engine.get("here", True))


def _of_configuration(
    a: Description, b: Description, pairs: Sequence[Pair], ignored: Sequence[str]
) -> Iterator[Difference]:
    behind = {"data": _of_data, "postgres": _of_servers, "resources": _of_placements}
    for axis, find in behind.items():
        for one in find(a, b, pairs):
            yield replace(one, forbids=one.forbids and axis not in ignored)
    limit = (_Fact("timeout_s", "time limit of a run, in seconds", text=_number),)
    yield from _compare("configuration", "matrix", limit, a.matrix, b.matrix)
    yield from _compare_baselines(a, b, pairs, ignored)


def _of_data(a: Description, b: Description, pairs: Sequence[Pair]) -> Iterator[Difference]:
    for here, there in dict.fromkeys((here.data, there.data) for here, there in pairs):
        sides = (a.data.get(here), b.data.get(there))
        yield from _compare("configuration", f"data {join_parts(here, there)}", _DATA, *sides)


def _of_servers(a: Description, b: Description, pairs: Sequence[Pair]) -> Iterator[Difference]:
    for where, here, there in _parts(a.postgres, b.postgres, pairs, "postgres", "postgres"):
        yield from _compare("configuration", where, _SERVER, here, there)
        yield from _compare_settings(where, here, there)
    yield from _compare_shared_memory(a, b, pairs)


def _of_placements(a: Description, b: Description, pairs: Sequence[Pair]) -> Iterator[Difference]:
    for where, here, there in _parts(a.placements, b.placements, pairs, "placements", "resources"):
        yield from _compare("configuration", where, _PLACEMENT, here, there)


def _of_software(a: Description, b: Description, pairs: Sequence[Pair]) -> Iterator[Difference]:
    for where, here, there in _parts(a.interpreters, b.interpreters, pairs, "interpreters", "python"):
        in_images = all(side is not None and side.image for side in (here, there))
        yield from _compare("software", where, _IN_AN_IMAGE if in_images else _INSTALLED, here, there)
    for where, one, other in _parts(a.postgres, b.postgres, pairs, "postgres", "postgres"):
        yield from _compare("software", where, _SERVER_SOFTWARE, one, other)
    for name, another in dict.fromkeys((here.engine, there.engine) for here, there in pairs):
        engines = (a.engines.get(name), b.engines.get(another))
        yield from _compare("software", f"engine {join_parts(name, another)}", _ENGINE_SOFTWARE, *engines)
    source = _Fact("hash", "source", pin=True)
    yield from _compare("software", "loader", (source,), {"hash": a.source_hash}, {"hash": b.source_hash})
    yield from _compare("software", "checkout", (_Fact("commit", "commit"),), _checkout(a), _checkout(b))
    yield from _compare("software", "harness", *_harness(a, b))


def join_parts(a: str, b: str) -> str:
    """Name a part that has different names in the campaigns: 'local: 3.13 and docker: 3.14'."""
    return a if a == b else f"{a} and {b}"


def _parts(
    a: Mapping[str, Part], b: Mapping[str, Part], pairs: Sequence[Pair], section: str, axis: str
) -> Iterator[tuple[str, Part | None, Part | None]]:
    """Yield the place of each value that the cells have on an axis, with its part of either campaign."""
    named = {tuple(part_key(cell.engine, part_name(cell, axis)) for cell in pair): pair for pair in pairs}
    for (here, there), pair in named.items():
        yield f"{section} {join_parts(here, there)}", part_of(a, pair[0], axis), part_of(b, pair[1], axis)


def _compare(severity: Severity, where: str, facts: Sequence[_Fact], a: object, b: object) -> Iterator[Difference]:
    """Yield the facts that differ, of a part that both campaigns have: a mapping, or an instance of a dataclass."""
    if a is None or b is None:
        return
    sides = [side if isinstance(side, Mapping) else vars(side) for side in (a, b)]
    for fact in facts:
        here, there = (fact.absent if (value := side.get(fact.key)) is None else fact.text(value) for side in sides)
        if here != there:
            # What one campaign did not record is told, and no reason for anything.
            known = NOT_KNOWN not in (here, there)
            yield Difference(severity, where, fact.what, here, there, fact.forbids and known, fact.pin and known)


def _compare_settings(where: str, a: ServerFacts | None, b: ServerFacts | None) -> Iterator[Difference]:
    if a is None or b is None:
        return
    settings = (a.settings, b.settings)
    facts = [
        _Fact(name, f"setting {name}", forbids=name not in _FOLLOWS_FROM_THE_CAMPAIGN, pin=True, absent="not set")
        for name in dict.fromkeys((*settings[0], *settings[1]))
    ]
    yield from _compare("configuration", where, facts, *settings)


def _compare_shared_memory(a: Description, b: Description, pairs: Sequence[Pair]) -> Iterator[Difference]:
    """Compare the shared memory of containers, which no setting says."""
    fact = _Fact("shm_size", "shared memory of the container", forbids=True, pin=True, absent="usual")
    for here, there in pairs:
        if here.engine == there.engine == "docker":
            asked = (a.matrix.get("postgres", {}).get(here.postgres), b.matrix.get("postgres", {}).get(there.postgres))
            where = join_parts(*(part_key("docker", cell.postgres) for cell in (here, there)))
            yield from _compare("configuration", f"postgres {where}", (fact,), *asked)


def _compare_baselines(
    a: Description, b: Description, pairs: Sequence[Pair], ignored: Sequence[str]
) -> Iterator[Difference]:
    """Find experiments with some of the cells whose ratios have different baselines."""
    compared = [set(cells) for cells in zip(*pairs, strict=True)] or [set(), set()]
    showing = [
        {name for shown in side.cells if shown.cell in cells for name in shown.experiments}
        for side, cells in zip((a, b), compared, strict=True)
    ]
    for name in (shown.name for shown in b.experiments if shown.name in showing[0] & showing[1]):
        baselines = [baseline_of(side, name) for side in (a, b)]
        sides = [{} if cell is None else cell.axes() for cell in baselines]
        unlike = [axis for axis in {**sides[0], **sides[1]} if sides[0].get(axis) != sides[1].get(axis)]
        unlike = [axis for axis in unlike if axis not in ignored]
        if unlike:
            texts = [", ".join(f"{axis} {side.get(axis)}" for axis in unlike) if side else "none" for side in sides]
            here, there = texts
            yield Difference("configuration", f"experiment {name}", "baseline", here, there, forbids=True)


def _checkout(side: Description) -> Mapping[str, Any]:
    commit, changes = side.environment.commit, side.environment.uncommitted_changes
    return {"commit": commit and f"{commit}{' with uncommitted changes' if changes else ''}"}


def _harness(a: Description, b: Description) -> tuple[list[_Fact], Mapping[str, Any], Mapping[str, Any]]:
    here, there = ({"Python": one.harness_python, **one.harness_packages} for one in (a.environment, b.environment))
    return [_Fact(name, name, absent="none") for name in {**here, **there}], here, there


def describe_difference(one: Difference, a: str = "in A", b: str = "in B") -> str:
    """Return 'interpreters local: 3.13, lock: sha256:a in A, sha256:b in B'."""
    return f"{one.where}, {one.what}: {one.a} {a}, {one.b} {b}"

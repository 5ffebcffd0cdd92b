"""Selection on the command line, and its application to the matrix."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from experiments.errors import BadInput, suggest
from experiments.matrix.bounds import LONGEST_NAME
from experiments.matrix.cell import AXES, ENGINES
from experiments.matrix.packages import name_sets, parse_set
from experiments.matrix.spec import AxisLists, AxisValues, DataSet, Experiment, Matrix, Profile
from experiments.matrix.workloads import split_experiment

DEFAULT_PROFILE = "default"

T = TypeVar("T")


@dataclass(frozen=True)
class Selection:
    """The options that choose what to run. Nothing chosen: the profile ``default``, or all where there is none."""

    profile: str | None = None
    experiments: tuple[str, ...] = ()
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Axis to the values to keep, as written on the command line."""
    engine: str | None = None
    repeats: int | None = None
    records: int | None = None
    data: str | None = None
    """The name of a data set, or a directory."""
    packages: tuple[str, ...] = ()
    """Sets of packages, as written on the command line: 'asyncpg=0.29.0'."""


def parse_selection(
    *,
    profile: str | None = None,
    experiments: Sequence[str] = (),
    only: Sequence[str] = (),
    engine: str | None = None,
    repeats: str | None = None,
    records: str | None = None,
    data: str | None = None,
    packages: Sequence[str] = (),
) -> Selection:
    """Make a selection of the options' texts. Raises BadInput for malformed ones; unknown names are found on use."""
    if engine is not None and engine not in ("auto", *ENGINES):
        raise BadInput(f"--engine: unknown engine {engine!r} {suggest(engine, ('auto', *ENGINES))}")
    return Selection(
        profile=profile,
        experiments=tuple(dict.fromkeys(experiments)),
        only=_parse_only(only),
        engine=engine,
        repeats=_parse_count("--repeats", repeats),
        records=_parse_count("--records", records),
        data=data,
        packages=_parse_packages(packages),
    )


def _parse_packages(texts: Sequence[str]) -> tuple[str, ...]:
    sets = tuple(dict.fromkeys(one.strip() for text in texts for one in text.split(",")))
    for one in sets:
        parse_set(one)
    return sets


def _parse_only(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    only: dict[str, tuple[str, ...]] = {}
    for text in texts:
        axis, _, listed = text.partition("=")
        values = tuple(value.strip() for value in listed.split(","))
        if not all(values):
            raise BadInput(f"--only: {text!r} is not AXIS=VALUE or AXIS=VALUE,VALUE")
        if axis not in AXES:
            raise BadInput(f"--only: unknown axis {axis!r} {suggest(axis, AXES)}")
        only[axis] = tuple(dict.fromkeys((*only.get(axis, ()), *values)))
    return only


def _parse_count(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch("0*[1-9][0-9]{0,6}", text):
        raise BadInput(f"{option}: {text!r} is not a positive integer (expected for example 20)")
    return int(text)


def apply_selection(matrix: Matrix, selection: Selection) -> Matrix:
    """Return the matrix that is left and changed by a selection; ``only`` is applied to cells, by ``expand``.

    The command line goes before the profile, and that before the matrix. ``engine`` and ``data`` take the place of
    every value of their axis. A directory becomes a data set named after it, with as many records and the same
    segments as the data set of the defaults. ``packages`` become sets, and the values of that axis in all experiments.
    Raises BadInput: a profile, experiment or data set that is not there.
    """
    profile = _profile_of(matrix, selection)
    names = selection.experiments or profile.experiments or tuple(matrix.experiments)
    repeats = selection.repeats or profile.repeats or matrix.repeats
    experiments = _choose(matrix, names)
    changed = replace(matrix, repeats=repeats, experiments=experiments)
    if selection.data is not None:
        changed = _with_data(changed, selection.data)
    if selection.engine is not None:
        changed = _force(changed, "engine", selection.engine)
    if selection.packages:
        changed = _with_packages(changed, selection.packages)
    records = selection.records or profile.records
    if records is not None:
        data = {name: replace(data_set, records=records) for name, data_set in changed.data.items()}
        changed = replace(changed, data=data)
    return changed


def _choose(matrix: Matrix, names: Iterable[str]) -> dict[str, Experiment]:
    """Return the experiments of these names, in parts by workload; a name may also be that of a part."""
    parts = {name: split_experiment(name, one, matrix.defaults.workload) for name, one in matrix.experiments.items()}
    known = {part: {part: one} for of_name in parts.values() for part, one in of_name.items()} | parts
    return {part: one for name in names for part, one in _get("--experiment", "experiment", name, known).items()}


def _profile_of(matrix: Matrix, selection: Selection) -> Profile:
    if selection.profile is None:
        # Whoever names experiments has chosen.
        return Profile() if selection.experiments else matrix.profiles.get(DEFAULT_PROFILE, Profile())
    return _get("--profile", "profile", selection.profile, matrix.profiles)


def _get(option: str, kind: str, name: str, known: Mapping[str, T]) -> T:
    if name not in known:
        raise BadInput(f"{option}: unknown {kind} {name!r} {suggest(name, known)}")
    return known[name]


def _with_data(matrix: Matrix, text: str) -> Matrix:
    if text in matrix.data:
        return _force(matrix, "data", text)
    if not Path(text).is_dir():
        raise BadInput(
            f"--data: {text!r} is neither a directory nor a data set of the matrix {suggest(text, matrix.data)}"
        )
    usual = matrix.data[matrix.defaults.data]
    name = _new_name(Path(text).resolve().name, matrix.data)
    data_set = DataSet(source="directory", path=text, segments=usual.segments, records=usual.records)
    return _force(replace(matrix, data={**matrix.data, name: data_set}), "data", name)


def _with_packages(matrix: Matrix, texts: Sequence[str]) -> Matrix:
    """Return the matrix with these sets, and each of them in every experiment; baselines keep theirs."""
    sets = name_sets(texts, matrix.packages)

    def spread(one: Experiment) -> Experiment:
        lists = cast(AxisLists, {**one.matrix, "packages": tuple(sets)}) if one.matrix else one.matrix
        include = tuple(cast(AxisValues, {**entry, "packages": name}) for entry in one.include for name in sets)
        return replace(one, matrix=lists, include=include)

    experiments = {name: spread(one) for name, one in matrix.experiments.items()}
    return replace(matrix, packages={**matrix.packages, **sets}, experiments=experiments)


def _new_name(folder: str, taken: Iterable[str]) -> str:
    """Return a name that matrix.yaml could have, after that of a folder, which may have any."""
    name = re.sub(r"[^\w.-]+", "_", folder, flags=re.ASCII).strip("_.-")[:LONGEST_NAME] or "directory"
    stem = name[: LONGEST_NAME - len("_directory")]
    others = itertools.chain((name, f"{stem}_directory"), (f"{stem}_{number}" for number in itertools.count(2)))
    return next(other for other in others if other not in taken)


def _force(matrix: Matrix, axis: str, value: str) -> Matrix:
    """Give an axis one value wherever the matrix gives it any."""
    changed: dict[str, Any] = {axis: value}
    experiments = {name: _force_in(experiment, axis, value) for name, experiment in matrix.experiments.items()}
    return replace(
        matrix,
        defaults=replace(matrix.defaults, **changed),
        baseline=_force_values(matrix.baseline, axis, value),
        experiments=experiments,
    )


def _force_in(experiment: Experiment, axis: str, value: str) -> Experiment:
    lists = experiment.matrix
    return replace(
        experiment,
        matrix=cast(AxisLists, {**lists, axis: (value,)}) if axis in lists else lists,
        include=tuple(_force_values(entry, axis, value) for entry in experiment.include),
        baseline=_force_values(experiment.baseline, axis, value),
    )


def _force_values(values: AxisValues, axis: str, value: str) -> AxisValues:
    return cast(AxisValues, {**values, axis: value}) if axis in values else values

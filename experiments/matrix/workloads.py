"""Parts of an experiment, one for each of its workloads: ratios, noise floor and units are of one workload alone."""

from collections.abc import Mapping
from typing import Any, cast

from experiments.matrix.spec import AxisLists, AxisValues, Experiment
from experiments.matrix.values import LONGEST_NAME


def split_experiment(name: str, experiment: Experiment, default: str) -> Mapping[str, Experiment]:
    """Return the experiment by its name, or by that and the workload where it has several; each with its baseline."""
    listed = experiment.matrix.get("workload", (default,) if experiment.matrix else ())
    entries = [entry.get("workload", default) for entry in experiment.include]
    workloads = tuple(dict.fromkeys((*listed, *entries)))
    if workloads == (default,):
        return {name: experiment}
    parts = {}
    for workload in workloads:
        own = name if len(workloads) == 1 else f"{name[: LONGEST_NAME - len(workload) - 1]}_{workload}"
        parts[own] = _part(experiment, workload, listed, default)
    return parts


def _part(experiment: Experiment, workload: str, listed: tuple[str, ...], default: str) -> Experiment:
    def belongs(entry: AxisValues) -> bool:
        return entry.get("workload", workload if workload in listed else default) == workload

    changed: dict[str, Any] = {
        "question": f"{experiment.question} ({workload})",
        "matrix": cast(AxisLists, {**experiment.matrix, "workload": (workload,)} if workload in listed else {}),
        "include": tuple(entry for entry in experiment.include if belongs(entry)),
        "baseline": cast(AxisValues, {**experiment.baseline, "workload": workload}),
        "exclude": experiment.exclude,
        "explain": experiment.explain,
    }
    return Experiment(**changed)

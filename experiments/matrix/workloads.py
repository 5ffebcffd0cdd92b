"""Parts of an experiment, one for each of its workloads: ratios, noise floor and units are of one workload alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from experiments.matrix.bounds import LONGEST_NAME
from experiments.matrix.spec import AxisLists, AxisValues, Experiment


def split_experiment(name: str, experiment: Experiment, default: str) -> Mapping[str, Experiment]:
    """Return the experiment by its name, or by that and the workload where it has several; each with its baseline."""
    listed = experiment.matrix.get("workload", (default,) if experiment.matrix else ())
    entries = [entry.get("workload", default) for entry in experiment.include]
    workloads = tuple(dict.fromkeys((*listed, *entries)))
    if workloads == (default,):
        return {name: experiment}
    if len(workloads) == 1:
        return {name: _part(experiment, experiment.question, workloads[0], listed, default)}
    return {
        f"{name[: LONGEST_NAME - len(workload) - 1]}_{workload}": _part(
            experiment, f"{experiment.question} ({workload})", workload, listed, default
        )
        for workload in workloads
    }


def _part(experiment: Experiment, question: str, workload: str, listed: tuple[str, ...], default: str) -> Experiment:
    def belongs(entry: AxisValues) -> bool:
        return entry.get("workload", workload if workload in listed else default) == workload

    return replace(
        experiment,
        question=question,
        matrix=cast(AxisLists, {**experiment.matrix, "workload": (workload,)} if workload in listed else {}),
        include=tuple(entry for entry in experiment.include if belongs(entry)),
        baseline=cast(AxisValues, {**experiment.baseline, "workload": workload}),
    )

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from experiments.analysis.disturbed_runs import count_disturbed
from experiments.analysis.summary import summarize_campaign
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownExperiment
from experiments.records.record import Host, Record


def test_a_run_counts_once_however_many_experiments_its_cell_is_of(
    description: Description, make_record: Callable[..., Record]
) -> None:
    cells = (replace(description.cells[0], experiments=("loaders", "more")), description.cells[1])
    experiments = (*description.experiments, ShownExperiment("more", "And else?"))
    records = [make_record(block=block) for block in range(1, 5)]
    records[0] = replace(records[0], host=Host(0.0, 1.2, 0.9, observed_s=1.0))
    found = count_disturbed(
        summarize_campaign(Campaign(replace(description, cells=cells, experiments=experiments), records))
    )
    assert (found.disturbed, found.runs, found.share) == (1, 4, 0.25)
    assert str(found) == "25.0% (1 of 4 runs)"


def test_a_campaign_without_runs_has_no_disturbed_share(description: Description) -> None:
    assert count_disturbed(summarize_campaign(Campaign(description, []))).share == 0.0

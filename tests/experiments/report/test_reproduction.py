from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from experiments.analysis.comparison import ComparedCell, ComparedExperiment, compare_campaigns
from experiments.analysis.stats import estimate_mean_ratio, noise_floor
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.reproduction import EXPECTED, judge, sum_up, write_reproduction
from tests.experiments.made_campaigns import measured

MakeRecord = Callable[..., Record]

ONE = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}


def compared(published: Campaign, here: Campaign) -> tuple[ComparedCell, ComparedExperiment]:
    (experiment,) = compare_campaigns(published, here).experiments
    return next(cell for cell in experiment.cells if cell.shown.cell_key == "sha256:row_by_row_asyncio"), experiment


@pytest.mark.parametrize(
    ("distance", "verdict"),
    [
        (0.99, "reproduced"),
        (-0.99, "reproduced"),
        (1.01, "not reproduced"),
        (-1.01, "not reproduced"),
    ],
)
@pytest.mark.parametrize("noisier", ["published", "here"])
def test_a_ratio_is_reproduced_within_the_larger_of_both_noise_floors_in_either_direction(
    distance: float, verdict: str, noisier: str, description: Description, make_record: MakeRecord
) -> None:
    # The noise floor is what the baseline differs by from itself, where that is more than its interval reaches.
    floors = {"published": 1.1 if noisier == "published" else 1.05, "here": 1.1 if noisier == "here" else 1.05}
    moved = 1.2 * math.exp(distance * math.log(1.1))
    published = measured(description, make_record, {**ONE, "again": floors["published"]})
    here = measured(description, make_record, {**ONE, "again": floors["here"], "row_by_row_asyncio": moved})
    cell, experiment = compared(published, here)
    assert experiment.larger_floor == pytest.approx(1.1)
    assert judge(cell, experiment) == verdict


def test_without_a_ratio_or_a_noise_floor_there_is_no_verdict_and_a_reason(
    description: Description, make_record: MakeRecord
) -> None:
    published = measured(description, make_record, ONE)
    few = replace(published, records=[record for record in published.records if record.block < 3])
    assert judge(*compared(published, few)) == (
        "no result: no noise floor here, as that needs 5 good blocks of the baseline"
    )
    assert judge(*compared(few, few)).startswith("no result: no noise floor published and here, ")
    none = measured(description, make_record, {"row_by_row_threaded": 1.0, "again": 1.01})
    assert judge(*compared(published, none)) == "no result: here: no run was ok"
    assert judge(*compared(none, none)) == "no result: no run was ok"


def test_a_noise_floor_that_hides_everything_reproduces_nothing(
    description: Description, make_record: MakeRecord
) -> None:
    published = measured(description, make_record, ONE)
    here = measured(description, make_record, {**ONE, "again": 2.38, "row_by_row_asyncio": 1.2 * 0.606})
    assert judge(*compared(published, here)) == "no result: the noise floor of 138.0% hides even a change by half"


def test_the_page_has_both_ratios_the_bare_rows_and_ends_with_the_sum(
    description: Description, make_record: MakeRecord
) -> None:
    published = measured(description, make_record, {**ONE, "again": 1.05})
    here = measured(description, make_record, {**ONE, "row_by_row_asyncio": 1.5}, drift=0.5, campaign="here")
    page = write_reproduction(published, here, [], compare_campaigns(published, here))
    assert page.startswith(
        "# 2026-11-22T1430-local reproduced\n\n"
        "- published: `2026-11-22T1430-local`, begun 2026-11-22T14:30:02Z, 5 blocks\n"
        "- here: `here`, begun 2026-11-22T14:30:02Z, 5 blocks\n"
    )
    shown = ("| psycopg2", "| aiopg")
    rows = [[part.strip() for part in line.split(" | ")] for line in page.splitlines() if line.startswith(shown)]
    assert rows[2][1:4] == ["1.20 (1.18 to 1.22)", "1.50 (1.47 to 1.53)", "1.250 (1.222 to 1.279)"]
    assert [row[-1].removesuffix(" |").strip() for row in rows] == [
        "baseline",
        "the baseline again",
        "not reproduced",
        "no result: cannot run: no wheel of aiopg \\| none at all",
    ]
    # exp of the median pace, 0.1, and half of it.
    assert rows[0][4:6] == ["11,052", "5,526"]
    assert page.endswith(
        f"(5.0% published, 2.0% here). Not reproduced is a finding, no failure.\n- {EXPECTED}\n"
        "- 0 of 2 cells reproduced, 1 not reproduced (of 1 the interval of *here to published* leaves out 1), 1 "
        "without a result.\n"
    )


def test_the_baseline_alone_has_nothing_that_could_come_out_again(
    description: Description, make_record: MakeRecord
) -> None:
    alone = measured(description, make_record, ONE, cells=description.cells[:2])
    assert sum_up(compare_campaigns(alone, alone)) == [
        "There is nothing but the baseline: it has no ratio that could come out again."
    ]


def test_what_is_not_reproduced_and_may_be_chance_is_counted_apart(
    description: Description, make_record: MakeRecord
) -> None:
    noisy = {"row_by_row_asyncio": (-0.2, 0.2, -0.1, 0.1, 0.0)}
    published = measured(description, make_record, ONE, wobbles=noisy)
    here = measured(description, make_record, {**ONE, "row_by_row_asyncio": 1.3}, wobbles=noisy)
    assert sum_up(compare_campaigns(published, here))[-1] == (
        "0 of 2 cells reproduced, 1 not reproduced (of 0 the interval of *here to published* leaves out 1), 1 "
        "without a result."
    )


def test_where_nothing_has_changed_as_many_cells_are_not_reproduced_as_the_page_says() -> None:
    """By the statistics of a campaign: the cell's ratio in two of them, and the larger of both noise floors."""
    rng = np.random.default_rng(2014)
    found = {noise: np.mean([_is_missed(rng, noise) for _ in range(1_000)]) for noise in (1, 2)}
    # 200,000 pairs: 7.2% and 23.8%; the standard errors here are 0.8% and 1.4%.
    assert found[1] == pytest.approx(0.07, abs=0.025)
    assert found[2] == pytest.approx(0.24, abs=0.04)


def _is_missed(rng: np.random.Generator, noise: float) -> bool:
    """Whether a cell with so many times the noise of its baseline is not reproduced by an equal campaign."""
    floors, logs = [], []
    for _ in range(2):
        baseline, again, cell = (rng.normal(0, 0.02 * times, 10) for times in (1, 1, noise))
        ratio = estimate_mean_ratio((cell - baseline).tolist())
        floor = noise_floor(estimate_mean_ratio((again - baseline).tolist()))
        assert ratio is not None
        assert floor is not None
        floors.append(math.log(floor))
        logs.append(math.log(ratio.value))
    return abs(logs[1] - logs[0]) > max(floors)

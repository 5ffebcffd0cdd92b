"""Pooled ratios: published worked examples, known campaigns, and simulated ones for the coverage of the interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtr, stdtrit

from experiments.analysis.pooling import PooledCell, distinct_cells, pairs_between, pool_campaigns, pool_ratios
from experiments.analysis.stats import Estimate, LogRatio
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.records.record import Record
from tests.experiments.made_campaigns import measured

MakeRecord = Callable[..., Record]

# 13 trials of the BCG vaccine: cases and others, vaccinated and not (Colditz et al. 1994, JAMA 271, 698-702).
BCG = (
    (4, 119, 11, 128),
    (6, 300, 29, 274),
    (3, 228, 11, 209),
    (62, 13536, 248, 12619),
    (33, 5036, 47, 5761),
    (180, 1361, 372, 1079),
    (8, 2537, 10, 619),
    (505, 87886, 499, 87892),
    (29, 7470, 45, 7232),
    (17, 1699, 65, 1600),
    (186, 50448, 141, 27197),
    (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
)


def risk_ratio(ill: int, well: int, ill_without: int, well_without: int) -> LogRatio:
    variance = 1 / ill - 1 / (ill + well) + 1 / ill_without - 1 / (ill_without + well_without)
    return LogRatio(math.log(ill / (ill + well) * (ill_without + well_without) / ill_without), math.sqrt(variance), 1e9)


def logs(estimate: Estimate) -> tuple[float, float, float]:
    assert estimate.interval is not None
    low, high = estimate.interval
    return math.log(estimate.value), math.log(low), math.log(high)


def test_the_textbook_example_has_its_published_values() -> None:
    found = pool_ratios([risk_ratio(*trial) for trial in BCG])
    # Those of rma(method="DL") and rma(method="FE") of R's metafor (Viechtbauer 2010, Journal of Statistical Software
    # 36, 3): tau^2 0.3088, I^2 92.12%, mean -0.7141; the fixed effect is -0.4303 (-0.5097 to -0.3509).
    assert found.tau**2 == pytest.approx(0.3088, abs=0.00005)
    assert found.i_squared == pytest.approx(0.9212, abs=0.00005)
    assert math.log(found.ratio.value) == pytest.approx(-0.7141, abs=0.00005)
    assert logs(found.common) == pytest.approx((-0.4303, -0.5097, -0.3509), abs=0.00005)


def test_the_interval_of_hartung_and_knapp_is_that_of_a_weighted_regression() -> None:
    measures = [risk_ratio(*trial) for trial in BCG]
    found = pool_ratios(measures)
    weights = np.array([1 / (one.error**2 + found.tau**2) for one in measures])
    means = np.array([one.mean for one in measures])
    center = np.average(means, weights=weights)
    factor = np.sum(weights * (means - center) ** 2) / 12
    assert factor > 1
    reach = stdtrit(12, 0.975) * math.sqrt(factor / np.sum(weights))
    assert logs(found.ratio) == pytest.approx((center, center - reach, center + reach))
    t = center / math.sqrt(factor / np.sum(weights))
    assert found.ratio.p_value == pytest.approx(2 * stdtr(12, -abs(t)))


def test_two_campaigns_that_agree_keep_the_interval_of_their_blocks_with_one_degree_of_freedom() -> None:
    found = pool_ratios([LogRatio(-0.2, 0.03, 5), LogRatio(-0.2, 0.04, 5)])
    # 1 / (1 / 0.0009 + 1 / 0.0016) = 0.000576 = 0.024 squared, and Student's 97.5% quantile for 1 is 12.7062.
    assert (found.tau, found.i_squared) == (0, 0)
    assert logs(found.ratio) == pytest.approx((-0.2, -0.2 - 12.7062 * 0.024, -0.2 + 12.7062 * 0.024), abs=1e-5)
    assert found.ratio.p_value == pytest.approx(2 / math.pi * math.atan(0.024 / 0.2))


def test_two_campaigns_that_differ_share_what_their_blocks_do_not_explain() -> None:
    found = pool_ratios([LogRatio(0.0, 0.1, 5), LogRatio(0.6, 0.1, 5)])
    # Q = 18 with 1 degree of freedom; tau^2 = (18 - 1) / 100; both weigh the same: q = 1.
    assert found.i_squared == pytest.approx(17 / 18)
    assert found.tau**2 == pytest.approx(0.17)
    assert logs(found.ratio)[0] == pytest.approx(0.3)
    assert logs(found.ratio)[2] == pytest.approx(0.3 + 12.7062 * 0.3, abs=1e-4)


def test_a_common_effect_has_meiers_standard_error_and_degrees_of_freedom() -> None:
    found = pool_ratios([LogRatio(0.1, 0.03, 5), LogRatio(0.2, 0.04, 9)])
    share = 0.0016 / 0.0025
    error = math.sqrt(0.000576 * (1 + 4 * share * (1 - share) * (1 / 5 + 1 / 9)))
    freedom = 1 / (share**2 / 5 + (1 - share) ** 2 / 9)
    center = 0.1 * share + 0.2 * (1 - share)
    reach = stdtrit(freedom, 0.975) * error
    assert logs(found.common) == pytest.approx((center, center - reach, center + reach))


def test_ratios_without_spread_are_certain_where_they_agree() -> None:
    found = pool_ratios([LogRatio(0.0, 0.0, 4), LogRatio(0.0, 0.0, 4)])
    assert found.ratio == found.common == Estimate(1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("between", [0, 1, 3])
@pytest.mark.parametrize(("campaigns", "blocks"), [(2, 5), (3, 5), (5, 5), (10, 5), (3, 10), (10, 10)])
def test_the_interval_covers_the_true_ratio_whatever_the_campaigns_do(
    campaigns: int, blocks: int, between: int
) -> None:
    """``between`` is tau in standard errors of a campaign's ratio."""
    rng = np.random.default_rng(20)
    runs = rng.normal(0, 0.05, (2000, campaigns, blocks))
    runs += rng.normal(0, 0.05 * between / math.sqrt(blocks), (2000, campaigns, 1))
    errors = runs.std(axis=2, ddof=1) / math.sqrt(blocks)
    covered = common = 0
    for means, uncertain in zip(runs.mean(axis=2), errors, strict=True):
        sides = [LogRatio(float(mean), float(error), blocks - 1) for mean, error in zip(means, uncertain, strict=True)]
        found = pool_ratios(sides)
        covered += logs(found.ratio)[1] <= 0 <= logs(found.ratio)[2]
        common += logs(found.common)[1] <= 0 <= logs(found.common)[2]
    assert covered / 2000 >= (0.99 if campaigns == 2 else 0.93)
    # Blocks alone say too much where campaigns differ.
    least, most = {0: (0.85, 1.0), 1: (0.72, 0.86), 3: (0.0, 0.55)}[between]
    assert least <= common / 2000 <= most


@pytest.fixture
def campaigns(description: Description, make_record: MakeRecord) -> list[Campaign]:
    """Three whose aiopg has the ratios 1.2, 1.25 and 1.3."""
    one = {"row_by_row_threaded": 1.0, "again": 1.01}
    ratios = {"a": 1.2, "b": 1.25, "c": 1.3}
    return [
        measured(description, make_record, {**one, "row_by_row_asyncio": ratio}, campaign=name)
        for name, ratio in ratios.items()
    ]


def cell_of(campaigns: list[Campaign], key: str, arm: str = "a", ignored: tuple[str, ...] = ()) -> PooledCell:
    (experiment,) = pool_campaigns(campaigns, ignored)
    (cell,) = (cell for cell in experiment.cells if (cell.shown.cell_key, cell.shown.arm) == (f"sha256:{key}", arm))
    return cell


def test_a_cell_is_pooled_from_the_blocks_of_each_campaign(campaigns: list[Campaign]) -> None:
    cell = cell_of(campaigns, "row_by_row_asyncio")
    # Each has the variance 0.00025 and 5 blocks.
    expected = pool_ratios([LogRatio(math.log(ratio), math.sqrt(0.00005), 4) for ratio in (1.2, 1.25, 1.3)])
    assert cell.k == 3
    assert cell.pooled is not None
    assert logs(cell.pooled.ratio) == pytest.approx(logs(expected.ratio))
    assert [side and side.ratio and round(side.ratio.value, 6) for side in cell.sides] == [1.2, 1.25, 1.3]
    # Of one cell, as the baseline's second arm is not counted.
    assert cell.adjusted_p == cell.pooled.ratio.p_value == pytest.approx(expected.ratio.p_value)
    assert cell.differs
    again = cell_of(campaigns, "row_by_row_threaded", "b")
    assert again.pooled is not None
    assert (again.adjusted_p, len(distinct_cells(pool_campaigns(campaigns)))) == (None, 1)
    baseline = cell_of(campaigns, "row_by_row_threaded")
    assert (baseline.baseline, baseline.pooled, baseline.k) == (True, None, 0)


def test_a_campaign_with_few_blocks_or_disturbed_runs_does_not_enter_and_says_why(campaigns: list[Campaign]) -> None:
    few = replace(campaigns[0], records=[record for record in campaigns[0].records if record.block < 5])
    cell = cell_of([few, *campaigns[1:]], "row_by_row_asyncio")
    assert cell.k == 2
    assert [side and side.obstacle for side in cell.sides] == ["fewer than 5 blocks", None, None]
    lost = replace(campaigns[1], records=[one for one in campaigns[1].records if "asyncio" not in one.cell_key])
    cell = cell_of([few, lost, campaigns[2]], "row_by_row_asyncio")
    assert (cell.k, cell.pooled, cell.adjusted_p) == (1, None, None)
    assert [side and side.obstacle for side in cell.sides] == ["fewer than 5 blocks", "no run was ok", None]


def test_a_disturbed_row_does_not_enter(campaigns: list[Campaign], monkeypatch: pytest.MonkeyPatch) -> None:
    def find(record: Record, *_: object) -> list[str]:
        return ["steal"] if (record.campaign, record.cell_key) == ("b", "sha256:row_by_row_asyncio") else []

    monkeypatch.setattr("experiments.analysis.summary.find_disturbances", find)
    monkeypatch.setattr("experiments.analysis.summary.sum_up_disturbances", lambda *_: "steal")
    cell = cell_of(campaigns, "row_by_row_asyncio")
    assert cell.k == 2
    assert [side and side.obstacle for side in cell.sides] == [None, "disturbed", None]


def test_cells_that_two_of_the_campaigns_planned_are_there_and_holm_counts_each_once(
    campaigns: list[Campaign], description: Description, make_record: MakeRecord
) -> None:
    more = ShownCell("sha256:more", "a", ("loaders",), replace(description.cells[2].cell, poolsize=5))
    ratios = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2, "more": 1.2}
    wider = [
        measured(description, make_record, ratios, cells=(*description.cells, more), campaign=name) for name in "de"
    ]
    cell = cell_of([campaigns[0], *wider], "more")
    assert [side is not None for side in cell.sides] == [False, True, True]
    assert cell.pooled is not None
    assert cell.pooled.ratio.p_value is not None
    assert cell.adjusted_p == pytest.approx(cell.pooled.ratio.p_value)
    other = cell_of([campaigns[0], *wider], "row_by_row_asyncio")
    assert other.pooled is not None
    assert other.pooled.ratio.p_value is not None
    assert other.adjusted_p == pytest.approx(2 * other.pooled.ratio.p_value)
    pairs = pairs_between(pool_campaigns([campaigns[0], *wider]))
    assert {places: len(found) for places, found in pairs.items()} == {(0, 1): 3, (0, 2): 3, (1, 2): 1}
    alone = cell_of([wider[0], *campaigns[:1]], "row_by_row_asyncio")
    assert alone.k == 2
    assert pairs_between(pool_campaigns([wider[0], campaigns[0]])).keys() == {(0, 1)}

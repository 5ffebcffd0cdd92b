"""Settings of a campaign, from the records of a small one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from experiments.analysis.stats import Estimate, mark_noise
from experiments.analysis.summary import summarize_campaign
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownExperiment
from experiments.report.answer.facts import (
    ASYNCIO,
    OF_2014,
    THREADS,
    TWINS,
    UVLOOP,
    Setting,
    find_facts,
    find_question,
)

Asked = Callable[[Mapping[tuple[str, Cell], float]], Campaign]


def facts_of(campaign: Campaign) -> list[Setting]:
    return find_facts(summarize_campaign(campaign))


def test_a_setting_has_the_loaders_of_one_driver_that_ran_in_it(campaign: Campaign) -> None:
    found = [(one.experiment, one.driver, [*one.cells], one.differs) for one in facts_of(campaign)]
    assert found == [
        ("io_or_cpu", OF_2014, [THREADS, ASYNCIO, UVLOOP], ()),
        ("io_or_cpu", OF_2014, [THREADS, UVLOOP], ("postgres",)),
        ("io_or_cpu", OF_2014, [THREADS], ("poolsize",)),
        ("io_or_cpu", OF_2014, [THREADS], ("poolsize", "postgres")),
        ("drivers", TWINS, [THREADS, ASYNCIO, UVLOOP], ()),
        ("neighbours", OF_2014, [THREADS, ASYNCIO], ("resources",)),
    ]


def test_ratios_are_to_threads_of_the_same_setting(campaign: Campaign) -> None:
    main = facts_of(campaign)[0]
    assert {name: (round(one.value.value, 2), one.noise) for name, one in main.ratios.items()} == {
        ASYNCIO: (0.8, False),
        UVLOOP: (1.0, True),
    }
    assert (main.main, main.pool, main.durable, main.setup.neighbours) == (True, 20, True, ())


def test_a_busy_neighbour_and_a_commit_that_waits_for_nothing_are_known(campaign: Campaign) -> None:
    facts = facts_of(campaign)
    assert facts[-1].setup.neighbours == ("client",)
    assert [one.durable for one in facts if one.axes["postgres"] == "async_commit"] == [False, False]


def test_the_same_driver_with_another_protocol_is_another_setting(asked: Asked, threaded: Cell) -> None:
    twin = replace(threaded, loader="row_by_row_psycopg_threaded", protocol="prepared", implementation="binary")
    simple = replace(twin, protocol="simple")
    rates = {("protocols", cell): 9_000.0 for cell in (threaded, twin, simple)}
    facts = facts_of(asked(rates))
    assert [(one.driver, one.axes["protocol"], one.main) for one in facts] == [
        (OF_2014, "simple", True),
        (TWINS, "prepared", True),
        (TWINS, "simple", True),
    ]


def test_ratios_of_one_family_are_corrected_together() -> None:
    """A p value of 0.03 passes by itself, and does not pass among three: 3 x 0.03 = 0.09."""
    wide = Estimate(1.2, 1.1, 1.3, p_value=0.03)
    assert mark_noise({"a": wide}, 1.0)["a"].noise is False
    assert mark_noise({"a": wide, "b": wide, "c": wide}, 1.0)["a"].noise is True
    assert mark_noise({"a": wide}, 1.25)["a"].noise is True
    assert mark_noise({"a": wide}, None)["a"].noise is None


def test_without_a_baseline_no_setting_is_the_main_one(campaign: Campaign) -> None:
    alone = tuple(shown for shown in campaign.description.cells if shown.arm == "a")
    facts = facts_of(replace(campaign, description=replace(campaign.description, cells=alone)))
    assert facts
    assert not any(one.main for one in facts)


def test_a_loader_without_a_good_run_is_left_out(campaign: Campaign) -> None:
    records = [record for record in campaign.records if record.cell.loop != "asyncio"]
    assert [*facts_of(replace(campaign, records=records))[0].cells] == [THREADS, UVLOOP]


@pytest.mark.parametrize(
    ("names", "chosen"), [(("loaders", "io_or_cpu"), "io_or_cpu"), (("loaders",), "loaders"), ((), None)]
)
def test_the_whole_question_goes_before_its_part(
    description: Description, names: tuple[str, ...], chosen: str | None
) -> None:
    found = find_question(replace(description, experiments=tuple(ShownExperiment(name, "?") for name in names)))
    assert (found and found.name) == chosen

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.queueing.model import model_cells
from experiments.analysis.summary import ExperimentSummary
from experiments.formatting import NOTHING
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.facts import MachineFacts
from experiments.records.record import Record
from experiments.report.tables import csv_table, markdown_table, terminal_table
from tests.experiments.made_summaries import summed

Made = tuple[ExperimentSummary, Campaign]
SECTION = "**Machines**"


@pytest.fixture
def on_machines(description: Description, make_record: Callable[..., Record]) -> Callable[[str], Made]:
    """Makes the summary of a campaign with a block for each letter, on the machine of that name; none for a dash."""

    def make(machines: str) -> Made:
        facts = {name: MachineFacts(cpu="A Processor" if name < "c" else "Another") for name in {*machines} - {"-"}}
        described = replace(description, cells=description.cells[:3], machines=facts)
        records = [
            make_record(
                shown.cell,
                arm=shown.arm,
                cell_key=shown.cell_key,
                block=block,
                rows_per_s=1000.0 + 10 * block * (shown.arm == "b") + 100 * bool(shown.cell.loop),
                machine=None if machine == "-" else machine,
            )
            for block, machine in enumerate(machines, start=1)
            for shown in described.cells
        ]
        return summed(described, records, described.experiments[0])

    return make


def test_tables_say_how_many_machines_there_were_and_what_they_are(on_machines: Callable[[str], Made]) -> None:
    line = "Measured on 3 machines (2 x A Processor, 1 x Another); blocks of each: a 2, b 2, c 2. "
    line += "Ratios are within a block."
    assert f"\n- {line}\n" in markdown_table(*on_machines("aabbcc"))
    assert f"\n- {line}\n" in terminal_table(*on_machines("aabbcc"))


def test_from_three_machines_on_there_are_intervals_for_machines_like_these(
    on_machines: Callable[[str], Made],
) -> None:
    section = markdown_table(*on_machines("aabbcc")).partition(SECTION)[2]
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    assert rows[0] == ["loader", "ICC", "ratio on machines like these (95% interval)"]
    assert rows[2][2] == "1"
    assert rows[3][1:] == ["0.88", "1.03 (0.99 to 1.09)"]
    of_two = markdown_table(*on_machines("aaabbb")).partition(SECTION)[2].splitlines()
    assert [line.split("|")[3].strip() for line in of_two if line.startswith("|")][2:] == ["1", NOTHING, NOTHING]


def test_the_csv_of_a_cluster_has_columns_of_its_own(on_machines: Callable[[str], Made]) -> None:
    def rows(machines: str) -> list[dict[str, str]]:
        summary, campaign = on_machines(machines)
        return list(csv.DictReader(io.StringIO(csv_table(summary, model_cells(campaign)))))

    again = rows("aabbcc")[1]
    named = {name: value for name, value in again.items() if name.startswith("machines")}
    assert named.keys() == {"machines", "machines_icc", *(f"machines_ratio{end}" for end in ("", "_low", "_high"))}
    assert named["machines"] == "3"
    assert list(again)[-1] == "note"
    assert not any(name.startswith("machines") for name in rows("------")[0])


def test_a_campaign_on_one_machine_says_nothing_of_machines(on_machines: Callable[[str], Made]) -> None:
    page = markdown_table(*on_machines("------"))
    assert SECTION not in page
    assert "Measured on" not in page

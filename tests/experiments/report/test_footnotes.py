from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.summary import summarize
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Host, Record
from experiments.report.footnotes import foot_lines
from tests.experiments.made_observed import observed


def foot(description: Description, records: list[Record]) -> list[str]:
    return foot_lines(summarize(Campaign(description, records), description.experiments[0]))


def test_every_planned_run_is_counted_with_what_became_of_it(
    description: Description,
    uvloop_cell: Cell,
    make_record: Callable[..., Record],
    make_failure: Callable[..., Record],
) -> None:
    records = [make_record(block=block) for block in (1, 2)]
    records += [make_record(block=block, arm="b", resumed=block > 1) for block in (1, 2, 3)]
    records.append(make_failure(block=3, status="timeout", reason="run: no end within 120 s"))
    records += [
        make_failure(uvloop_cell, block=block, status="wrong_work", reason=f"rows: {block} of 22200")
        for block in (1, 2, 3)
    ]
    records.append(make_failure(uvloop_cell, block=4, status="failed", reason="run: lost"))
    records.append(make_failure(uvloop_cell, block=5, status="failed", reason="ended", interrupted=True))
    assert foot(description, records)[:-1] == [
        "Run status: 18 planned, 10 run (2 resumed): 5 ok, 3 wrong_work, 1 failed, 1 timed out. Unsupported cells: 1. "
        "Interrupted attempts: 1.",
        "3 runs wrong_work, such as: rows: 1 of 22200.",
        "1 run failed: run: lost.",
        "1 run timed out: run: no end within 120 s.",
        "1 cell cannot run: no wheel of aiopg | none at all.",
        "Not run: 8 runs of 3 rows, whose notes name the blocks. The campaign has not ended.",
        "1 run excluded from ratios, not from medians: the campaign was interrupted between them and their baseline.",
    ]


def test_cells_that_cannot_run_for_like_reasons_are_counted_together(description: Description) -> None:
    cannot = description.cells[3]
    more = [replace(cannot, cell_key=f"sha256:{number}", unsupported=f"no Python 3.{number}") for number in (7, 8)]
    described = replace(description, cells=(cannot, *more))
    assert foot(described, [])[1:3] == [
        "2 cells cannot run, such as: no Python 3.7.",
        "1 cell cannot run: no wheel of aiopg | none at all.",
    ]


@pytest.mark.parametrize(
    ("host", "line"),
    [
        (Host(0.4, 1.0, 0.0, 2.0), "Disturbed runs: 1 of 1 (more than 2% of the CPU time stolen; "),
        (Host(0.0, 1.0, None, 2.0), "Disturbed runs: 0 of 1 (more than 2% of the CPU time stolen; "),
        (Host(), "Disturbed runs: not known, as nothing observed the machine."),
        (None, "Disturbed runs: not known, as nothing observed the machine."),
    ],
)
def test_disturbed_runs_are_counted_where_the_machine_was_observed(
    host: Host | None, line: str, description: Description, make_record: Callable[..., Record]
) -> None:
    assert foot(description, [make_record(host=host)])[-1].startswith(line)


def test_runs_whose_connections_were_perhaps_looked_at_too_late_are_counted_as_far_as_they_say_so(
    description: Description, make_record: Callable[..., Record]
) -> None:
    def scheduled(block: int, scheduling: str | None) -> Record:
        record = observed(make_record(block=block))
        assert record.connections is not None
        return replace(record, connections=replace(record.connections, scheduling=scheduling))

    older, prompt, late = scheduled(1, ""), scheduled(2, "slice"), scheduled(3, None)
    assert [line for line in foot(description, [older, prompt]) if "sampler" in line] == []
    assert [line for line in foot(description, [older, prompt, late]) if "sampler" in line] == [
        "In 1 of 3 runs the sampler had no short time slice, and may have waited for a core of the server. More "
        "connections may have been active, and fewer waiting, than these samples show."
    ]

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from experiments.analysis.summary import summarize_campaign
from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.publishing.pull_request import write_pull_request
from tests.experiments.made_campaigns import measured


def test_the_text_has_what_a_reviewer_asks_for_first_and_nothing_that_is_alive(
    description: Description, make_record: Callable[..., Record]
) -> None:
    ratios = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}
    machine = replace(description.environment, cpu="A <script> Processor")
    whole = summarize_campaign(measured(replace(description, environment=machine), make_record, ratios))
    assert write_pull_request(whole) == (
        "Results: A &lt;script> Processor, 3 cores, local, Python 3.13.0\n\n"
        "- Campaign: `2026-11-22T1430-local`\n"
        "- Machine: A &lt;script> Processor, 3 cores, local\n"
        "- Python: 3.13.0\n"
        "- Noise floor: 2.0%\n"
        "- Disturbed runs: 0.0% (0 of 15 runs); at most 5% may be\n"
        "- Headline: The pair of 2014 (psycopg2 on threads, aiopg): uvloop reaches 1.20x the throughput of threads "
        "(95% CI 1.18 to 1.22).\n\n"
        "`nox -s publish` found a record of every planned run, and no home folder, address, host or user name.\n\n"
        "- [ ] I publish these records under CC BY 4.0, as `results/LICENSE` says.\n"
    )

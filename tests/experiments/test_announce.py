from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from experiments.announce import describe_outcome
from experiments.description import Description
from experiments.records import Record
from experiments.store import create


def test_the_outcome_has_tables_the_timed_share_and_where_results_are(
    tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    folder = create(tmp_path, description)
    folder.append(make_record(rows_per_s=11_100.0, wall_s=2.5))
    text = describe_outcome(folder)
    assert text.startswith("\nloaders: Is asyncio faster than threads?\nNoise floor: not known")
    assert "\n\nloader  " in text
    assert text.endswith(
        "81% of the wall time was spent in timed phases\n"
        f"results: {tmp_path}/README.md, records: {folder.path}/runs.jsonl"
    )
    assert "warning" not in text


def test_what_went_wrong_is_a_warning(
    tmp_path: Path, description: Description, make_failure: Callable[..., Record]
) -> None:
    folder = create(tmp_path, description)
    folder.append(make_failure(status="failed", reason="run: error: lost"))
    folder.append(make_failure(block=2, status="failed", reason="interrupted", interrupted=True))
    text = describe_outcome(folder)
    assert "warning: 1 run not ok; the tables name the reasons\n" in text
    assert "warning: nothing was measured; the tables name the reasons\n" in text

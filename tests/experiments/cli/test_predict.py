from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.records.campaign import LOCAL, PUBLISHED
from experiments.records.description import Description
from experiments.records.folder import create
from tests.experiments.made_models import MakeRecord, made_campaign


@pytest.fixture
def results(tmp_path: Path, description: Description, make_record: MakeRecord) -> Path:
    """A campaign of both loaders, and a newer one with threads alone, and one with nothing to fit on."""
    for name, loaders, pools in (
        ("2026-01", ("row_by_row_threaded", "row_by_row_asyncio"), (1, 5, 20, 50)),
        ("2026-02", ("row_by_row_threaded",), (1, 20)),
        ("2026-03", ("row_by_row_threaded",), (20,)),
    ):
        described, records = made_campaign(description, make_record, loaders=loaders, pools=pools)
        folder = create(tmp_path, replace(described, campaign=name, created_at=name))
        for record in records:
            folder.append(record)
    return tmp_path


def predict(results: Path, *arguments: str) -> int:
    return main(["predict", "--results", str(results), *arguments])


def test_the_newest_campaign_that_has_the_loader_answers(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(results, "--loader", "row_by_row_threaded", "--poolsize", "10") == 0
    assert capsys.readouterr().out.startswith("from campaign 2026-02\n\npool size 10, ")
    assert predict(results, "--loader", "row_by_row_asyncio", "--poolsize", "10", "--rtt", "0.5ms") == 0
    out = capsys.readouterr().out
    assert out.startswith("from campaign 2026-01\n\npool size 10, ")
    assert "outside of what was measured: a longer round trip (1.01 of them per row)" in out


def test_an_older_campaign_answers_if_it_alone_has_what_is_asked_for(
    results: Path, description: Description, make_record: MakeRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    first = description.cells[0]
    lookup = replace(description, cells=(replace(first, cell=replace(first.cell, workload="lookup")),))
    described, records = made_campaign(lookup, make_record, loaders=("row_by_row_threaded",))
    folder = create(results, replace(described, campaign="2025-12", created_at="2025-12"))
    for record in records:
        folder.append(record)
    asked = ("--loader", "row_by_row_threaded", "--poolsize", "10")
    assert predict(results, *asked, "--workload", "lookup") == 0
    assert capsys.readouterr().out.startswith("from campaign 2025-12\n")
    # None has that: the newest with the loader says what there is.
    assert predict(results, *asked, "--workload", "fetch") == 2
    assert "--workload: the model has no workload 'fetch' (known: ingest)" in capsys.readouterr().err


def test_published_campaigns_answer_after_local_ones(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(results)
    for folder, name in ((PUBLISHED, "2026-01"), (LOCAL, "2026-02")):
        folder.mkdir(parents=True)
        (results / name).rename(folder / name)
    for loader, name in (("row_by_row_threaded", "2026-02"), ("row_by_row_asyncio", "2026-01")):
        assert main(["predict", "--loader", loader, "--poolsize", "10"]) == 0
        assert capsys.readouterr().out.startswith(f"from campaign {name}\n")


def test_a_campaign_can_be_named(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = ("--campaign", "2026-01", "--client-cores", "0.25", "--server-cores", "16")
    assert predict(results, "--loader", "row_by_row_threaded", "--poolsize", "50", *named) == 0
    out = capsys.readouterr().out
    assert out.startswith("from campaign 2026-01\n")
    assert "the client: 15,839 rows/s (0.25 cores / 15.8 µs per row)" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--loader", "row_by_row_asynci"),
            "(did you mean row_by_row_asyncio? known: row_by_row_thr",
        ),
        (
            ("--loader", "row_by_row_asyncio", "--loop", "uvlop"),
            "--loop: the model has no loop 'uvlop' (did you mean",
        ),
        (
            ("--loader", "row_by_row_asyncio", "--postgres", "memory"),
            "the model has no PostgreSQL 'memory' (kn",
        ),
        (
            ("--loader", "row_by_row_threaded", "--campaign", "2026-03"),
            "2026-03: no loader has cells with a pool size of 1",
        ),
        (("--loader", "row_by_row_threaded", "--campaign", "2026-04"), "'2026-04' is neither a campaign of"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    results: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert predict(results, "--poolsize", "10", *arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--poolsize", value) for value in ("0", "-1", "ten", "10001", "1000000")),
        *(("--rtt", value) for value in ("0.5", "-1ms", "1 ms", "fast")),
        *(("--server-cores", value) for value in ("0", "nan", "inf", "-1", "many", "257")),
    ],
)
def test_numbers_that_mean_nothing_are_refused(
    results: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    usual = {"--loader": "row_by_row_threaded", "--poolsize": "10", option: value}
    with pytest.raises(SystemExit) as stopped:
        predict(results, *(f"{name}={text}" for name, text in usual.items()))
    assert stopped.value.code == 2
    assert f"{option}: found '{value}', expected" in capsys.readouterr().err

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.cli.schema import SCHEMA, render_schema


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / SCHEMA.name
    monkeypatch.setattr("experiments.cli.schema.SCHEMA", path)
    return path


def test_the_schema_in_the_repository_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--check"]) == 0
    assert capsys.readouterr().out == "matrix.schema.json is current\n"


@pytest.mark.parametrize("old", [None, "{}"])
def test_a_schema_that_is_missing_or_old_fails_the_check_and_is_left_as_it_is(
    old: str | None, schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if old is not None:
        schema.write_text(old)
    assert main(["schema", "--check"]) == 1
    assert capsys.readouterr().err == "error: matrix.schema.json is out of date; run: nox -s schema\n"
    assert (schema.read_text() if schema.exists() else None) == old


def test_the_command_says_that_it_wrote_the_schema_and_then_that_it_is_current(
    schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema.write_text("{}")
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == "wrote matrix.schema.json\n"
    assert schema.read_text() == render_schema()
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == "matrix.schema.json is current\n"

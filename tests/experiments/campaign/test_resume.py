from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.campaign.resume import find_unfinished, fingerprint, is_finished
from experiments.matrix.spec import Matrix, load_matrix
from experiments.records.description import Description
from experiments.records.folder import create
from experiments.records.record import Record
from tests.project import ROOT

MATRIX = ROOT / "matrix.yaml"


@pytest.fixture
def matrix() -> Matrix:
    return load_matrix(MATRIX)


def test_the_fingerprint_changes_with_the_matrix_and_with_any_cell(matrix: Matrix, description: Description) -> None:
    cells = description.cells
    first = fingerprint(matrix, cells)
    assert first == fingerprint(load_matrix(MATRIX), list(cells))
    assert first != fingerprint(replace(matrix, timeout_s=1.0), cells)
    assert first != fingerprint(matrix, cells[:-1])
    assert first != fingerprint(matrix, (replace(cells[0], cell_key="sha256:other source"), *cells[1:]))
    # Nothing else tells a reproduction from the campaign that it repeats with the same cells.
    assert first != fingerprint(matrix, cells, "2026-11-22T1430-local")


def test_the_precision_is_part_of_what_was_asked_for(matrix: Matrix, description: Description) -> None:
    prints = {fingerprint(matrix, description.cells, precision=precision) for precision in (None, 0.05, 0.01)}
    assert len(prints) == 3
    assert fingerprint(matrix, description.cells) in prints


def test_a_campaign_until_something_is_finished_only_when_no_block_is_to_follow(
    tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    until = {"precision": 0.05, "budget_s": 60.0}
    one = replace(description, repeats=1, cells=description.cells[:1], until=until)
    folder = create(tmp_path, one)
    folder.append(make_record())
    assert not is_finished(folder, one)
    assert is_finished(folder, replace(one, until={**until, "ended": "budget"}))
    assert not is_finished(folder, replace(one, until={**until, "ended": "budget"}, repeats=2))


def test_an_unfinished_campaign_with_this_fingerprint_is_found(tmp_path: Path, description: Description) -> None:
    folder = create(tmp_path, description)
    found = find_unfinished(tmp_path, description.fingerprint)
    assert found is not None
    assert found.path == folder.path
    assert find_unfinished(tmp_path, "sha256:other") is None


def test_the_newest_of_several_is_found_and_others_in_between_do_not_matter(
    tmp_path: Path, description: Description
) -> None:
    create(tmp_path, replace(description, campaign="1", created_at="2026-11-22T01:00:00Z"))
    create(tmp_path, replace(description, campaign="2", created_at="2026-11-22T02:00:00Z"))
    create(tmp_path, replace(description, campaign="3", created_at="2026-11-22T03:00:00Z", fingerprint="sha256:other"))
    found = find_unfinished(tmp_path, description.fingerprint)
    assert found is not None
    assert found.path.name == "2"


def test_a_finished_campaign_is_not_continued_nor_one_before_it(
    tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    create(tmp_path, replace(description, campaign="1", created_at="2026-11-22T01:00:00Z"))
    one = replace(description, campaign="2", created_at="2026-11-22T02:00:00Z", repeats=1, cells=description.cells[:1])
    create(tmp_path, one).append(make_record())
    assert find_unfinished(tmp_path, description.fingerprint) is None


def test_a_campaign_whose_tables_were_not_written_is_continued(
    tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    folder = create(tmp_path, replace(description, repeats=1, cells=description.cells[:1]))
    folder.append(make_record())
    folder.set_reported(False)
    assert find_unfinished(tmp_path, description.fingerprint) is not None
    folder.set_reported(True)
    assert find_unfinished(tmp_path, description.fingerprint) is None

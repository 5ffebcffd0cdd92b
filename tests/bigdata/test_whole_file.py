from __future__ import annotations

from pathlib import Path

import pytest

from bigdata.errors import BadInput
from bigdata.whole_file import whole_file


def test_the_file_appears_under_its_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "name"
    with whole_file(path) as unfinished:
        unfinished.write_text("text")
        assert not path.exists()
    assert path.read_text() == "text"
    assert list(path.parent.iterdir()) == [path]


def test_nothing_is_left_after_an_exception(tmp_path: Path) -> None:
    def write_half() -> None:
        with whole_file(tmp_path / "name") as unfinished:
            unfinished.write_text("half")
            raise KeyboardInterrupt

    (tmp_path / "name").write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("name", "before")]


def test_what_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(BadInput, match=r"name: cannot be written: "), whole_file(tmp_path / "file" / "name"):
        pass

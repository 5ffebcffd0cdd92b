"""Where reports go."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from bigdata.errors import BadInput
from bigdata.reporting.report_file import check_target, write_report


def test_a_report_to_standard_output_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_report({"schema": 1}, "-")
    assert capsys.readouterr().out == '{"schema": 1}\n'


def test_a_report_file_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("old")
    write_report({"rows": 1}, str(tmp_path / "report"))
    assert json.loads((tmp_path / "report").read_text()) == {"rows": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write_report, args=({"rows": 1}, str(pipe)), daemon=True)
    writer.start()
    assert pipe.read_text() == '{"rows": 1}\n'
    assert pipe.is_fifo()


@pytest.mark.parametrize("target", [None, "-", "report.json", "/dev/null"])
def test_a_target_that_can_be_written_is_accepted(target: str | None) -> None:
    check_target(target)


def test_a_report_that_cannot_be_written_after_all_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        write_report({}, str(tmp_path / "file" / "report.json"))

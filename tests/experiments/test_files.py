from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from experiments.errors import Failure
from experiments.files import append_line, describe_os_error, named_errors, write_whole


@pytest.mark.parametrize("write", [append_line, write_whole])
@pytest.mark.parametrize("stop", [partial(OSError, errno.ENOSPC, "No space left on device"), KeyboardInterrupt])
def test_a_write_that_is_broken_off_leaves_the_file_as_it_was_and_nothing_beside_it(
    write: Callable[[Path, str], None],
    stop: Callable[[], BaseException],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "file"
    file.write_text("before\n")

    def full(descriptor: int) -> None:
        raise stop()

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises((OSError, KeyboardInterrupt)) as raised:
        write(file, "after")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "before\n")]
    assert getattr(raised.value, "filename", str(file)) == str(file)


def test_a_full_disk_is_told_with_the_file_and_what_is_free(tmp_path: Path) -> None:
    file = tmp_path / "none" / "file"
    told = describe_os_error(OSError(errno.ENOSPC, "No space left on device", str(file)))
    free = rf"{tmp_path} has [\d,.]+ MB and [\d,]+ inodes free"
    assert re.fullmatch(rf"{file}: No space left on device; {free}; make room, then rerun the same command", told)


def test_a_program_that_found_the_disk_full_is_told_with_what_is_free(tmp_path: Path) -> None:
    told = rf"^pip: \[Errno 28\] No space left on device; {tmp_path} has "
    with pytest.raises(Failure, match=told), named_errors(tmp_path / "venv"):
        raise Failure("pip: [Errno 28] No space left on device")
    with pytest.raises(Failure, match=r"^pip: no network$"), named_errors(tmp_path):
        raise Failure("pip: no network")


def test_a_folder_that_cannot_be_written_to_is_told_with_the_options_that_name_another() -> None:
    told = describe_os_error(OSError(errno.EROFS, "Read-only file system", "/x/file"))
    assert told.startswith("/x/file: Read-only file system; expected a folder that can be written to; name another (")


@pytest.mark.parametrize("error", [OSError("timed out"), OSError(errno.EPIPE, "Broken pipe")])
def test_an_error_of_no_file_is_told_as_it_is(error: OSError) -> None:
    assert describe_os_error(error) == str(error)

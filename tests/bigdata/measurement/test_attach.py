"""Waiting for a loader in the process namespace, which here is that of the tests: it is made to look like one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bigdata.measurement import attach

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc of Linux")


@linux
def test_a_process_that_is_no_loader_is_not_taken_for_one() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as other:
        try:
            assert not attach._is_loader(Path("/proc", str(other.pid)))
            assert attach.is_there(other.pid)
        finally:
            other.kill()
    assert not attach.is_there(other.pid)


@linux
def test_the_instrument_gets_the_process_and_a_file_and_what_it_writes_is_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(attach, "is_there", lambda pid: False)
    monkeypatch.setattr(attach, "find_loader", lambda within_s: 17)
    write = "import sys; open(sys.argv[2], 'w').write('saw ' + sys.argv[1])"
    assert attach.main(["--", sys.executable, "-c", write, "{pid}", "{output}"]) == 0
    assert capfd.readouterr().out == "saw 17\n"


def test_a_loader_that_never_begins_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(attach, "_WAIT_S", 0.0)
    assert attach.main(["true"]) == 2
    assert "no loader started" in capsys.readouterr().err

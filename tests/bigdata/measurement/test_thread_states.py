"""What the kernel says of threads, of programs of which it is known what their threads do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bigdata.measurement.thread_states import main

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc of Linux")

SPIN = """
import threading, time
end = time.monotonic() + 1.0
def spin():
    while time.monotonic() < end:
        sum(range(2000))
threads = [threading.Thread(target=spin) for _ in range(4)]
[one.start() for one in threads]
[one.join() for one in threads]
"""
WAIT = """
import socket, threading, time
def wait():
    a, b = socket.socketpair()
    a.settimeout(0.7)
    try:
        a.recv(1)
    except TimeoutError:
        pass
threads = [threading.Thread(target=wait) for _ in range(3)]
[one.start() for one in threads]
[one.join() for one in threads]
"""


def look(tmp_path: Path, program: str) -> Any:
    output = tmp_path / "seen.json"
    assert main(["--output", str(output), "--", sys.executable, "-c", program]) == 0
    return json.loads(output.read_text())


def threads_of(seen: Any, role: str) -> list[dict[str, float]]:
    return [roles[role] for _, roles in seen["samples"] if role in roles]


@linux
def test_threads_that_compute_take_turns_at_the_lock_with_a_time_limit(tmp_path: Path) -> None:
    seen = look(tmp_path, SPIN)
    assert seen["refused"] is None
    threads = threads_of(seen, "thread")
    # The address of the lock's condition variable, at which the others sleep.
    waiting = sum(n for one in threads for state, n in one.items() if state.endswith(":timed"))
    all_of_them = sum(n for one in threads for state, n in one.items() if state not in ("run_s", "ready_s"))
    assert len(threads) > 3
    assert 0.2 < waiting / all_of_them < 0.99
    # One at a time, whatever cores there are; how long they wait for one is the machine's.
    assert 0.01 < threads[-1]["run_s"] < 2.0


@linux
def test_threads_that_wait_for_a_connection_are_in_a_call_that_does(tmp_path: Path) -> None:
    threads = threads_of(look(tmp_path, WAIT), "thread")
    asleep = {state for one in threads for state in one} - {"run_s", "ready_s", "running"}
    assert asleep & {"poll", "ppoll"}
    assert threads[-1]["run_s"] < 0.3


@linux
def test_the_threads_of_children_have_roles_of_their_own(tmp_path: Path) -> None:
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WAIT!r}])"
    seen = look(tmp_path, program)
    assert {role: max(map(count, threads_of(seen, role))) for role in ("main", "child", "helper")} == {
        "main": 1,
        "child": 1,
        "helper": 3,
    }


def count(states: dict[str, float]) -> int:
    return int(sum(number for state, number in states.items() if state not in ("run_s", "ready_s")))


@linux
def test_the_exit_code_is_the_program_s(tmp_path: Path) -> None:
    assert main(["--output", str(tmp_path / "seen"), "--", sys.executable, "-c", "raise SystemExit(3)"]) == 3


def test_a_command_or_a_process_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--output", "-"])
    assert end.value.code == 2
    assert "expected either --pid or a command" in capsys.readouterr().err

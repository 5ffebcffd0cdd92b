"""Run-queue wait of real threads, by the kernel's account."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bigdata.measurement.run_queue import growth, read_own_wait, read_waits

pytestmark = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel keeps no account")

SPIN = "import time; end = time.monotonic() + 1.0\nwhile time.monotonic() < end: pass"


def test_two_processes_on_one_core_wait_for_half_of_the_time_each() -> None:
    cpu = min(os.sched_getaffinity(0))
    spinners = [
        subprocess.Popen([sys.executable, "-S", "-c", f"import os; os.sched_setaffinity(0, {{{cpu}}}); {SPIN}"])
        for _ in range(2)
    ]
    time.sleep(0.8)
    waits = [growth({}, read_waits(spinner.pid)) for spinner in spinners]
    for spinner in spinners:
        spinner.wait()
    assert all(wait is not None and wait > 0.1 for wait in waits), waits


def test_a_thread_reads_its_own_wait_which_is_one_of_those_of_its_process() -> None:
    seen: list[tuple[set[int], set[int]]] = []
    thread = threading.Thread(target=lambda: seen.append(({*read_own_wait()}, {*read_waits()})))
    thread.start()
    thread.join()
    ((own, every),) = seen
    assert own == {thread.native_id}
    assert every >= {*own, threading.get_native_id()}


def test_a_process_that_is_gone_has_no_waits() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    assert read_waits(process.pid) == {}
    assert growth({}, {}) is None

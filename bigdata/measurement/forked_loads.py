"""Loads of several sizes, each in a process forked from one that has loaded before.

For counts below an emulator: the start of the program and the translation of its code are then had once for all.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from functools import partial
from typing import Any, Callable, Sequence

from bigdata.errors import BadInput, LoadFailed

Load = Callable[[int, int], "dict[str, Any]"]


def run_forked(load: Load, sizes: Sequence[int], poolsize: int) -> dict[str, Any]:
    """Load one record here, then each size in a fork; return their reports, and the process ids of the forks.

    ``load`` gets the number of records and of connections. The first fork does nothing: what ends after it belongs to
    the first of the loads. Raises LoadFailed with the reason of a load that failed.
    """
    load(1, 1)
    # What is buffered would be written by each of them.
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    forked = [_fork(dict), *(_fork(partial(load, size, poolsize)) for size in sizes)]
    return {"forked": [pid for pid, _ in forked], "loads": [json.loads(report) for _, report in forked[1:]]}


def _fork(work: Callable[[], dict[str, Any]]) -> tuple[int, str]:
    """Do the work in a fork; return its process id and its report, once it has ended."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _report(work, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        report = pipe.read()
    os.waitpid(pid, 0)
    if not report.startswith("{"):
        raise LoadFailed(report or "a load in a forked process ended without a report")
    return pid, report


def _report(work: Callable[[], dict[str, Any]], writing: int) -> None:
    """Write the report of the work, or its error, and exit: the stack above belongs to the parent."""
    try:
        try:
            text = json.dumps(work())
        except (BadInput, LoadFailed) as error:
            text = str(error)
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            pipe.write(text)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)

"""Report of an open loop: response and service times, the queue at the end, and how well the schedule was kept."""

from __future__ import annotations

import base64
import zlib
from array import array
from operator import sub
from typing import Any, Iterable, Sequence

from bigdata.measurement.tally import Taken

ON_TIME_NS = 200_000

# Of the operations; what noise makes of a load of 95% is less, and what is more grows with the run.
MOST_QUEUED = 0.02


def arrivals_report(rate: float, taken: Sequence[Taken]) -> dict[str, Any]:
    """Return what the report has of the operations: ``rate`` is that of the schedule, per second.

    ``response_ns`` count from an operation's instant, ``service_ns`` from its start. ``queue`` are those that had come
    by the last instant and had not begun. Of those that came while their worker was free, ``awaited`` is the number,
    ``on_time`` how many began within 0.2 ms, and ``start_delays_ns`` how late each began.
    """
    every = [instants for worker in taken for instants in worker.instants]
    last_ns = max((due_ns for due_ns, _, _ in every), default=0)
    queue = sum(due_ns < last_ns < began_ns for due_ns, began_ns, _ in every)
    delays_ns = [
        began_ns - due_ns
        for worker in taken
        for (_, _, free_ns), (due_ns, began_ns, _) in zip([(0, 0, 0), *worker.instants], worker.instants)
        if due_ns > free_ns
    ]
    return {
        "rate_per_s": rate,
        "queue": queue,
        "saturated": queue > MOST_QUEUED * len(every),
        "awaited": len(delays_ns),
        "on_time": sum(delay_ns <= ON_TIME_NS for delay_ns in delays_ns),
        "start_delays_ns": pack(delays_ns),
        "response_ns": pack(ended_ns - due_ns for due_ns, _, ended_ns in every),
        "service_ns": pack(ended_ns - began_ns for _, began_ns, ended_ns in every),
    }


def pack(times_ns: Iterable[int]) -> str:
    """Return the times as text: sorted, each less the one before, as numbers of 8 bytes, by zlib and base64."""
    ordered = sorted(times_ns)
    return base64.b64encode(zlib.compress(array("q", map(sub, ordered, [0, *ordered])).tobytes())).decode()

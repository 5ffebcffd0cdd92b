"""Report of a loader process, or the reason why there is none."""

import json
import signal
from collections.abc import Mapping
from typing import Any

from experiments.engines.protocol import Finished
from experiments.records.record import Status

# What a driver dies of that does not fit its interpreter.
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)

# What ceilings are.
_PROGRAMS = ("pgbench", "psql")


class RunFailed(Exception):
    """The failure of one step of a run, with the record's ``status`` and the ``reason``."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status: Status = status
        self.reason = reason


def read_report(step: str, finished: Finished, timeout_s: float) -> Mapping[str, Any]:
    """Return the report of a finished loader process. Raises RunFailed if there is none."""
    if finished.cause is not None:
        raise RunFailed("failed", f"{step}: {finished.cause}")
    if finished.timed_out:
        raise RunFailed("timeout", f"{step}: no end within {timeout_s:g} s")
    if finished.returncode < 0:
        raise RunFailed("failed", f"{step}: ended by {_signal_name(-finished.returncode)}")
    if finished.returncode > 0:
        raise RunFailed("failed", f"{step}: {_own_words(finished.stderr) or f'exit code {finished.returncode}'}")
    try:
        report = json.loads(last_line(finished.stdout))
    except ValueError:
        report = None
    if not isinstance(report, dict):
        raise RunFailed("failed", f"{step}: reported {last_line(finished.stdout)[:80]!r}, not a line of JSON")
    return report


def read_trial(finished: Finished, timeout_s: float) -> str | None:
    """Return why a combination of loader, loop, protocol and interpreter cannot run; None if it can.

    Only a crash is such a reason, and what the loader says itself. An ordinary error (no answer from the server, a
    fault of the loader, a process that was killed or did not end) is none: its runs will fail, and say so.
    """
    if -finished.returncode in _CRASHES and not has_been_ended(finished):
        return f"ended by {_signal_name(-finished.returncode)} when it was tried"
    try:
        report = read_report("check", finished, timeout_s)
    except RunFailed:
        return None
    if report.get("supported", True):
        return None
    return " ".join(str(report.get("reason")).split())


def has_been_ended(finished: Finished) -> bool:
    """Return whether a limit of time or memory has ended it."""
    return finished.timed_out or finished.cause is not None


def driver_facts(finished: Finished) -> Mapping[str, Any]:
    """Return the versions of the driver's libpq and of a ceiling's program that its trial reported.

    A lock does not decide it: psycopg in Python takes the system's, and what is built from source was built with it.
    """
    try:
        client = json.loads(last_line(finished.stdout))["client"]
        libpq = {name: client[name] for name in ("libpq", "libpq_bundled")}
        return {**libpq, **{name: said for name, said in client.get("packages", {}).items() if name in _PROGRAMS}}
    except (ValueError, TypeError, KeyError):
        return {}


def reported_cpu_s(finished: Finished) -> float | None:
    """Return the CPU seconds that the loader reports of its process; None if it does not."""
    try:
        return float(json.loads(last_line(finished.stdout))["client"]["cpu_s"])
    except (ValueError, TypeError, KeyError):
        return None


def _own_words(stderr: str) -> str:
    """Return the loader's final error (libpq's messages have several lines), or its last line."""
    _, prefix, message = f"\n{stderr}".rpartition("\nerror: ")
    return " ".join(message.split()) if prefix else last_line(stderr)


def last_line(text: str) -> str:
    """Return the last line with something on it, or nothing."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"

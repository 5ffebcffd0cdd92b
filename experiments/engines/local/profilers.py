"""Profilers as parents of a local loader, so that the kernel allows them without root."""

import functools
import os
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.server import LocalServer
from experiments.engines.profilers import (
    FIXED_ADDRESSES,
    OUTPUT,
    STRACE,
    VALGRIND,
    Instrument,
    Observed,
    find_py_spy,
)
from experiments.engines.protocol import Launch, Server
from experiments.errors import Failure, Unsupported

# What these do not name is in the total. Linux has the last two on x86-64 only.
_ON_X86 = ("poll", "epoll_wait") if platform.machine() == "x86_64" else ()
_NAMED = ("sendto", "recvfrom", "ppoll", "epoll_pwait", "epoll_ctl", "futex", "read", "write", *_ON_X86)
_EVENTS = ("raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{name}" for name in _NAMED))
_PERF = ("perf", "stat", "--field-separator", ",", "--output", OUTPUT, "--event")
_CALLS = Instrument("perf", (*_PERF, ",".join(_EVENTS)))
_INSTRUCTIONS = Instrument("perf", (*_PERF, "instructions:u"))
# Debian's and Ubuntu's packages.
_PACKAGES = {"perf": "linux-perf", "valgrind": "valgrind", "strace": "strace"}
_TRIAL_S = 20.0
# On few cores the server would keep an instrument from looking just when there is most to see.
_AHEAD = ("nice", "-n", "-5")
_BACK = ("nice", "-n", "5")


class LocalInstruments:
    """The profilers for one interpreter of this machine."""

    def __init__(self, host: LocalLoaderHost) -> None:
        self._host = host

    def counter(self) -> Instrument:
        """Return perf if the kernel allows it, else strace. Raises Unsupported if neither works."""
        return _choose(_CALLS, STRACE)

    def instruction_counter(self) -> Instrument:
        """Return perf if the processor's counter is there, else valgrind. Raises Unsupported if neither works."""
        chosen = _choose(_INSTRUCTIONS, VALGRIND)
        fixed = replace(chosen, command=(*FIXED_ADDRESSES, *chosen.command))
        return fixed if _find_obstacle(fixed) is None else chosen

    def observe(self, instrument: Instrument | None, launch: Launch) -> Observed:
        """Run the loader with the instrument, or with none. Both have ended when this returns."""
        if instrument is None:
            return Observed(self._host.run(launch), None)
        with tempfile.TemporaryDirectory(prefix="bigdata-explain-") as folder:
            output = Path(folder) / "seen"
            finished = self._host.run_under(_wrapped(instrument, output), launch, emulated=instrument.emulates)
            # py-spy says where it has written, on the same standard output as the loader its report.
            lines = [line for line in finished.stdout.splitlines() if not line.startswith("py-spy> ")]
            finished = replace(finished, stdout="\n".join(lines))
            return Observed(finished, _read(output))

    def ask(self, server: Server, statement: str) -> str:
        """Run an SQL statement in the maintenance database. Raises Failure."""
        if not isinstance(server, LocalServer):
            raise Failure("the local engine only asks its own servers")
        return server.execute(statement)


def _wrapped(instrument: Instrument, output: Path) -> list[str]:
    """Return the prefix of the loader's command line."""
    program, *rest = instrument.command
    found = {"py-spy": lambda: str(find_py_spy()), "python": lambda: sys.executable}
    words = [found.get(program, lambda: program)(), *rest]
    words = [word.replace(OUTPUT, str(output)) for word in words]
    if os.geteuid() != 0 or instrument.emulates:
        return [*words, "--"]
    return [*_AHEAD, *words, "--", *_BACK]


def _read(output: Path) -> str | None:
    """Return what an instrument wrote, of all processes where each has a file of its own; None if nothing."""
    texts = [file.read_text(errors="replace") for file in sorted(output.parent.glob(f"{output.name}*"))]
    return "".join(texts) or None


def _choose(*instruments: Instrument) -> Instrument:
    """Return the first that works here. Raises Unsupported with the reason of each."""
    reasons = []
    for instrument in instruments:
        reason = _find_obstacle(instrument)
        if reason is None:
            return replace(instrument, version=_find_version(instrument.command[0], os.environ.get("PATH")))
        reasons.append(f"{instrument.name}: {reason}")
    raise Unsupported("; ".join(reasons))


def _find_obstacle(instrument: Instrument) -> str | None:
    """Return why it cannot be used; None if it works."""
    return _try(instrument, os.environ.get("PATH"))


@functools.cache
def _find_version(program: str, path: str | None) -> str | None:
    """Ask it once for each search path of programs; None if it does not say."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=_TRIAL_S, check=False)
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    return found and found[0]


@functools.cache
def _try(instrument: Instrument, path: str | None) -> str | None:
    """Try it once for each search path of programs."""
    with tempfile.TemporaryDirectory(prefix="bigdata-explain-") as folder:
        output = Path(folder) / "seen"
        command = [*(word.replace(OUTPUT, str(output)) for word in instrument.command), "--", "true"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TRIAL_S, check=False)
        except FileNotFoundError:
            return f"is not installed (Debian, Ubuntu: sudo apt install {_PACKAGES[instrument.name]})"
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode == 0 and "<not" not in (_read(output) or "<not"):
            return None
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return lines[0].strip() if lines else "counts nothing here"

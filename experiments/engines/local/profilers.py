"""Profilers as parents of a local loader, so that the kernel allows them without root."""

import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.server import LocalServer
from experiments.engines.profilers import OUTPUT, Instrument, Observed, find_py_spy
from experiments.engines.protocol import Launch, Server
from experiments.errors import Failure, Unsupported

# What these do not name is in the total. Linux has the last two on x86-64 only.
_ON_X86 = ("poll", "epoll_wait") if platform.machine() == "x86_64" else ()
_NAMED = ("sendto", "recvfrom", "ppoll", "epoll_pwait", "epoll_ctl", "futex", "read", "write", *_ON_X86)
_EVENTS = ("raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{name}" for name in _NAMED))
_PERF = Instrument("perf", ("perf", "stat", "--field-separator", ",", "--event", ",".join(_EVENTS), "--output", OUTPUT))
_STRACE = Instrument("strace", ("strace", "-c", "-f", "-q", "-o", OUTPUT))
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
        reasons = []
        for instrument in (_PERF, _STRACE):
            reason = _try(instrument)
            if reason is None:
                return instrument
            reasons.append(f"{instrument.name}: {reason}")
        raise Unsupported("; ".join(reasons))

    def observe(self, instrument: Instrument | None, launch: Launch) -> Observed:
        """Run the loader with the instrument, or with none. Both have ended when this returns."""
        if instrument is None:
            return Observed(self._host.run(launch), None)
        with tempfile.TemporaryDirectory(prefix="bigdata-explain-") as folder:
            output = Path(folder) / "seen"
            finished = self._host.run_under(_wrapped(instrument, output), launch)
            # py-spy says where it has written, on the same standard output as the loader its report.
            lines = [line for line in finished.stdout.splitlines() if not line.startswith("py-spy> ")]
            finished = replace(finished, stdout="\n".join(lines))
            return Observed(finished, output.read_text() if output.is_file() else None)

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
    if os.geteuid() != 0:
        return [*words, "--"]
    return [*_AHEAD, *words, "--", *_BACK]


def _try(instrument: Instrument) -> str | None:
    """Return why it cannot be used; None if it works."""
    with tempfile.TemporaryDirectory(prefix="bigdata-explain-") as folder:
        output = Path(folder) / "seen"
        command = [*(word.replace(OUTPUT, str(output)) for word in instrument.command), "--", "true"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TRIAL_S, check=False)
        except FileNotFoundError:
            return "is not installed"
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode == 0 and output.is_file() and "<not" not in output.read_text():
            return None
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return lines[0].strip() if lines else "counts nothing here"

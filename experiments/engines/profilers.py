"""Profilers of a running loader, for explanations only."""

import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from experiments.engines.protocol import Finished, Launch, Server
from experiments.errors import Unsupported

OUTPUT = "{output}"
"""Stands for the file that an instrument writes, in its command line."""

RATE_PER_S = 250
"""How often py-spy is to look; how often it comes to do so depends on the cores that the server leaves."""


@dataclass(frozen=True)
class Instrument:
    """A profiler's command line, with ``OUTPUT`` in it; the observed program follows.

    ``emulates``: it runs the program itself, on the loader's cores. Others run beside the loader, on the server's.
    ``version``: the program's, None if it is not known.
    """

    name: str
    command: tuple[str, ...]
    emulates: bool = False
    version: str | None = None


PY_SPY = Instrument(
    "py-spy",
    ("py-spy", "record", "--format", "speedscope", "--rate", str(RATE_PER_S), "--subprocesses", "--output", OUTPUT),
)
PY_SPY_GIL = Instrument("py-spy --gil", (*PY_SPY.command, "--gil"))
VALGRIND = Instrument(
    "valgrind",
    # Without the simulated caches the fastest tool that counts; plainer translation saves a sixth of the start.
    (
        *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
        *("--vex-iropt-level=1", "--vgdb=no", f"--log-file={OUTPUT}"),
    ),
    emulates=True,
)
STRACE = Instrument("strace", ("strace", "-c", "-f", "-q", "-o", OUTPUT))
FIXED_ADDRESSES = ("setarch", "--addr-no-randomize")
"""In front of a command line: addresses are those of each other run. Containers may forbid it."""

THREAD_STATES = Instrument("thread states", ("python", "-m", "bigdata.measurement.thread_states", "--output", OUTPUT))


@dataclass(frozen=True)
class Observed:
    """A run with an instrument: ``seen`` is what that wrote, None where it wrote nothing."""

    finished: Finished
    seen: str | None


class Instruments(Protocol):
    """The profilers that an engine offers for a loader."""

    def counter(self) -> Instrument:
        """Return the counter of system calls. Raises Unsupported with the reason if there is none."""

    def instruction_counter(self) -> Instrument:
        """Return the counter of user-space instructions. Raises Unsupported with the reason if there is none."""

    def observe(self, instrument: Instrument | None, launch: Launch) -> Observed:
        """Run the loader with the instrument, or none, to the end of both. Raises Unsupported if it is not here."""

    def ask(self, server: Server, statement: str) -> str:
        """Run an SQL statement in a database of the server that is not the loader's; rows as psql prints them."""


def find_py_spy() -> Path:
    """Return py-spy of the harness's own environment. Raises Unsupported if it is missing."""
    program = Path(sysconfig.get_path("scripts")) / "py-spy"
    if not program.is_file():
        raise Unsupported("py-spy is not installed here; nox -s explain installs it with the harness's locked packages")
    return program

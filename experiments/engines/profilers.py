"""Programs that look at a loader while it runs, for explanations only, and what an engine has to offer for them."""

from __future__ import annotations

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
    """A program by its command line, with ``OUTPUT`` in it; what it is to look at stands behind that."""

    name: str
    command: tuple[str, ...]


PY_SPY = Instrument(
    "py-spy",
    ("py-spy", "record", "--format", "speedscope", "--rate", str(RATE_PER_S), "--subprocesses", "--output", OUTPUT),
)
PY_SPY_GIL = Instrument("py-spy --gil", (*PY_SPY.command, "--gil"))
THREAD_STATES = Instrument("thread states", ("python", "-m", "bigdata.measurement.thread_states", "--output", OUTPUT))


@dataclass(frozen=True)
class Observed:
    """A run with an instrument: ``seen`` is what that wrote, None where it wrote nothing."""

    finished: Finished
    seen: str | None


class Instruments(Protocol):
    """How an engine lets a loader be looked at."""

    def counter(self) -> Instrument:
        """What counts system calls here. Raises Unsupported with the reason where nothing does."""

    def observe(self, instrument: Instrument | None, launch: Launch) -> Observed:
        """Run the loader with the instrument, or with none. Both have ended when this returns.

        Raises Unsupported where the instrument cannot be had here.
        """

    def ask(self, server: Server, statement: str) -> str:
        """Run an SQL statement in a database of the server that is not the loader's; rows as psql prints them."""


def find_py_spy() -> Path:
    """py-spy of the harness's own environment. Raises Unsupported where it has none."""
    program = Path(sysconfig.get_path("scripts")) / "py-spy"
    if not program.is_file():
        raise Unsupported("py-spy is not installed here; nox -s explain installs it with the harness's locked packages")
    return program

"""A cell: one point of the matrix, all its axes with the values they resolved to, and the key that identifies it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, cast

from bigdata.registry import CHECKOUTS, IMPLEMENTATIONS, INGEST, LOADERS
from experiments.matrix.arrivals import CLOSED
from experiments.matrix.bounds import Pool, Text
from experiments.matrix.packages import LOCKED

AxisValue = str | int | None

ENGINES = ("docker", "local")
"""The engines by name, the preferred one first. ``auto`` is no engine: it is resolved when planning."""

TRANSACTIONS = ("autocommit", "per_record")
INSERTS = ("execute", "executemany")
GILS = ("default", "off")
"""Of a free-threaded build: what its modules make of the lock on all threads (the GIL), or off in any case."""

LOOPBACK = "loopback"
"""The network between loader and server as it is, without any delay."""

SAMPLINGS = ("on", "off")
"""Whether a process beside the loader looks at what the server's connections do. Older records have none: "off"."""


@dataclass(frozen=True)
class Cell:
    """One point of the matrix without values to resolve; None is what does not apply, as ``gil`` to usual builds."""

    engine: Text
    python: Text
    gil: Text | None
    loader: Text
    loop: Text | None
    protocol: Text
    implementation: Text | None
    poolsize: Pool
    postgres: Text
    data: Text
    transaction: Text
    inserts: Text
    resources: Text
    sampling: Text = "on"
    workload: Text = INGEST.name
    packages: Text = LOCKED
    network: Text = LOOPBACK
    arrivals: Text = CLOSED
    checkout: Text = CHECKOUTS[0]

    def axes(self) -> dict[str, AxisValue]:
        """Return every axis with its value, in the order of ``AXES``: the ``cell`` of a record."""
        return {axis: getattr(self, axis) for axis in AXES}

    def value(self, axis: str) -> AxisValue:
        """Return the value of the axis of this name."""
        return cast(AxisValue, getattr(self, axis))

    @property
    def is_open(self) -> bool:
        """Return whether it is an open loop: operations come at a rate, whoever is free."""
        return self.arrivals != CLOSED

    def label(self) -> str:
        """Format one line for people: loader and pool first, without usual values."""
        parts = [self.contestant(), f"pool {self.poolsize}", self.interpreter(), f"PostgreSQL {self.postgres}"]
        parts += [f"data {self.data}", f"cores {self.resources}"]
        parts += [value for value in (self.transaction, self.inserts) if value not in ("autocommit", "execute")]
        parts += [] if self.workload == INGEST.name else [f"workload {self.workload}"]
        parts += [] if self.network == LOOPBACK else [f"network {self.network}"]
        parts += [] if self.arrivals == CLOSED else [f"arrivals {self.arrivals}"]
        parts += ["not sampled"] if self.sampling == "off" else []
        parts += [f"in {self.engine}"] if self.engine != "local" else []
        return ", ".join(parts)

    def contestant(self) -> str:
        """Format the loader with its loop, and other than default protocol, implementation, packages and checkout."""
        loader = LOADERS.get(self.loader)
        parts = [self.loader if self.loop is None else f"{self.loader} on {self.loop}"]
        parts += [] if loader is None or self.protocol == loader.protocols[0] else [self.protocol]
        parts += [] if self.implementation in (None, IMPLEMENTATIONS[0]) else [f"implementation {self.implementation}"]
        parts += [] if self.packages == LOCKED else [f"packages {self.packages}"]
        parts += [] if self.checkout == CHECKOUTS[0] else [f"checkout {self.checkout}"]
        return ", ".join(parts)

    def interpreter(self) -> str:
        """Format the interpreter: 'Python 3.13', or 'Python 3.13t without GIL'."""
        return f"Python {self.python}" + (" without GIL" if self.gil == "off" else "")


AXES: tuple[str, ...] = tuple(axis.name for axis in fields(Cell))


def read_cell(values: Mapping[str, Any]) -> Cell:
    """Return a record's cell, with the values of axes older than it. Raises TypeError for missing or unknown axes."""
    if unknown := [axis for axis in values if axis not in AXES]:
        raise TypeError(f"the axis {unknown[0]} is not known to this version of the program; update this checkout")
    loader = LOADERS.get(str(values.get("loader")))
    protocol = "default" if loader is None else loader.protocols[0]
    older = {"gil": None, "protocol": protocol, "implementation": None, "sampling": "off"}
    older["workload"] = INGEST.name
    return Cell(**{**older, **values})


@dataclass(frozen=True)
class Identity:
    """Everything besides the axes that defines a cell: runs are comparable only where all of it is equal."""

    interpreter_build: str
    lock_hash: str
    """SHA-256 of the locked requirements that were installed, wheels and source folders by their content."""
    driver: Mapping[str, object]
    """The driver's own versions, as its libpq need not come with the locked packages."""
    source_hash: str
    """SHA-256 of the loader's source."""
    server_version: str
    server_build: str | None
    """Without an image: the server's programs, and how its data directory is made."""
    server_settings: Mapping[str, str]
    storage: str
    data_digest: str
    placement: Mapping[str, object]
    """``Placement.facts()``: the cores of either side, and limits below that."""
    timeout_s: float
    images: Mapping[str, str] = field(default_factory=dict)


def cell_key(cell: Cell, identity: Identity) -> str:
    """Name a cell by the SHA-256 of its canonical JSON: 'sha256:...'. The order of mappings does not matter."""
    axes = cell.axes()
    if axes["sampling"] == "off":
        # As keys were when there was no sampler.
        del axes["sampling"]
    if axes["workload"] == INGEST.name:
        # Nor another workload.
        del axes["workload"]
    if axes["packages"] == LOCKED:
        # Nor other packages.
        del axes["packages"]
    if axes["network"] == LOOPBACK:
        # Nor another network.
        del axes["network"]
    if axes["arrivals"] == CLOSED:
        # Nor an open loop.
        del axes["arrivals"]
    if axes["checkout"] == CHECKOUTS[0]:
        # Nor another checkout.
        del axes["checkout"]
    everything = {"cell": axes, "identity": asdict(identity)}
    return "sha256:" + hashlib.sha256(canonical_json(everything).encode()).hexdigest()


def canonical_json(value: object) -> str:
    """Write the same text for equal values: keys sorted, no white space, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)

"""A cell with everything that it needs to run, and the launch of its loader."""

from __future__ import annotations

from dataclasses import dataclass

from bigdata.registry import CHECKOUTS, INGEST, LOADERS, WORKLOADS
from experiments.campaign.datasets import PreparedData
from experiments.engines.protocol import Launch, LoaderHost, Server
from experiments.errors import Failure
from experiments.matrix.cell import Cell
from experiments.matrix.network import Network
from experiments.records.facts import RELAY, Placement, ServerFacts


@dataclass(frozen=True)
class CellParts:
    """What the names in a cell stand for, before any server runs."""

    cell: Cell
    host: LoaderHost
    placement: Placement
    data: PreparedData
    server_facts: ServerFacts


@dataclass(frozen=True)
class PreparedCell:
    """A cell with all it needs; ``directory`` is the data's for the loader. ``here``: on the machine of the harness."""

    cell: Cell
    key: str
    host: LoaderHost
    server: Server
    placement: Placement
    data: PreparedData
    directory: str
    timeout_s: float
    here: bool = True
    network: Network | None = None
    """None for the loopback interface as it is."""
    delayed_by: str = RELAY
    """What delays the packets of another network."""
    rate_per_s: float | None = None
    """Operations per second of an open loop; of a load it is known when its block begins."""

    @property
    def server_facts(self) -> ServerFacts:
        """Identity of the running server."""
        return self.server.facts


def launch_of(prepared: PreparedCell) -> Launch:
    """Return the launch of the cell's loader."""
    return Launch(
        run_arguments(prepared), prepared.server, prepared.placement, prepared.timeout_s, environment_of(prepared.cell)
    )


def run_arguments(prepared: PreparedCell) -> list[str]:
    """Return the loader's command line for the cell."""
    cell = prepared.cell
    arguments = ["run", cell.loader, "--directory", prepared.directory, "--poolsize", str(cell.poolsize)]
    arguments += [*prepared.data.arguments, *choices_of(cell)]
    if cell.workload != INGEST.name:
        arguments += ["--workload", cell.workload]
    elif cell.transaction == "per_record":
        arguments.append("--no-autocommit")
    if cell.is_open:
        if prepared.rate_per_s is None:
            raise Failure(f"arrivals {cell.arrivals}: not known, as the baseline did not run well as a closed loop")
        arguments += ["--arrivals", repr(prepared.rate_per_s)]
    if cell.inserts == "executemany":
        arguments.append("--allow-executemany")
    return [*arguments, "--prepared", "--report", "-"]


def clear_arguments(prepared: PreparedCell, *, fill: bool = False) -> list[str]:
    """Return the command line that prepares the tables for a run: emptied, or filled with what the workload finds.

    ``fill`` them for any workload.

    What no run changes is left where it is.
    """
    cell, data = prepared.cell, prepared.data
    arguments = ["clear", "--poolsize", str(cell.poolsize)]
    if fill or cell.workload != INGEST.name:
        arguments += ["--directory", prepared.directory, *data.arguments]
        arguments += [] if WORKLOADS[cell.workload].changes_data else ["--mark", data.digest]
    return arguments


def choices_of(cell: Cell) -> list[str]:
    """Return the options for loop, protocol, implementation and checkout, as far as the loader has a choice."""
    several = len(LOADERS[cell.loader].protocols) > 1
    chosen = {"--loop": cell.loop, "--protocol": cell.protocol if several else None}
    chosen["--implementation"] = cell.implementation
    chosen["--checkout"] = None if cell.checkout == CHECKOUTS[0] else cell.checkout
    return [word for option, value in chosen.items() if value is not None for word in (option, value)]


def environment_of(cell: Cell) -> dict[str, str]:
    """Return variables for the loader's process, such as that modules must not enable a disabled GIL."""
    return {"PYTHON_GIL": "0"} if cell.gil == "off" else {}

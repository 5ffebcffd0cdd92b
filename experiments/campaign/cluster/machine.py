"""The process on a machine of a cluster that prepares cells and measures blocks, below a Dask worker.

A process of its own, so that the worker's threads are not in the way of what is measured, and that ends in order
whenever the worker ends, however that does: the kernel tells it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import groupby
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from experiments.campaign.feasibility import find_impossible
from experiments.campaign.prepare import harness_cpus
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.progress import PlainLines
from experiments.campaign.start import Order, describe, find_notices, keys_of, make_runner, prepare_cells
from experiments.campaign.stopping_rule import PlannedBlocks
from experiments.engines.protocol import Engine
from experiments.engines.select import open_engine
from experiments.engines.settings import RefusedSettings
from experiments.environment.affinity import allowed_cpus, can_pin, confined
from experiments.environment.hashes import source_hash
from experiments.errors import BadInput, Failure
from experiments.files import describe_os_error
from experiments.records.description import to_json
from experiments.records.folder import CampaignFolder
from experiments.records.record import Record, to_json_line
from experiments.signals import interrupt_on_signals, stop_with_parent

IDLE_S = 120.0
"""After so long without a block it ends: its harness may have been killed."""


class SentFolder(CampaignFolder):
    """A campaign's folder on another machine: records and samples are sent there."""

    def __init__(self, link: Connection) -> None:
        super().__init__(Path("cluster"))
        self._link = link

    def append(self, record: Record) -> None:
        """Send the record of an attempt; of an interrupted one nobody waits for it."""
        if not record.interrupted:
            self._link.send(("record", to_json_line(record)))

    def append_samples_line(self, line: str) -> None:
        """Send what was sampled in a run."""
        self._link.send(("samples", line))

    def begin_attempt(self, if_killed: Record) -> None:
        """Do nothing: a block that is not whole does not count."""


def serve(link: Connection, order: Order, engines: Mapping[str, Engine]) -> None:
    """Prepare the cells of the order, describe them, and measure the blocks that are asked for."""
    if (finding := next(find_impossible(order.plan, order.matrix, engines), None)) is not None:
        raise RefusedSettings(finding.path, finding.text)

    def tell(text: str) -> None:
        link.send(("tell", text))

    for line in find_notices(order, engines):
        tell(line)
    source = source_hash()
    cells = prepare_cells(order, engines, source, tell)
    link.send(("described", to_json(describe(order, engines, cells, keys_of(cells, source), source))))
    blocks = {block: [*runs] for block, runs in groupby(order.plan.runs, key=lambda run: run.block)}
    runner = make_runner(order, SentFolder(link), _Silent(tell), PlannedBlocks(order.plan.repeats))
    with confined(harness_cpus(cells, allowed_cpus()) if can_pin() else None):
        while link.poll(IDLE_S):
            planned = [(run, cells[run.cell]) for run in blocks[link.recv()]]
            runs = [(run, ready) for run, ready in planned if isinstance(ready, PreparedCell)]
            runner.run_block(runs, order.plan, whole=True)
            link.send(("done", ""))


class _Silent(PlainLines):
    """Progress that the harness shows."""

    def __init__(self, tell: Any) -> None:
        super().__init__(lambda line: None)
        self._tell = tell

    def tell(self, text: str) -> None:
        """Send a line that stays."""
        self._tell(text)


def _serve_engines(link: Connection) -> None:
    order, names, source = link.recv()
    with ExitStack() as inside:
        engines = {name: open_engine(name, source=source) for name in names}
        for engine in engines.values():
            inside.enter_context(engine)
        serve(link, order, engines)


def main(descriptor: int, parent: int) -> None:
    """Serve the worker at the other end of the pipe until it, or the wish for blocks, has ended."""
    interrupt_on_signals()
    stop_with_parent(parent)
    with Connection(descriptor) as link:
        try:
            _serve_engines(link)
        except (KeyboardInterrupt, EOFError, BrokenPipeError):
            return
        except BadInput as problem:
            link.send(("refused", str(problem)))
        except OSError as problem:
            link.send(("failed", describe_os_error(problem)))
        except Failure as problem:
            link.send(("failed", str(problem)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

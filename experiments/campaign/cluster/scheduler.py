"""A Dask cluster as the harness sees it: its machines, the blocks that they have, and what they send."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from distributed import Client, Future, KilledWorker

from experiments.campaign.cluster.agreement import Machine, describe_machine
from experiments.campaign.cluster.hand_out import Ended, Report
from experiments.campaign.cluster.plugin import MachinePlugin, describe_on_worker, run_on_worker
from experiments.errors import BadInput, EngineLost, Failure
from experiments.records.reading import known

RESOURCE = "MACHINE"

_CONNECT_S = 10.0
_POLL_S = 1.0
_NO_MACHINE_S = 60.0
# It would tell of a lost connection in its own words, beside those of the harness.
logging.getLogger("distributed.client").setLevel(logging.CRITICAL)

_GONE = "the scheduler of the cluster has gone"

Result = TypeVar("Result")


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Connect to the scheduler at an address. Raises BadInput where none answers."""
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"--cluster: no scheduler answers at {address} ({error}); expected tcp://HOST:PORT or tls://HOST:PORT of a "
            "running dask scheduler, or ssh:FILE"
        ) from error
    try:
        yield client
    finally:
        # Of a scheduler that has gone, nothing can be told any more.
        with suppress(OSError, TimeoutError):
            client.close(_POLL_S)


class Cluster:
    """The machines of a cluster for one campaign; ``name`` is that of its plugin, its events and its tasks."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self._messages: SimpleQueue[Report | Ended] = SimpleQueue()
        self._futures: dict[int, Future[Any]] = {}
        self._known: tuple[float, int] = (-_POLL_S, 0)
        self._seen_s = time.monotonic()

    def addresses(self) -> list[str]:
        """Return the addresses of the workers that are machines."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return sorted(address for address, worker in workers.items() if worker["resources"].get(RESOURCE))

    def machines(self) -> dict[str, Machine]:
        """Return each machine by its address. Raises BadInput if there is none, or if it has another checkout."""
        addresses = self.addresses()
        if not addresses:
            raise BadInput(
                f"--cluster: no worker has the resource {RESOURCE}; start one on each machine: "
                "nox -s worker -- SCHEDULER --host ADDRESS"
            )
        found: Mapping[str, Any] = self._client.run(describe_machine, workers=addresses, on_error="return")
        for address, one in found.items():
            if not isinstance(one, Machine):
                raise BadInput(
                    f"--cluster: the worker {address} has no checkout of this version ({type(one).__name__}: {one}); "
                    "start it in one, with nox -s worker"
                )
        return dict(found)

    @contextmanager
    def holding(self, plugin: MachinePlugin) -> Iterator[None]:
        """Have the plugin on every worker, also on one that comes later; leaving has ended all that it started."""
        self._client.register_plugin(plugin)
        self._client.subscribe_topic(self._name, self._hear)
        try:
            yield
        finally:
            # Without a scheduler each worker ends, and its machine's process with it.
            with suppress(OSError, TimeoutError, RuntimeError):
                self._client.cancel(list(self._futures.values()))
                self._client.unregister_worker_plugin(self._name)

    def describe(self, addresses: list[str], tell: Callable[[str], None]) -> dict[str, str]:
        """Prepare all machines at once; return the description of the campaign by each, by its address."""
        futures = {
            address: self._client.submit(
                describe_on_worker,
                self._name,
                key=f"{self._name}-describe-{address}",
                workers=[address],
                resources={RESOURCE: 1},
            )
            for address in addresses
        }
        while not all(future.done() for future in futures.values()):
            with suppress(Empty):
                self._tell(self._messages.get(timeout=_POLL_S), tell)
            self._check()
        return {address: _result(future) for address, future in futures.items()}

    def count(self) -> int:
        """Return how many machines there are, or were a moment ago."""
        now = time.monotonic()
        if now - self._known[0] >= _POLL_S:
            self._known = (now, self._ask(lambda: len(self.addresses())))
        return self._known[1]

    def begin(self, block: int) -> None:
        """Give the block to a machine that is free; if that is lost, Dask gives it to another."""
        future = self._client.submit(
            run_on_worker, self._name, block, key=f"{self._name}-{block}", resources={RESOURCE: 1}
        )
        self._futures[block] = future
        future.add_done_callback(partial(self._end, block))

    def wait(self) -> Report | Ended:
        """Return what comes next. Raises EngineLost if the scheduler has gone, or for a time every machine."""
        while True:
            try:
                message = self._messages.get(timeout=_POLL_S)
            except Empty:
                self._check()
            else:
                if isinstance(message, Ended):
                    self._futures.pop(message.block, None)
                return message

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        # Dask adds the worker.
        self._messages.put(known(Report, event[1]))

    def _end(self, block: int, future: Future[Any]) -> None:
        try:
            self._messages.put(Ended(block, _result(future)))
        except Exception as problem:
            self._messages.put(Ended(block, problem=problem))

    def _check(self) -> None:
        now = time.monotonic()
        if self.count():
            self._seen_s = now
        elif now - self._seen_s > _NO_MACHINE_S:
            raise EngineLost(f"the cluster has had no machine for {_NO_MACHINE_S:.0f} s")

    def _ask(self, question: Callable[[], Result]) -> Result:
        if self._client.status != "running":
            raise EngineLost(_GONE)
        try:
            return question()
        except (OSError, TimeoutError) as error:
            raise EngineLost(_GONE) from error

    @staticmethod
    def _tell(message: Report | Ended, tell: Callable[[str], None]) -> None:
        if isinstance(message, Report) and message.kind == "tell":
            tell(f"{message.machine}: {message.text}")


def _result(future: Future[Any]) -> Any:
    """Return a task's result. Raises what the machine has told, or EngineLost or Failure for the cluster's part."""
    try:
        if future.cancelled():
            raise EngineLost(_GONE)
        return future.result()
    except (BadInput, Failure):
        raise
    except KilledWorker as error:
        raise Failure("the machines that had a block were lost again and again; what is wrong with them?") from error
    except Exception as error:
        raise Failure(f"the cluster: {type(error).__name__}: {error}") from error

"""Findings about each loader: its variants, differences of its statement log, its traffic."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from bigdata.registry import CHECKOUTS, Loader
from experiments.validation.same_sql.conversation import Conversation, Exchange, Traffic, traffic_of
from experiments.validation.same_sql.statements import INSERT_ELEMENT, TRANSACTIONS, Entry, workload_of


@dataclass(frozen=True)
class Variant:
    """A loader with a loop, a protocol, an implementation and a checkout; None where it has no choice."""

    loader: Loader
    loop: str | None
    protocol: str
    implementation: str | None
    checkout: str = CHECKOUTS[0]

    @property
    def pooled(self) -> bool:
        """Return True if each operation takes a connection from the driver's pool."""
        return self.checkout != CHECKOUTS[0]

    @property
    def name(self) -> str:
        """Name for people: 'row_by_row_asyncpg, uvloop, prepared'."""
        checkout = self.checkout if self.pooled else None
        parts = (self.loader.name, self.loop, self.implementation, self.protocol, checkout)
        return ", ".join(part for part in parts if part)

    @property
    def arguments(self) -> list[str]:
        """Arguments of the command line: the loader's name and its options."""
        chosen = {"--loop": self.loop, "--protocol": self.protocol, "--implementation": self.implementation}
        chosen["--checkout"] = self.checkout if self.pooled else None
        return [self.loader.name, *(word for name, value in chosen.items() if value for word in (name, value))]

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """Its values of the axes transaction and inserts; no pipeline uses the simple protocol, no load a pool."""
        if self.pooled:
            return ()
        loader = self.loader
        many = loader.executemany and not (loader.pipelines and self.protocol == "simple")
        inserts = ("execute", "executemany") if many else ("execute",)
        return tuple((transaction, how) for how in inserts for transaction in TRANSACTIONS)


@dataclass(frozen=True)
class Observation:
    """Traffic of one connection: its start-up, its INSERTs of data elements, and its last messages.

    Of another workload than ``ingest`` its first statements stand in the place of INSERTs.
    """

    requests: tuple[str, ...]
    version: tuple[int, int]
    parameters: Mapping[str, str]
    starting: Exchange
    inserts: Traffic
    farewell: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """Result of one variant: why it cannot run here, or its differences (none: it is correct) and its traffic."""

    variant: Variant
    unsupported: str | None = None
    differences: tuple[str, ...] = ()
    of_driver: tuple[Entry, ...] = ()
    observation: Observation | None = None
    client: Mapping[str, Any] | None = None


def variants(loaders: Iterable[Loader]) -> Iterator[Variant]:
    """Yield every loop, implementation and protocol of each loader, and of its first implementation every checkout."""
    for loader in loaders:
        for loop in loader.loops or (None,):
            for implementation in loader.implementations or (None,):
                checkouts = loader.checkouts if implementation in (None, *loader.implementations[:1]) else CHECKOUTS[:1]
                for protocol, checkout in product(loader.protocols, checkouts):
                    yield Variant(loader.with_checkout(checkout), loop, protocol, implementation, checkout)


def observe(conversation: Conversation, text: str = INSERT_ELEMENT) -> Observation | None:
    """Return the observation of a conversation about this statement; None if the connection was never established."""
    if conversation.starting is None:
        return None
    inserts = [one for one in conversation.exchanges if {workload_of(sent) for sent in one.texts} == {text}]
    start_up = conversation.start_up
    return Observation(
        tuple(start_up.requests),
        start_up.version,
        start_up.parameters,
        conversation.starting,
        traffic_of(inserts),
        tuple(conversation.unanswered),
    )


def differences_of_start_up(parameters: Mapping[str, str]) -> list[str]:
    """Return the settings besides UTF-8 that a client asks for at its start-up, where the server logs no statement."""
    allowed = {"user": None, "database": None, "client_encoding": "UTF8"}
    return [
        f"start-up: the client asks for {name}={value}, which may change what the server does for it"
        for name, value in parameters.items()
        if name not in allowed or allowed[name] not in (None, value.upper().replace("-", "").strip("'"))
    ]


def differences_of_choice(variant: Variant, spoken: str, client: Mapping[str, Any]) -> list[str]:
    """Return where the traffic has another protocol, or the loader another implementation, than was asked for."""
    asked = [("protocol", variant.protocol, spoken)]
    if variant.implementation is not None:
        asked.append(("implementation", variant.implementation, str(client["driver_implementation"])))
    return [f"{what}: {wanted} was asked for, but it is {found}" for what, wanted, found in asked if wanted != found]

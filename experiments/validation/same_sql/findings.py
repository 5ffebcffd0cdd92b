"""What is found of each loader: in which ways it ran, how its ledger compared, what it said on the wire. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bigdata.registry import Loader
from experiments.validation.same_sql.conversation import Conversation, Exchange, Traffic, traffic_of
from experiments.validation.same_sql.statements import INSERT_ELEMENT, TRANSACTIONS, Entry, workload_of


@dataclass(frozen=True)
class Variant:
    """A loader on a loop, with a protocol, in an implementation of its driver; None where it has no choice."""

    loader: Loader
    loop: str | None
    protocol: str
    implementation: str | None

    @property
    def name(self) -> str:
        """For people: 'row_by_row_asyncpg, uvloop, prepared'."""
        return ", ".join(part for part in (self.loader.name, self.loop, self.implementation, self.protocol) if part)

    @property
    def arguments(self) -> list[str]:
        """The loader's name and the options that choose it."""
        chosen = {"--loop": self.loop, "--protocol": self.protocol, "--implementation": self.implementation}
        return [self.loader.name, *(word for name, value in chosen.items() if value for word in (name, value))]

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """How it can commit and insert, in the words of the axes; no pipeline speaks the simple protocol."""
        loader = self.loader
        many = loader.executemany and not (loader.pipelines and self.protocol == "simple")
        inserts = ("execute", "executemany") if many else ("execute",)
        return tuple((transaction, how) for how in inserts for transaction in TRANSACTIONS)


@dataclass(frozen=True)
class Observation:
    """What one connection said on the wire: its start-up, its INSERTs of data elements, and all else."""

    requests: tuple[str, ...]
    version: tuple[int, int]
    parameters: Mapping[str, str]
    starting: Exchange
    inserts: Traffic
    farewell: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One variant: why it cannot run here, or what its ledgers and its wire showed. No difference: all is well."""

    variant: Variant
    unsupported: str | None = None
    differences: tuple[str, ...] = ()
    of_driver: tuple[Entry, ...] = ()
    observation: Observation | None = None
    client: Mapping[str, Any] | None = None


def variants(loaders: Iterable[Loader]) -> Iterator[Variant]:
    """Every loop, implementation and protocol of each loader."""
    for loader in loaders:
        for loop in loader.loops or (None,):
            for implementation in loader.implementations or (None,):
                for protocol in loader.protocols:
                    yield Variant(loader, loop, protocol, implementation)


def observe(conversation: Conversation) -> Observation | None:
    """What is published of it; None where it broke off while it was being made."""
    if conversation.starting is None:
        return None
    inserts = [one for one in conversation.exchanges if {workload_of(text) for text in one.texts} == {INSERT_ELEMENT}]
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
    """What a client asks of its session besides UTF-8: a setting there is in no statement that the server counts."""
    allowed = {"user": None, "database": None, "client_encoding": "UTF8"}
    return [
        f"start-up: the client asks for {name}={value}, which may change what the server does for it"
        for name, value in parameters.items()
        if name not in allowed or allowed[name] not in (None, value.upper().replace("-", "").strip("'"))
    ]


def differences_of_choice(variant: Variant, spoken: str, client: Mapping[str, Any]) -> list[str]:
    """Where the wire shows another protocol, or the loader reports another implementation, than was asked for."""
    asked = [("protocol", variant.protocol, spoken)]
    if variant.implementation is not None:
        asked.append(("implementation", variant.implementation, str(client["driver_implementation"])))
    return [f"{what}: {wanted} was asked for, but it is {found}" for what, wanted, found in asked if wanted != found]

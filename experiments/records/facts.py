"""Facts that the names in a cell stand for: of placement, interpreter, server and data; and of the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import Field

from experiments.matrix.bounds import Amount, Core, Count, Divisor, Flag, Number, Scalar, Text

RELAY, NETEM, HOSTS = "relay", "netem", "hosts"
"""What delays what loader and server send each other: a process of this project, the kernel, or their distance."""

Cores = Annotated[frozenset[Core], Field(min_length=1, max_length=65_536)]


@dataclass(frozen=True)
class Placement:
    """The cores of either side, as the kernel numbers them; a quota is CPU time in cores: 0.25 is a quarter of one."""

    loader_cpus: Cores
    server_cpus: Cores
    loader_quota: Divisor | None = None
    note: Text | None = None
    """Deviations from the request with reasons: for people, no part of the identity."""
    server_quota: Divisor | None = None
    loader_memory_bytes: Count | None = None
    server_memory_bytes: Count | None = None
    loader_neighbours: Count = 0
    """Processes that compute beside the loader on its cores."""
    server_neighbours: Count = 0

    @property
    def limits(self) -> dict[str, float | int]:
        """The limits below cores that there are, named as in matrix.yaml."""
        asked = {
            "loader_cpus": self.loader_quota,
            "server_cpus": self.server_quota,
            "loader_memory": self.loader_memory_bytes,
            "server_memory": self.server_memory_bytes,
        }
        return {name: limit for name, limit in asked.items() if limit is not None}

    @property
    def cpus(self) -> frozenset[int]:
        """The cores of both sides."""
        return self.loader_cpus | self.server_cpus

    def without_loader_limits(self) -> Placement:
        """Return it without limits of the loader's cores and memory, for steps that are not measured."""
        return replace(self, loader_quota=None, loader_memory_bytes=None)

    def numbered_from_0(self) -> Placement:
        """Return it with the cores numbered within it: the same on all machines of a cluster."""
        places = {cpu: place for place, cpu in enumerate(sorted(self.cpus))}
        loader, server = (frozenset(places[cpu] for cpu in cpus) for cpus in (self.loader_cpus, self.server_cpus))
        return replace(self, loader_cpus=loader, server_cpus=server)

    def facts(self) -> dict[str, object]:
        """Return its identity for JSON; newer fields only if set, so that keys of cells stay."""
        later = {
            "server_quota": self.server_quota,
            "loader_memory_bytes": self.loader_memory_bytes,
            "server_memory_bytes": self.server_memory_bytes,
            "loader_neighbours": self.loader_neighbours or None,
            "server_neighbours": self.server_neighbours or None,
        }
        return {
            "loader_cpus": sorted(self.loader_cpus),
            "server_cpus": sorted(self.server_cpus),
            "loader_quota": self.loader_quota,
            **{name: limit for name, limit in later.items() if limit is not None},
        }


@dataclass(frozen=True)
class InterpreterFacts:
    """Identity of the interpreter that loaders run on. ``build`` defines it: executable build string, flags, image."""

    python: Text
    """The axis value: '3.13'."""
    version: Text
    implementation: Text
    optimized_build: Flag | None
    """None where it does not say, as those of Debian."""
    build: Text
    lock_hash: Text
    """SHA-256 of the requirements lock that was installed."""
    left_out: Mapping[Text, Text] = field(default_factory=dict)
    """Drivers that the lock leaves out, with the reason."""
    image: Text | None = None
    """The id of the image, for the records: equal parts built twice have two of them."""
    free_threaded: Flag = False
    packages: Mapping[Text, Text] = field(default_factory=dict)
    """Distributions of a set: version and, of a wheel or source folder, its content."""


@dataclass(frozen=True)
class ServerFacts:
    """Identity of a running PostgreSQL."""

    version: Text
    """Its own version number: '17.11'."""
    settings: Mapping[Text, Text]
    """Every setting that the harness passed, harness-wide ones included."""
    storage: Text
    image: Text | None = None
    """The identity of the image: name and digest, or the packages it was made of."""
    image_id: Text | None = None
    """The id of the image, for the records."""
    build: Text | None = None
    """Without an image: the build of PostgreSQL, and how its data directory was made."""
    host: Mapping[Text, Scalar] | None = None
    """The engine of its host, if loaders are on another one."""

    @property
    def has_autovacuum(self) -> bool:
        """True if it may commit transactions of its own: only if a configuration asks for it."""
        return self.settings.get("autovacuum", "off").lower() not in ("off", "false", "no", "0")


@dataclass(frozen=True)
class DataFacts:
    """Identity of a data set: the digest that every load of it must reproduce, and what there is to load."""

    digest: Text
    geo_records: Count
    data_records: Count
    rows: Count


@dataclass(frozen=True)
class MachineFacts:
    """The harness's machine and checkout; null where the system does not tell, or an older campaign did not record."""

    cpu: Text | None = None
    machine: Text | None = None
    cores: Count | None = None
    cores_allowed: Annotated[Sequence[Core], Field(max_length=65_536)] = ()
    memory_bytes: Count | None = None
    system: Text | None = None
    kernel: Text | None = None
    virtualisation: Text | None = None
    file_system: Text | None = None
    """Of servers on disk."""
    commit: Text | None = None
    uncommitted_changes: Flag | None = None
    harness_python: Text | None = None
    harness_packages: Mapping[Text, Text] = field(default_factory=dict)
    platform: Text | None = None


@dataclass(frozen=True)
class NetworkUse:
    """The network between loader and server, where it is not the loopback interface as it is.

    ``by`` is what delays: 'relay', 'netem', or 'hosts' for the network between two of them. ``rtt_s`` and ``jitter_s``
    are as asked for, ``round_trip_s`` is that of an empty statement, measured before the phases. ``relay_cpu_s`` is the
    relay's CPU time in phase ``data``. Of two hosts ``clock_offset_s`` is the server's clock less the loader's, and
    ``tls`` the version of TLS that the server reports.
    """

    by: Text
    rtt_s: Amount
    jitter_s: Amount
    round_trip_s: Number | None = None
    relay_cpu_s: Amount | None = None
    clock_offset_s: Number | None = None
    tls: Text | None = None

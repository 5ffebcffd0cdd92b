"""Networks between loader and server, and hosts, as sections of matrix.yaml."""

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from experiments.matrix import values


@dataclass(frozen=True, config=values.STRICT)
class Host:
    """A machine with a Docker engine that is loaded from, or into."""

    context: values.Text | None = None
    """The docker context of its engine, or an address such as ssh://user@host; left out: the engine used anyway."""
    address: values.Address | None = None
    """Where the other host reaches it; of a loader's host left out: the address by which it reaches the server's."""


@dataclass(frozen=True, config=values.STRICT)
class Network:
    """How far away the server is, for the loader: what passes is delayed, or the two are on different hosts."""

    rtt: values.Duration = "0ms"
    """The round trip time, half of it in either direction, beside that of the loopback interface: 0.5ms."""
    jitter: values.Duration = "0ms"
    """How much each round trip may be shorter or longer; the order stays."""
    loader: values.HostName | None = None
    """The host of loaders, if the server is on another one. Needs the docker engine."""
    server: values.HostName | None = None
    """The host of PostgreSQL."""

    @model_validator(mode="after")
    def _check(self) -> "Network":
        if self.jitter_s > self.rtt_s:
            raise values.problem(f"has a jitter of {self.jitter}, more than its rtt: write at most {self.rtt}")
        if (self.loader is None) != (self.server is None) or (self.hosts is not None and self.loader == self.server):
            raise values.problem("needs two different hosts, or none: write both loader and server")
        if self.hosts is not None and self.rtt_s:
            raise values.problem("has the round trip time of its hosts: take out rtt")
        return self

    @property
    def hosts(self) -> tuple[str, str] | None:
        """Return the hosts of loader and server; None where both are on one."""
        return None if self.loader is None or self.server is None else (self.loader, self.server)

    @property
    def rtt_s(self) -> float:
        """Return the round trip time in seconds."""
        return values.seconds(self.rtt) or 0.0

    @property
    def jitter_s(self) -> float:
        """Return the jitter in seconds."""
        return values.seconds(self.jitter) or 0.0

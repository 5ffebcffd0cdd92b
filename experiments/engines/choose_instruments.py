"""What a host of loaders offers to look at them; each engine has its own."""

from __future__ import annotations

from experiments.engines.profilers import Instruments
from experiments.engines.protocol import LoaderHost
from experiments.errors import Unsupported


def instruments_of(host: LoaderHost) -> Instruments:
    """The instruments of a host. Raises Unsupported where its engine has none."""
    # Each engine is only loaded where it is used.
    from experiments.engines.local.loader import LocalLoaderHost

    if isinstance(host, LocalLoaderHost):
        from experiments.engines.local.profilers import LocalInstruments

        return LocalInstruments(host)
    from experiments.engines.docker.loader import DockerLoaderHost

    if isinstance(host, DockerLoaderHost):
        from experiments.engines.docker.profilers import DockerInstruments

        return DockerInstruments(host)
    raise Unsupported("this engine has no instruments to explain a cell with")

"""Short-lived containers of a loader's image that find something out."""

from collections.abc import Mapping
from typing import Any

from experiments.engines.docker.limits import LOCKED_UP
from experiments.engines.docker.loader import NETWORK_ADMIN, run_container
from experiments.engines.docker.postgres_container import describe_image
from experiments.engines.docker.resources import CampaignResources
from experiments.engines.protocol import Finished
from experiments.environment.interpreters import PROBE, Interpreter, parse_probe
from experiments.errors import Failure, Unsupported

_PROBE_S = 60.0
_NETEM = ("netem", "--rtt-ms", "1")
# A socket of UDP sends nothing to be connected.
_SOURCE_ADDRESS = """
import socket, sys
with socket.socket(type=socket.SOCK_DGRAM) as probe:
    try:
        probe.connect((sys.argv[1], 9))
    except OSError as error:
        sys.exit(str(error))
    print(probe.getsockname()[0])
"""


def probe_interpreter(resources: CampaignResources, image: str) -> Interpreter:
    """Run the image's interpreter and let it describe itself. Raises Failure where it does not."""
    interpreter = describe_image(resources.client, image)["Config"]["Entrypoint"][0]
    finished = _run(resources, image, entrypoint=[interpreter, "-I", "-c", PROBE])
    found = parse_probe(finished.stdout) if finished.returncode == 0 else None
    if found is None:
        raise Failure(f"docker: the interpreter of the image {image} does not start: {_words(finished)}")
    return found


def probe_source_address(resources: CampaignResources, image: str, target: str) -> str:
    """Return the address by which the engine's host reaches another one. Raises Unsupported if it does not."""
    interpreter = describe_image(resources.client, image)["Config"]["Entrypoint"][0]
    command = [interpreter, "-I", "-c", _SOURCE_ADDRESS, target]
    finished = _run(resources, image, {"network_mode": "host"}, entrypoint=command)
    if finished.returncode != 0:
        raise Unsupported(f"the loader's host does not reach the server's: {_words(finished)}")
    return finished.stdout.strip()


def probe_netem(resources: CampaignResources, image: str) -> str | None:
    """Delay packets in a network namespace of its own; return why that is impossible, None where it works."""
    finished = _run(resources, image, NETWORK_ADMIN, command=_NETEM, user="0:0")
    return None if finished.returncode == 0 else _words(finished)


def _run(resources: CampaignResources, image: str, limits: Mapping[str, Any] | None = None, **program: Any) -> Finished:
    options = {"network_mode": "none", **LOCKED_UP, **(limits or {})}
    host_config = resources.client.api.create_host_config(**options)
    container = resources.container("probe", image, **program, host_config=host_config)
    try:
        return run_container(resources.client, container, _PROBE_S)
    finally:
        resources.remove_container(container)


def _words(finished: Finished) -> str:
    return " ".join(finished.stderr.split()).removeprefix("error: ") or f"exit code {finished.returncode}"

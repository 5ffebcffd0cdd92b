"""The interpreter of a loader's image, as it describes itself."""

from __future__ import annotations

from experiments.engines.docker.limits import LOCKED_UP
from experiments.engines.docker.loader import run_container
from experiments.engines.docker.postgres_container import describe_image
from experiments.engines.docker.resources import Belongings
from experiments.environment.interpreters import PROBE, Interpreter, parse_probe
from experiments.errors import Failure

_PROBE_S = 60.0


def probe_image(belongings: Belongings, image: str) -> Interpreter:
    """Run the image's interpreter and let it describe itself. Raises Failure where it does not."""
    api = belongings.client.api
    interpreter = describe_image(belongings.client, image)["Config"]["Entrypoint"][0]
    container = belongings.container(
        "probe",
        image,
        entrypoint=[interpreter, "-I", "-c", PROBE],
        host_config=api.create_host_config(**LOCKED_UP, network_mode="none"),
    )
    try:
        finished = run_container(belongings.client, container, _PROBE_S)
    finally:
        belongings.remove_container(container)
    found = parse_probe(finished.stdout) if finished.returncode == 0 else None
    if found is None:
        said = " ".join(finished.stderr.split()) or f"exit code {finished.returncode}"
        raise Failure(f"docker: the interpreter of the image {image} does not start: {said}")
    return found

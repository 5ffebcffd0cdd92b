"""Image with valgrind and strace for one loader image, from Debian's packages of the same suite."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from docker import DockerClient

from experiments.engines.docker.debian.base_image import make_base
from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.image_labels import IMAGE_LABEL
from experiments.engines.docker.interrupts import wait_for_turn
from experiments.engines.docker.loader_image import build_image, find_image, pack
from experiments.environment.cache import cache_folder, turn_at
from experiments.environment.hashes import PROJECT, short_hash
from experiments.environment.image_lock import DebianPin, load_image_lock
from experiments.errors import Unsupported

REPOSITORY = "bigdata-matrix/counting"
_DOCKERFILE = Path("docker") / "counting.Dockerfile"
_BASE = "bigdata-matrix.base"
# The official images that are pinned.
_USUAL_SUITE = "bookworm"


@dataclass(frozen=True)
class CountingImage:
    """An image in the engine that can count, with the versions of its tools."""

    image_id: str
    versions: Mapping[str, str]
    """'valgrind' -> '1:3.19.0-1', and, where Debian's archive no longer has it, which one is locked."""


def ensure_counting_image(client: DockerClient, loader: str, project: Path = PROJECT) -> CountingImage:
    """Return the image, made unless it is there. Raises Unsupported for an unknown suite, or Failure."""
    dockerfile, stop = (project / _DOCKERFILE).read_bytes(), threading.Event()
    with docker_errors(f"look at the image {loader}"):
        base = client.images.get(loader).labels.get(_BASE, "")
    found = re.match(r"debian (\w+):", base)
    suite = found[1] if found else _USUAL_SUITE
    pin = load_image_lock().pins(("tools", suite)).debian
    if pin is None:
        raise Unsupported(f"docker/images.lock.yaml pins no tools of Debian {suite}")
    tools = make_base(client, "tools", suite, pin.packages, stop, lambda line: None)
    tag = f"{REPOSITORY}:{short_hash(loader, tools.image_id, dockerfile.decode())}"
    wait = partial(wait_for_turn, stop=stop, doing=f"the image {tag}")
    with turn_at(cache_folder() / "images" / "counting", wait), docker_errors(f"make the image {tag}"):
        image_id = find_image(client, tag)
        if image_id is None:
            arguments = {"BASE": loader, "TOOLS": tools.image_id}
            context = pack({"Dockerfile": dockerfile})
            image_id = build_image(client, tag, {IMAGE_LABEL: "counting"}, context, arguments, stop)
    return CountingImage(image_id, describe_versions(pin, tools.packages))


def describe_versions(pin: DebianPin, found: Mapping[str, str]) -> dict[str, str]:
    """Return the tools' versions, each with the locked one where it is another: '7.3-1 (locked: 7.2-1)'."""
    locked = pin.packages
    return {
        name: version if version == locked.get(name) else f"{version} (locked: {locked.get(name)})"
        for name, version in found.items()
    }

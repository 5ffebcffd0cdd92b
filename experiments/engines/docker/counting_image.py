"""Image with valgrind and strace for one loader image, from Debian's packages of the same suite."""

import re
import threading
from functools import partial
from pathlib import Path

from docker import DockerClient

from experiments.engines.docker.debian.base_image import import_image, tools_recipe
from experiments.engines.docker.debian.mmdebstrap import make_tar, mmdebstrap_missing
from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.image_labels import IMAGE_LABEL
from experiments.engines.docker.interrupts import wait_for_turn
from experiments.engines.docker.loader_image import build_image, find_image, pack
from experiments.environment.cache import cache_folder, working_folder
from experiments.environment.hashes import PROJECT, short_hash
from experiments.errors import Unsupported

REPOSITORY = "bigdata-matrix/counting"
_TOOLS = "bigdata-matrix/debian-tools"
_DOCKERFILE = Path("docker") / "counting.Dockerfile"
_BASE = "bigdata-matrix.base"
# The official images that are pinned.
_USUAL_SUITE = "bookworm"


def ensure_counting_image(client: DockerClient, loader: str, project: Path = PROJECT) -> str:
    """Return the id of the image, made unless it is there. Raises Unsupported without mmdebstrap, or Failure."""
    dockerfile, stop = (project / _DOCKERFILE).read_bytes(), threading.Event()
    with docker_errors(f"look at the image {loader}"):
        base = client.images.get(loader).labels.get(_BASE, "")
    found = re.match(r"debian (\w+):", base)
    suite = found[1] if found else _USUAL_SUITE
    with docker_errors("ask for its processor"):
        recipe = tools_recipe(suite, client.info()["Architecture"])
    tools = f"{_TOOLS}:{suite}-{short_hash(recipe.digest())}"
    tag = f"{REPOSITORY}:{short_hash(loader, tools, dockerfile.decode())}"
    folder = cache_folder() / "debian" / f"tools-{suite}"
    wait = partial(wait_for_turn, stop=stop, doing=f"the image {tag}")
    with working_folder(folder, wait), docker_errors(f"make the image {tag}"):
        if (made := find_image(client, tag)) is not None:
            return made
        if find_image(client, tools) is None:
            if (missing := mmdebstrap_missing()) is not None:
                raise Unsupported(missing)
            make_tar(recipe, folder / "tools.tar", stop)
            import_image(client, folder / "tools.tar", tools, [f'LABEL {IMAGE_LABEL}="debian-tools"'])
        arguments = {"BASE": loader, "TOOLS": tools}
        return build_image(client, tag, {IMAGE_LABEL: "counting"}, pack({"Dockerfile": dockerfile}), arguments, stop)

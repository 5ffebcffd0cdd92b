"""Images from Debian's own packages: bases for machines that reach no registry, and the tools that count."""

import contextlib
import hashlib
import json
import platform
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from docker import DockerClient
from docker.errors import APIError, ImageNotFound

from experiments.engines.docker.debian.mmdebstrap import Recipe, candidate_versions, make_tar, mmdebstrap_missing
from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.image_labels import IMAGE_LABEL
from experiments.engines.docker.interrupts import wait_for_turn
from experiments.environment.cache import cache_folder, working_folder
from experiments.environment.image_lock import KINDS, Kind
from experiments.errors import Failure, Unsupported


@dataclass(frozen=True)
class Suite:
    """A suite of Debian: the CPython and the PostgreSQL that its packages have; its tools go by its own name."""

    python: str
    postgres: str
    tools: str
    merge_usr: bool = False
    """Its essential packages leave merging /usr to a hook, else to a package that brings all of Perl (50 MB)."""


DEBIAN_SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        "bookworm": Suite(python="3.11", postgres="15", tools="bookworm", merge_usr=True),
        "trixie": Suite(python="3.13", postgres="17", tools="trixie"),
        "forky": Suite(python="3.14", postgres="18", tools="forky"),
    }
)

REPOSITORIES: Mapping[Kind, str] = MappingProxyType({kind: f"bigdata-matrix/debian-{kind}" for kind in KINDS})

_NAMES: Mapping[Kind, str] = {"python": "CPython", "postgres": "PostgreSQL", "tools": "valgrind and strace"}
_SUITE_LABEL = "bigdata-matrix.suite"
_PACKAGES_LABEL = "bigdata-matrix.packages"
_RECIPE_LABEL = "bigdata-matrix.recipe"
_RECIPE_NAME_LABEL = "bigdata-matrix.recipe-name"

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_STATUS = "./var/lib/dpkg/status"
_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class DebianBase:
    """A base image in the engine: its identifying package versions, its recipe; ``made``: just now."""

    image_id: str
    tag: str
    suite: str
    packages: Mapping[str, str]
    recipe: str
    made: bool


def suite_of(kind: Kind, version: str) -> str:
    """Return the suite that has this CPython or PostgreSQL. Raises Unsupported if none has."""
    known = {getattr(suite, kind): name for name, suite in DEBIAN_SUITES.items()}
    if version not in known:
        raise Unsupported(
            f"{_NAMES[kind]} {version}: no suite of Debian that is used here has it; they have {', '.join(known)}"
        )
    return known[version]


def archive_versions(kind: Kind, version: str) -> dict[str, str]:
    """Ask Debian's archive for the versions that identify a base. Raises Unsupported without a suite, Failure."""
    recipe = make_recipe(kind, version, platform.machine())
    return identifying(kind, version, candidate_versions(recipe))


def make_base(
    client: DockerClient,
    kind: Kind,
    version: str,
    pinned: Mapping[str, str],
    stop: threading.Event,
    tell: Callable[[str], None],
) -> DebianBase:
    """Make the base image, or reuse one that the same recipe made for the same pinned versions.

    Without mmdebstrap, on a machine that images were copied to, say, so is one made in any other way.

    ``tell`` hears of it when it has to be made; ``stop``, once set, ends the making. Raises Unsupported where no suite
    has it, Failure where it cannot be made.
    """
    with docker_errors("ask for its processor"):
        recipe = make_recipe(kind, version, client.info()["Architecture"])
    # With the locked versions: when these change, Debian's archive may well have them.
    recipe_digest = hashlib.sha256((recipe.digest() + json.dumps(dict(pinned), sort_keys=True)).encode()).hexdigest()
    tag = f"{REPOSITORIES[kind]}:{version}"
    # Two harnesses at once: the second waits, and finds it made.
    folder = cache_folder() / "debian" / f"{kind}-{version}"
    wait = partial(wait_for_turn, stop=stop, doing=f"the base image {folder.name}")
    with working_folder(folder, wait), docker_errors(f"make the image {tag}"):
        any_will_do = mmdebstrap_missing() is not None
        found = find_base(client, tag, None if any_will_do else recipe_digest)
        if found is not None:
            return found if any_will_do else replace(found, recipe=recipe.name())
        tell(f"making its base from Debian {recipe.suite} (about a minute)")
        tar = folder / "base.tar"
        make_tar(recipe, tar, stop)
        packages = identifying(kind, version, read_versions(tar))
        labels = {
            IMAGE_LABEL: f"debian-{kind}",
            _SUITE_LABEL: recipe.suite,
            _PACKAGES_LABEL: json.dumps(packages),
            _RECIPE_LABEL: recipe_digest,
            _RECIPE_NAME_LABEL: recipe.name(),
        }
        image_id = import_image(client, tar, tag, [*image_settings(kind, version), *_label_lines(labels)])
    return DebianBase(image_id, tag, recipe.suite, packages, recipe.name(), made=True)


def has_base(client: DockerClient, kind: Kind) -> bool:
    """Return whether the engine has a base image of any version."""
    versions = (getattr(suite, kind) for suite in DEBIAN_SUITES.values())
    return any(find_base(client, f"{REPOSITORIES[kind]}:{version}", None) for version in versions)


def find_base(client: DockerClient, tag: str, recipe_digest: str | None) -> DebianBase | None:
    """Find the base image with this tag that this recipe (None: any) made."""
    try:
        image = client.images.get(tag)
    except ImageNotFound:
        return None
    if _PACKAGES_LABEL not in image.labels or recipe_digest not in (None, image.labels.get(_RECIPE_LABEL)):
        return None
    packages = json.loads(image.labels[_PACKAGES_LABEL])
    recipe = image.labels.get(_RECIPE_NAME_LABEL, "unknown")
    return DebianBase(str(image.id), tag, image.labels[_SUITE_LABEL], packages, recipe, made=False)


def make_recipe(kind: Kind, version: str, machine: str) -> Recipe:
    """Return the recipe of a base; ``machine`` names the processor as ``uname -m`` does."""
    suite = suite_of(kind, version)
    if machine not in _ARCHITECTURES:
        raise Unsupported(f"base images from Debian's packages are made for x86_64 and aarch64, and this is {machine}")
    # A wheel may count on the C++ library (PEP 600), which the official images have, too.
    more = (f"python{version}-venv", "libstdc++6") if kind == "python" else ()
    packages = (*_programs(kind, version), *more)
    return Recipe(suite, kind, packages, _ARCHITECTURES[machine], DEBIAN_SUITES[suite].merge_usr)


def _programs(kind: Kind, version: str) -> tuple[str, ...]:
    if kind == "tools":
        return ("strace", "valgrind")
    return (f"python{version}" if kind == "python" else f"postgresql-{version}",)


def identifying(kind: Kind, version: str, installed: Mapping[str, str]) -> dict[str, str]:
    """Select the packages that identify an image: the programs and, but for tools, the C library."""
    # Tools run on the C library of the loader's image.
    names = (*_programs(kind, version), *(() if kind == "tools" else ("libc6",)))
    missing = [name for name in names if name not in installed]
    if missing:
        raise Failure(f"mmdebstrap made a base without {', '.join(missing)}")
    return {name: installed[name] for name in sorted(names)}


def read_versions(tar: Path) -> dict[str, str]:
    """Read the versions of the packages that dpkg lists as installed in a root file system."""
    with tarfile.open(tar) as archive:
        status = archive.extractfile(_STATUS)
        text = status.read().decode() if status is not None else ""
    return dict(parse_status(text))


def parse_status(text: str) -> Iterator[tuple[str, str]]:
    """Parse names and versions of dpkg's status file (deb-control(5): paragraphs of 'Field: value')."""
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            yield fields["Package"], fields["Version"]


def image_settings(kind: Kind, version: str) -> list[str]:
    """Return the image's environment: the programs' folder, and UTF-8 as in the official images."""
    first = f"/usr/lib/postgresql/{version}/bin:" if kind == "postgres" else ""
    return [f"ENV PATH={first}{_USUAL_PATH}", "ENV LANG=C.UTF-8"]


def _label_lines(labels: Mapping[str, str]) -> list[str]:
    # No version of a package has a quote in it (deb-version(7)).
    return [f"LABEL {name}='{value}'" for name, value in labels.items()]


def import_image(client: DockerClient, tar: Path, tag: str, changes: list[str]) -> str:
    """Send the root file system to the engine; return the id of the image."""
    repository, _, version = tag.rpartition(":")
    before = client.api.images(name=tag, quiet=True)
    client.api.import_image_from_file(str(tar), repository=repository, tag=version, changes=changes)
    for image_id in before:
        # What others were made from stays, until they are removed.
        with contextlib.suppress(APIError):
            client.api.remove_image(image_id)
    return str(client.images.get(tag).id)

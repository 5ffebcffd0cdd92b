"""Base images and their source: a registry by digest, or Debian's packages."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from docker import DockerClient
from docker.errors import APIError, ImageNotFound, NotFound

from experiments.engines.docker.connect import within
from experiments.engines.docker.debian.base_image import DEBIAN_SUITES, has_base, make_base
from experiments.engines.docker.debian.mmdebstrap import mmdebstrap_missing
from experiments.engines.docker.errors import docker_errors, error_message
from experiments.engines.docker.image_labels import PULLED
from experiments.engines.docker.interrupts import listen
from experiments.engines.docker.registry import NoAnswer, NoSuchImage, Registry
from experiments.environment.image_lock import (
    IMAGE_LOCK,
    OFFICIAL,
    RESOLVE,
    Asked,
    DebianPin,
    ImageLock,
    ImagePins,
    Kind,
    RegistryPin,
    Slot,
    Source,
)
from experiments.errors import BadInput, Failure

Tell = Callable[[str], None]

# A registry that is there answers within one or two seconds; where a firewall swallows everything, none ever does.
_PATIENCE_S = 10.0
STAND_IN = "base images are made from Debian's packages, in place of the pinned official images"
_FIXES: Mapping[Asked, str] = {
    "registry": "Let the Docker engine reach a registry (a mirror will do), or use --source debian",
    "debian": "Mend this, or use --source registry",
    "auto": "Let the Docker engine reach a registry (a mirror will do), mend that, or measure with --engine local",
}
_INSTEAD = "Try again, or use --source debian, which pulls nothing"


class NoBaseImages(BadInput):
    """The lack of all base images; ``reason`` has no advice."""

    def __init__(self, asked: Asked, reasons: str) -> None:
        self.reason = f"no base images from source {asked}: {reasons}"
        super().__init__(f"{self.reason}. {_FIXES[asked]}")


class NotPulled(Failure):
    """A refusal of a registry that answers (too many pulls, say). ``reason`` has no advice."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}. {_INSTEAD}")
        self.reason = reason


@dataclass(frozen=True)
class Choice:
    """The source of base images, with a warning. ``offline``: why only those count that are in the engine."""

    source: Source
    notice: str | None = None
    offline: str | None = None


@dataclass(frozen=True)
class Base:
    """A base image that is in the engine."""

    reference: str
    """The image that FROM names: 'python@sha256:...', a local name, or an image id."""
    image_id: str
    source: Source
    identity: str
    """The same wherever it is made: 'python:3.13-slim-bookworm@sha256:...', 'debian trixie ... (recipe 3fa2c1)'."""
    drift: str | None = None
    """In what Debian's archive differs from the lock; None where in nothing."""
    made: bool = False
    """True if it was pulled or made just now."""


def choose_source(client: DockerClient, lock: ImageLock, asked: Asked, patience_s: float = _PATIENCE_S) -> Choice:
    """Choose the source of base images.

    'auto' is the registry where the pinned images can be asked for, or some Python and some PostgreSQL of them are in
    the engine; else Debian's packages, which need mmdebstrap or images that were made of them.
    Raises NoBaseImages where what was asked for, or for 'auto' both, cannot be had.
    """
    no_registry = None
    if asked != "debian":
        present = _count_present(client, lock)
        no_registry = _why_no_registry(client, lock, present, patience_s)
        if no_registry is None:
            return Choice("registry")
        if all(present.values()):
            only = "of the pinned official images, those that are in the engine are used"
            return Choice("registry", f"{no_registry}: {only}", no_registry)
    no_debian = None if asked == "registry" else _why_no_debian(client, lock)
    if asked != "registry" and no_debian is None:
        return Choice("debian", f"{no_registry}: {STAND_IN}" if no_registry else None)
    reasons = "; ".join(reason for reason in (no_registry, no_debian) if reason)
    raise NoBaseImages(asked, reasons)


def get_base(
    client: DockerClient, slot: Slot, pins: ImagePins, source: Source, stop: threading.Event, tell: Tell
) -> Base | None:
    """Return a version's base image, None without pin. Raises BadInput for an unknown digest, or Failure."""
    if source == "registry":
        return None if pins.registry is None else pull_base(client, slot, pins.registry, stop, tell)
    return None if pins.debian is None else make_debian_base(client, slot, pins.debian, stop, tell)


def has_pin(slot: Slot, pins: ImagePins, source: Source) -> bool:
    """Return whether this source has the version."""
    if source == "registry":
        return pins.registry is not None
    kind, version = slot
    return pins.debian is not None and any(getattr(suite, kind) == version for suite in DEBIAN_SUITES.values())


def is_present(client: DockerClient, slot: Slot, pins: ImagePins) -> bool:
    """Return whether the engine has the official image of a version, so that it needs no registry."""
    if pins.registry is None:
        return False
    with docker_errors(f"look for {pins.registry.pinned}"):
        return _find(client, slot[0], pins.registry) is not None


def pull_base(client: DockerClient, slot: Slot, pin: RegistryPin, stop: threading.Event, tell: Tell) -> Base:
    """Return the official image, pulled unless here. Raises BadInput for an unknown digest, NotPulled, or Failure."""
    identity = f"{pin.reference}@{pin.digest}"
    with docker_errors(f"look for {pin.pinned}"):
        found = _find(client, slot[0], pin)
        if found is not None:
            _name(client, slot[0], pin, found[1])
            return Base(*found, "registry", identity)
    tell(f"pulling the official image {pin.reference}")
    _pull(client, slot, pin, stop)
    with docker_errors(f"find {pin.pinned} after pulling it"):
        image_id = str(client.images.get(pin.pinned).id)
        _name(client, slot[0], pin, image_id)
    return Base(pin.pinned, image_id, "registry", identity, made=True)


def name_of_pulled(kind: Kind, pin: RegistryPin) -> str:
    """Return the name of an official image besides its digest, which is lost when it is saved and loaded."""
    # The digest in full, so that the name is as good as the digest.
    return f"{PULLED}-{kind}:{pin.digest.replace(':', '-')}"


def make_debian_base(client: DockerClient, slot: Slot, pin: DebianPin, stop: threading.Event, tell: Tell) -> Base:
    """Return the image of Debian's packages, made unless it is in the engine. Raises Failure."""
    kind, version = slot
    made = make_base(client, kind, version, pin.packages, stop, tell)
    versions = ", ".join(f"{name} {found}" for name, found in made.packages.items())
    identity = f"debian {made.suite}: {versions} (recipe {made.recipe})"
    drift = describe_drift(pin, made.suite, made.packages)
    return Base(made.image_id, made.image_id, "debian", identity, drift, made.made)


def describe_drift(pin: DebianPin, suite: str, found: Mapping[str, str]) -> str | None:
    """Describe how a base differs from the lock: 'python3.13 is 3.13.5-2 (locked: 3.13.5-1)'."""
    differing = [f"the suite is {suite} (locked: {pin.suite})"] if suite != pin.suite else []
    differing += [
        f"{name} is {found.get(name, 'missing')} (locked: {version})"
        for name, version in sorted(pin.packages.items())
        if found.get(name) != version
    ]
    return ", ".join(differing) or None


def _count_present(client: DockerClient, lock: ImageLock) -> dict[Kind, int]:
    """Count the official images that the engine has."""
    return {
        kind: sum(is_present(client, (kind, name), pins) for name, pins in lock.of(kind).items()) for kind in OFFICIAL
    }


def _why_no_registry(
    client: DockerClient, lock: ImageLock, present: Mapping[Kind, int], patience_s: float
) -> str | None:
    """Return why no registry can be used; None if one answers or all pinned images are in the engine."""
    pins = {kind: [one.registry for one in lock.of(kind).values() if one.registry] for kind in OFFICIAL}
    if not all(pins.values()):
        return f"{IMAGE_LOCK} pins no official images"
    if all(present[kind] == len(of_kind) for kind, of_kind in pins.items()):
        return None
    try:
        # A registry that lacks this image answers, too; whoever needs it is told what is wrong with it.
        with contextlib.suppress(NoSuchImage):
            within(patience_s, partial(Registry(client).ask, pins["python"][-1].pinned))
    except NoAnswer as error:
        return f"no registry can be asked ({error})"
    except TimeoutError:
        return f"no registry answered within {patience_s:.0f} s"
    return None


def _why_no_debian(client: DockerClient, lock: ImageLock) -> str | None:
    if not all(any(pins.debian for pins in lock.of(kind).values()) for kind in OFFICIAL):
        return f"{IMAGE_LOCK} has no versions of Debian's packages: {RESOLVE}"
    missing = mmdebstrap_missing()
    with docker_errors("list images"):
        # Made elsewhere and brought here, say.
        there = missing is not None and all(has_base(client, kind) for kind in OFFICIAL)
    return None if there else missing


def _find(client: DockerClient, kind: Kind, pin: RegistryPin) -> tuple[str, str] | None:
    """Find name and id of the image in the engine."""
    for name in (pin.pinned, name_of_pulled(kind, pin)):
        with contextlib.suppress(ImageNotFound):
            return name, str(client.images.get(name).id)
    return None


def _name(client: DockerClient, kind: Kind, pin: RegistryPin, image_id: str) -> None:
    repository, _, tag = name_of_pulled(kind, pin).partition(":")
    client.api.tag(image_id, repository, tag)


def _pull(client: DockerClient, slot: Slot, pin: RegistryPin, stop: threading.Event) -> None:
    repository, _, digest = pin.pinned.partition("@")
    try:
        with docker_errors(f"pull {pin.pinned}"):
            # Once it has begun to answer, the engine tells of failures in the stream.
            problems = []
            ask = partial(client.api.pull, repository, tag=digest, stream=True, decode=True)
            for event in listen(ask, stop, f"docker: pulling {pin.pinned}"):
                problems += [str(event["error"])] if "error" in event else []
    except Failure as error:
        cause = error.__cause__
        if cause is None:
            raise
        problems = [error_message(cause)]
        if not isinstance(cause, NotFound) and not (isinstance(cause, APIError) and "manifest unknown" in problems[0]):
            raise NotPulled(str(error)) from error
    if not problems:
        return
    reason = " ".join(problems[0].split())
    # Not just "unknown": so is an authority that signed a proxy's certificate.
    if "manifest unknown" not in reason and "not found" not in reason:
        raise NotPulled(f"docker: cannot pull {pin.pinned}: {reason}")
    place = f"{IMAGE_LOCK}: {slot[0]}.{slot[1]}.registry.digest"
    raise BadInput(f"{place}: the registry has no {pin.reference} with {pin.digest} ({reason}); {RESOLVE} resolves it")

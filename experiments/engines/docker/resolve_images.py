"""Resolution and check of docker/images.lock.yaml.

A tag is resolved by asking its registry for the digest of the multi-arch index. Only where that has changed is the
image pulled, because the version that it holds stands nowhere else; such an entry has ``pulled: true``. Debian's
versions are those of base images that are made from today's archive.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from experiments.engines.docker.debian.base_image import DEBIAN_SUITES
from experiments.engines.docker.registry import NoAnswer, NoSuchImage, Registry
from experiments.environment.image_lock import (
    IMAGE_LOCK,
    KINDS,
    OFFICIAL,
    RESOLVE,
    DebianPin,
    ImageLock,
    ImagePins,
    Kind,
    RegistryPin,
    Slot,
)
from experiments.environment.requirements import LOADER_PYTHONS, POSTGRESQL_MAJORS, is_free_threaded
from experiments.errors import BadInput, Failure, Unsupported

ASKED_FOR: Mapping[Kind, tuple[str, ...]] = {
    # No base image has a free-threaded build.
    "python": tuple(python for python in LOADER_PYTHONS if not is_free_threaded(python)),
    "postgres": POSTGRESQL_MAJORS,
    "tools": tuple(DEBIAN_SUITES),
}
_USUAL_TAGS: Mapping[Kind, str] = {"python": "python:{}-slim-bookworm", "postgres": "postgres:{}-bookworm"}

DebianVersions = Callable[[Kind, str], Mapping[str, str]]
"""Ask today's archive for the versions that identify an image: name -> version of its packages."""


@dataclass(frozen=True)
class Sources:
    """The sources of pins."""

    registry: Registry
    suites: Mapping[Slot, str]
    """The versions of each Debian suite."""
    debian: DebianVersions


@dataclass
class Outcome:
    """The result of a resolution, in lines for people."""

    changes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unanswered: dict[str, list[str]] = field(default_factory=dict)
    """Reason -> the entries of which nobody could say anything."""

    def leave(self, entry: str, reason: str) -> None:
        """Note an entry that stays as it is."""
        self.unanswered.setdefault(reason, []).append(entry)


def resolve(lock: ImageLock, unresolved: Mapping[Slot, str], sources: Sources, today: str) -> tuple[ImageLock, Outcome]:
    """Resolve the lock, keeping what cannot be resolved. Raises Failure for a reference that has no digest yet."""
    outcome = Outcome()
    found = ImageLock({}, {})
    for slot in asked_slots():
        pins = lock.pins(slot)
        registry = None
        if slot[0] in OFFICIAL:
            registry = _resolve_tag(slot, pins.registry, unresolved.get(slot), sources.registry, outcome, today)
        debian = _resolve_debian(slot, pins.debian, sources, outcome, today)
        found = found.replaced(slot, ImagePins(registry, debian))
    gone = set(_slots(lock)) | set(unresolved)
    outcome.changes += [f"{_name(slot)}: removed: nothing asks for it" for slot in sorted(gone - set(asked_slots()))]
    return found, outcome


def check_entries(lock: ImageLock, suites: Mapping[Slot, str]) -> list[str]:
    """Report entries that the lock lacks or has in excess, without network."""
    problems = []
    for slot in asked_slots():
        pins = lock.pins(slot)
        if pins.registry is None and slot[0] in OFFICIAL:
            problems.append(f"{_place(slot)} has no registry entry: run {RESOLVE}")
        suite = pins.debian.suite if pins.debian else None
        if suite != suites.get(slot):
            wanted = f"Debian {suites[slot]} has it" if slot in suites else "no suite of Debian that is used has it"
            problems.append(f"{_place(slot)} names {suite or 'no suite of Debian'}, but {wanted}: run {RESOLVE}")
    more = [slot for slot in _slots(lock) if slot not in asked_slots()]
    return problems + [f"{_place(slot)} is more than is asked for: run {RESOLVE}, which removes it" for slot in more]


def check_digests(lock: ImageLock, registry: Registry) -> Outcome:
    """Report digests that registries no longer have as a multi-arch index."""
    outcome = Outcome()
    for slot in _slots(lock):
        pin = lock.pins(slot).registry
        if pin is None:
            continue
        fix = f"run {RESOLVE}, which resolves {pin.reference} anew"
        try:
            fault = registry.ask(pin.pinned).fault()
        except NoAnswer as reason:
            outcome.leave(_name(slot), str(reason))
        except NoSuchImage as words:
            outcome.problems.append(f"{_place(slot)}: the registry has no {pin.pinned} ({words}): {fix}")
        else:
            if fault:
                outcome.problems.append(f"{_place(slot)}: {pin.pinned} {fault}: {fix}")
    return outcome


def join_entries(entries: Iterable[str]) -> str:
    """Join entries on one line: 'python 3.12, 3.13; postgres 17'."""
    by_kind: dict[str, list[str]] = {}
    for entry in entries:
        kind, _, version = entry.partition(" ")
        by_kind.setdefault(kind, []).append(version)
    return "; ".join(f"{kind} {', '.join(versions)}" for kind, versions in by_kind.items())


def asked_slots() -> tuple[Slot, ...]:
    """Return every image that the lock must have, in order."""
    return tuple((kind, version) for kind in KINDS for version in ASKED_FOR[kind])


def _resolve_tag(
    slot: Slot, pin: RegistryPin | None, unresolved: str | None, registry: Registry, outcome: Outcome, today: str
) -> RegistryPin | None:
    reference = unresolved or (pin.reference if pin else _USUAL_TAGS[slot[0]].format(slot[1]))
    try:
        answer = registry.ask(reference)
        problem = answer.fault()
    except NoAnswer as reason:
        if unresolved:
            raise Failure(f"{_place(slot)}: {reference} has no digest, and none can be asked for: {reason}") from reason
        outcome.leave(_name(slot), str(reason))
        return pin
    except NoSuchImage as words:
        problem = f"is not in the registry ({words})"
    if problem:
        text = f"{_place(slot)}: {reference} {problem}: name another tag as its reference, then run {RESOLVE}"
        if unresolved:
            raise Failure(text)
        outcome.problems.append(text)
        return pin
    if pin and pin.digest == answer.digest:
        # The registry itself has now said what was only reported.
        return replace(pin, note=None, date=today) if pin.note else pin
    return _take(slot, RegistryPin(reference, answer.digest, None, today, pulled=False), registry, outcome)


def _take(slot: Slot, pin: RegistryPin, registry: Registry, outcome: Outcome) -> RegistryPin:
    """Pull what a tag has newly resolved to, for its version."""
    try:
        pin = replace(pin, version=registry.pull_version(pin.pinned), pulled=True)
    except NoAnswer as reason:
        outcome.changes.append(f"{_name(slot)}: {pin.reference} is now {pin.digest}, which was not pulled: {reason}")
    else:
        outcome.changes.append(f"{_name(slot)}: {pin.reference} is now {pin.version or 'of unknown version'}")
    return pin


def _resolve_debian(
    slot: Slot, pin: DebianPin | None, sources: Sources, outcome: Outcome, today: str
) -> DebianPin | None:
    suite = sources.suites.get(slot)
    if suite is None:
        return None
    kept = pin if pin and pin.suite == suite else None
    try:
        packages = sources.debian(*slot)
    except (BadInput, Failure, Unsupported) as reason:
        outcome.leave(f"{_name(slot)} of Debian {suite}", str(reason))
        return kept
    if kept and kept.packages == packages:
        return kept
    versions = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))
    outcome.changes.append(f"{_name(slot)}: Debian {suite} now has {versions}")
    return DebianPin(suite, packages, today)


def _slots(lock: ImageLock) -> list[Slot]:
    return [(kind, version) for kind in KINDS for version in lock.of(kind)]


def _name(slot: Slot) -> str:
    return f"{slot[0]} {slot[1]}"


def _place(slot: Slot) -> str:
    return f"{IMAGE_LOCK.as_posix()}: {slot[0]}.{slot[1]}"

"""Pinned images of each Python, each PostgreSQL and the tools that count: docker/images.lock.yaml.

An entry pins an official image by the digest of its multi-arch index, Debian's packages by their versions, or both.
``nox -s lock`` writes the file; a person may add or change a ``reference`` and have it resolved.
"""

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from experiments.environment.hashes import PROJECT
from experiments.errors import BadInput
from experiments.files import write_whole
from experiments.matrix.messages import describe_errors
from experiments.matrix.values import Checked, Text, matching, problem
from experiments.matrix.yaml_document import Document, Finding, read_document, refuse

IMAGE_LOCK = Path("docker") / "images.lock.yaml"
RESOLVE = f"nox -s lock -- {IMAGE_LOCK.name}"

Kind = Literal["python", "postgres", "tools"]
OFFICIAL: tuple[Kind, ...] = ("python", "postgres")
"""The kinds of which there are official images; the tools are Debian's only."""
KINDS: tuple[Kind, ...] = (*OFFICIAL, "tools")
Slot = tuple[Kind, str]
"""Which image: ('python', '3.13'), ('postgres', '17') or ('tools', 'trixie')."""
Source = Literal["registry", "debian"]
"""Where a base image comes from: an official image, or one made from Debian's packages."""
Asked = Literal["auto", "registry", "debian"]
"""What a person asked for: a source, or 'auto' for the first one that there is."""

_HEAD = f"""\
# The base images of the docker engine, one entry per Python and per PostgreSQL. Made by `{RESOLVE}`.
# registry: the official image by the digest of its multi-arch index. For another tag, edit reference and run that.
#   version: what the tag resolved to, where known. date: when it was resolved or, where a note says so, taken over.
#   pulled: whether whoever made the entry has pulled the image.
# debian: made from Debian's packages of these versions, for machines that reach no registry.
# tools: what counts instructions and system calls, by suite; never in an image that is timed.
"""
_NO_EXTRAS = ConfigDict(extra="forbid")
_DIGEST = "sha256:[0-9a-f]{64}"
_NO_DIGEST = "sha256:" + 64 * "0"
_VERSIONS: Mapping[Kind, tuple[re.Pattern[str], str]] = {
    "python": (re.compile(r"3\.\d+", re.ASCII), 'is not a Python version: write major and minor, such as "3.13"'),
    "postgres": (re.compile(r"\d{1,3}", re.ASCII), 'is not a major version of PostgreSQL: write one such as "17"'),
    "tools": (re.compile("[a-z]+"), "is not a suite of Debian: write one such as trixie"),
}


def _check_date(value: object) -> str:
    text = value.isoformat() if isinstance(value, datetime.date) else value
    try:
        return datetime.date.fromisoformat(str(text)).isoformat()
    except ValueError:
        raise problem("is not a date: write one such as 2026-11-22") from None


def _check_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise problem("is neither true nor false: write one of them")


_Reference = Annotated[
    str,
    # Of a repository, an optional host with a port; then the tag. No digest: that has a key of its own.
    matching(
        r"(?:[\w.-]+(?::\d+)?/)?[a-z0-9._/-]+:[A-Za-z0-9_][\w.-]*",
        "is not a repository with a tag: write one such as python:3.13-slim-bookworm, its digest below it",
    ),
]
_Digest = Annotated[
    str, matching(_DIGEST, f"is not a digest: it is sha256: and 64 hex digits; {RESOLVE} resolves the tag")
]
_Suite = Annotated[str, matching("[a-z]+", "is not a suite of Debian: write one such as trixie")]
_Date = Annotated[str, Checked(_check_date, {"type": "string"})]


@dataclass(frozen=True)
class RegistryPin:
    """An official image: the tag, and the digest that it had when it was resolved."""

    __pydantic_config__ = _NO_EXTRAS

    reference: _Reference
    """Repository and tag, 'python:3.13-slim-bookworm'; a host before them is allowed."""
    digest: _Digest
    """'sha256:' and 64 hex digits: of the multi-arch index."""
    version: Annotated[Text | None, Field(default=None)]
    """The version that the tag resolved to, '3.13.16'; None if unknown."""
    date: _Date
    """The day when the tag was resolved or the digest was taken over: '2026-11-22'."""
    pulled: Annotated[bool, Checked(_check_flag, {"type": "boolean"})]
    """True if the one who made the entry has pulled this digest."""
    note: Text | None = None
    """The source of a digest that was not resolved here."""

    @property
    def pinned(self) -> str:
        """The pinned reference: 'python@sha256:...'."""
        return f"{self.reference.rpartition(':')[0]}@{self.digest}"


@dataclass(frozen=True)
class DebianPin:
    """A base image made from Debian's packages."""

    __pydantic_config__ = _NO_EXTRAS

    suite: _Suite
    packages: Annotated[Mapping[str, Text], Field(min_length=1)]
    """Name -> version as built: {'libc6': '2.41-12', 'python3.13': '3.13.5-2'}."""
    date: _Date
    """The day when the archive had these versions."""


@dataclass(frozen=True)
class ImagePins:
    """The pins of one version, by source; at least one is there."""

    __pydantic_config__ = _NO_EXTRAS

    registry: RegistryPin | None = None
    debian: DebianPin | None = None


@dataclass(frozen=True)
class ImageLock:
    """All pins, by version: '3.13' of Python, '17' of PostgreSQL, 'trixie' of the tools."""

    python: Mapping[str, ImagePins]
    postgres: Mapping[str, ImagePins]
    tools: Mapping[str, ImagePins] = field(default_factory=dict)

    def of(self, kind: Kind) -> Mapping[str, ImagePins]:
        """Return the pins of one kind."""
        return {"python": self.python, "postgres": self.postgres, "tools": self.tools}[kind]

    def pins(self, slot: Slot) -> ImagePins:
        """Return the pins of one image; empty ones if there is no entry."""
        return self.of(slot[0]).get(slot[1], ImagePins())

    def replaced(self, slot: Slot, pins: ImagePins) -> "ImageLock":
        """Return the lock with other pins for one image, or without it if there are none."""
        kind, version = slot
        others = {name: found for name, found in self.of(kind).items() if name != version}
        return replace(self, **{kind: others if pins == ImagePins() else others | {version: pins}})


@dataclass(frozen=True)
class _LockFile:
    """The file as it is written."""

    __pydantic_config__ = _NO_EXTRAS

    version: Literal[1]
    python: Mapping[str, ImagePins]
    postgres: Mapping[str, ImagePins]
    tools: Mapping[str, ImagePins] = field(default_factory=dict)


def load_image_lock(path: Path = PROJECT / IMAGE_LOCK) -> ImageLock:
    """Read the pins. Raises BadInput with every mistake, each with its line and what to do."""
    return _load(_read(path))


def load_to_resolve(path: Path = PROJECT / IMAGE_LOCK) -> tuple[ImageLock, Mapping[Slot, str]]:
    """Read the pins and the references without a usable digest; none without the file. Raises BadInput for the rest."""
    if not path.exists():
        return ImageLock({}, {}), {}
    document = _read(path)
    for registry in _registry_entries(document.data):
        if not re.fullmatch(_DIGEST, str(registry.get("digest"))):
            # Whatever else the entry says is about another image.
            reference = {key: value for key, value in registry.items() if key == "reference"}
            registry.clear()
            registry.update(reference, digest=_NO_DIGEST, date="2000-01-01", pulled=False)
    lock = _load(document)
    pins = {(kind, version): pins.registry for kind in KINDS for version, pins in lock.of(kind).items()}
    unresolved = {slot: pin.reference for slot, pin in pins.items() if pin and pin.digest == _NO_DIGEST}
    for kind, version in unresolved:
        lock = lock.replaced((kind, version), replace(lock.pins((kind, version)), registry=None))
    return lock, unresolved


def write_image_lock(lock: ImageLock, path: Path = PROJECT / IMAGE_LOCK) -> None:
    """Write the pins, whole or not at all; equal pins give equal bytes."""
    data = {"version": 1} | {
        kind: {version: _plain(pins) for version, pins in sorted(lock.of(kind).items(), key=_order_of_entry)}
        for kind in KINDS
    }
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _HEAD + "\n" + text)


def version_order(version: str) -> tuple[int, ...]:
    """Return the sort key of versions such as '3.9' and '3.10', or '9' and '17'."""
    return tuple(int(part) for part in version.split("."))


def _order_of_entry(entry: tuple[str, ImagePins]) -> tuple[tuple[int, ...], str]:
    return (version_order(entry[0]) if entry[0][0].isdigit() else ()), entry[0]


def _plain(pins: ImagePins) -> dict[str, Any]:
    """Dump as the file has it: without unknown values, packages in order."""
    registry, debian = pins.registry, pins.debian
    entry: dict[str, Any] = {}
    if registry:
        entry["registry"] = {name: value for name, value in asdict(registry).items() if value is not None}
    if debian:
        entry["debian"] = asdict(debian) | {"packages": dict(sorted(debian.packages.items()))}
    return entry


def shown(path: Path) -> str:
    """Return the file's name in messages, relative to the project if inside."""
    return path.relative_to(PROJECT).as_posix() if path.is_relative_to(PROJECT) else str(path)


def _read(path: Path) -> Document:
    try:
        return replace(read_document(path), file=shown(path))
    except BadInput as error:
        raise BadInput(str(error).replace(str(path), shown(path))) from error


def _load(document: Document) -> ImageLock:
    adapter = TypeAdapter(_LockFile)
    try:
        found = adapter.validate_python(document.data)
    except ValidationError as error:
        findings = [_with_fix(finding) for finding in describe_errors(error, adapter, document)]
        raise refuse(document, findings) from error
    lock = ImageLock(found.python, found.postgres, found.tools)
    findings = [finding for kind in KINDS for finding in _check_entries(kind, lock.of(kind))]
    if findings:
        raise refuse(document, findings)
    return lock


def _with_fix(finding: Finding) -> Finding:
    if finding.path[-1:] == ("digest",) and finding.text.startswith("is missing"):
        return replace(finding, text=f"is missing: a tag alone may be another image tomorrow; {RESOLVE} resolves it")
    return finding


def _check_entries(kind: Kind, entries: Mapping[str, ImagePins]) -> list[Finding]:
    pattern, advice = _VERSIONS[kind]
    wrong = [Finding((kind, version), f"{version!r} {advice}") for version in entries if not pattern.fullmatch(version)]
    empty = [version for version, pins in entries.items() if pins == ImagePins()]
    return wrong + [Finding((kind, version), "pins nothing: write registry or debian below it") for version in empty]


def _registry_entries(data: Any) -> Iterator[dict[str, Any]]:
    """Return the entries under the key registry, as far as the file has the right shape."""
    for kind in KINDS:
        entries = data.get(kind) if isinstance(data, dict) else None
        for pins in entries.values() if isinstance(entries, dict) else ():
            if isinstance(pins, dict) and isinstance(pins.get("registry"), dict):
                yield pins["registry"]

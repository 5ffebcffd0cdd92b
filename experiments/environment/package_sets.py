"""Locks of the loader's packages: those of the project, and those with a set of other packages on top, in the cache."""

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from experiments.environment.cache import cache_folder, lock_file, make_once
from experiments.environment.hashes import PROJECT, text_hash, tree_hash
from experiments.environment.requirements import loader_lock
from experiments.environment.requirements_file import (
    Notes,
    architecture_of,
    for_architecture,
    read_entries,
    read_from_source,
    read_left_out,
    with_versions,
)
from experiments.environment.resolve import Unresolved, build_wheel, list_versions, resolve_upon
from experiments.errors import BadInput, Unsupported, join_known
from experiments.matrix.packages import Packages, describe_other, find_problem, is_path, wheel_parts

# The second has the C of the first, in the same version.
_DRIVER, _ITS_C = "psycopg", "psycopg-binary"
_FILE = "requirements.txt"
_NAMED = re.compile(r"^# named: ([\w.-]+): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Lock:
    """Requirements of a loader with hashes. ``hash`` is of their versions and contents, without this machine's paths.

    ``packages`` are those of a set, as reports name them: version and, of a wheel or folder, its content.
    """

    file: Path
    hash: str
    packages: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Return the requirements for a machine that has the wheels somewhere else."""
        return with_versions(self.file.read_text())


@dataclass(frozen=True)
class Builder:
    """The interpreter that source folders are built for; ``plain_only``: wheels without compiled modules."""

    python: Path
    build: str
    plain_only: bool = False


# Interpreters of images are not on this machine.
FOR_IMAGES = Builder(Path(sys.executable), "images", plain_only=True)


def project_lock(python: str, project: Path = PROJECT) -> Lock:
    """Return the project's lock for an interpreter such as '3.13'."""
    file = loader_lock(python, project)
    return Lock(file, text_hash(file))


def ensure_lock(
    python: str,
    packages: Packages,
    architecture: str,
    builder: Builder,
    wait: Callable[[IO[str]], None] = lock_file,
    project: Path = PROJECT,
) -> Lock:
    """Return the lock with these packages on top of the project's, resolved once for the same content.

    Raises BadInput for a version that does not exist or a path that cannot be used, Unsupported for packages that do
    not fit the interpreter, Failure.
    """
    lock = project_lock(python, project)
    if not packages:
        return lock
    contents = {name: content_hash(name, text) if is_path(text) else text for name, text in packages}
    folders = any(is_path(text) and not text.endswith(".whl") for _, text in packages)
    identity = [python, architecture, lock.hash, contents, (str(builder.python), builder.build) if folders else None]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    folder = cache_folder() / "packages" / f"py{python}-{digest[:12]}"
    make = _Making(python, packages, architecture_of(architecture), builder, lock.file, contents)
    make_once(folder, partial(make.fill, folder), wait)
    text = (folder / _FILE).read_text()
    return Lock(folder / _FILE, _hash_of(text), dict(_NAMED.findall(text)))


def content_hash(distribution: str, text: str) -> str:
    """Return the SHA-256 of a wheel, or of the names and contents of a source folder. Raises BadInput."""
    if (problem := find_problem(distribution, text)) is not None:
        raise BadInput(f"{distribution}: {problem}")
    path = Path(text).expanduser()
    if path.is_dir():
        return tree_hash({name: file.read_bytes() for name, file in _source_files(path).items()})
    return _hash_bytes(path.read_bytes())


def short_content(content: str) -> str:
    """Return the beginning of a content's hash, as reports name it."""
    return content[: len("sha256:") + 12]


def _hash_bytes(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _source_files(folder: Path) -> dict[str, Path]:
    """Return the files of a source folder by name, without hidden folders and what builds leave there."""
    files = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name.as_posix(): path for name, path in files.items() if not _is_left_behind(name)}


def _is_left_behind(file: Path) -> bool:
    folders = file.parts[:-1]
    built = any(name.startswith(".") or name == "__pycache__" or name.endswith(".egg-info") for name in folders)
    return built or folders[:1] in (("build",), ("dist",))


@dataclass(frozen=True)
class _Making:
    """The making of one lock: ``contents`` are versions, and of paths the hash of what is there."""

    python: str
    packages: Packages
    architecture: str
    builder: Builder
    base: Path
    contents: dict[str, str]

    def fill(self, folder: Path, turn: int) -> None:
        """Write the lock into a new folder, beside wheels that no index has."""
        folder.mkdir()
        own = {name: self._wheel(name, text, folder) for name, text in self.packages if is_path(text)}
        versions = self.contents | {name: wheel_parts(wheel.name)[1] for name, wheel in own.items()}
        asked = [f"{name} @ {own[name].as_uri()}" if name in own else f"{name}=={versions[name]}" for name in versions]
        base = self.base.read_text()
        entries = read_entries(for_architecture(base, self.architecture))
        found, left_out = self._resolve("".join(entries.values()), asked, versions)
        # uv may know other hashes of this version.
        entries |= found | {name: _entry(own[name]) for name in own}
        left_out |= read_left_out(base, self.architecture)
        left_out = {name: why for name, why in left_out.items() if name not in found}
        notes = Notes({self.architecture: left_out}, [name for name in read_from_source(base) if name not in found])
        lines = [*notes.lines(), *(f"# named: {name}: {self._describe(name, one)}" for name, one in versions.items())]
        kept = [entry for name, entry in sorted(entries.items()) if name not in left_out]
        (folder / _FILE).write_text("\n".join(lines) + "\n" + "".join(kept))

    def _wheel(self, name: str, text: str, folder: Path) -> Path:
        """Return a copy of the wheel, or one built from a copy of the source folder."""
        path = Path(text).expanduser()
        if not path.is_dir():
            return Path(shutil.copy(path, folder))
        source = folder / f"{name}-source"
        for file, content in _source_files(path).items():
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(content, source / file)
        wheels = folder / f"{name}-wheel"
        try:
            wheel = build_wheel(source, self.builder.python, wheels)
        except Unsupported as reason:
            raise Unsupported(f"{text} {reason} (Python {self.python})") from reason
        shutil.rmtree(source)
        if (found := wheel_parts(wheel.name)[0]) != name:
            raise BadInput(f"{name}: {describe_other(text, found, name)}")
        if self.builder.plain_only and not wheel.name.endswith("-none-any.whl"):
            raise Unsupported(f"{text} has compiled modules, which are not built for images: name a manylinux wheel")
        return wheel

    def _resolve(
        self, locked: str, asked: Sequence[str], versions: Mapping[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the entries of the set and what they need, and what has to be left out with the reason."""
        left_out: dict[str, str] = {}
        if _DRIVER in versions and _ITS_C not in versions and f"{_ITS_C}==" in locked:
            its_c = f"{_ITS_C}=={versions[_DRIVER]}"
            try:
                resolve_upon(locked, [its_c], self.python, self.architecture)
                asked = [*asked, its_c]
            except Unresolved as reason:
                left_out[_ITS_C] = f"{reason}; name one in the same set, or choose another implementation"
        try:
            return read_entries(resolve_upon(locked, asked, self.python, self.architecture)), left_out
        except Unresolved as reason:
            for name, version in self.packages:
                known = () if is_path(version) else list_versions(name)
                if not is_path(version) and _short(version) not in map(_short, known):
                    raise BadInput(f"{name}: there is no version {version} (known: {join_known(known)})") from reason
            raise Unsupported(f"{reason} (Python {self.python})") from reason

    def _describe(self, name: str, version: str) -> str:
        text = dict(self.packages)[name]
        kind = "wheel" if text.endswith(".whl") else "folder"
        return f"{version} ({kind} {short_content(self.contents[name])})" if is_path(text) else version


def _short(version: str) -> str:
    """Return a version without zeros at the end: 0.29 and 0.29.0 are the same."""
    return re.sub(r"(\.0)+$", "", version)


def _entry(wheel: Path) -> str:
    name = wheel_parts(wheel.name)[0]
    return f"{name} @ {wheel.as_uri()} \\\n    --hash={_hash_bytes(wheel.read_bytes())}\n"


def _hash_of(text: str) -> str:
    """Return the hash of a lock; of what was built from a folder by the folder's content, as builds differ."""
    built = [name for name, what in _NAMED.findall(text) if "(folder " in what]
    entries = read_entries(with_versions(text))
    told = [entry.split(" ")[0] if name in built else entry for name, entry in entries.items()]
    return _hash_bytes("\n".join([*(f"{name}: {what}" for name, what in _NAMED.findall(text)), *told]).encode())

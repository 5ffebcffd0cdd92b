"""Locked wheels for the interpreter of an image, fetched outside of it: builds need no network."""

import hashlib
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from experiments.engines.docker.interrupts import wait_for_turn
from experiments.environment.cache import cache_folder, make_once
from experiments.environment.install import run_pip
from experiments.environment.requirements_file import ARCHITECTURES, for_architecture
from experiments.errors import Unsupported

_ENTRIES = "requirements.txt"
# The locks are made for this C library, 2.28, and every base has a newer one; wheels for older ones run on it too.
_NEWEST_GLIBC = 28
_OLDEST_GLIBC = 17
_OLD_NAMES = {"x86_64": ("manylinux2014", "manylinux2010", "manylinux1"), "aarch64": ("manylinux2014",)}
# Up to 3.7 the memory allocator was part of the name of the binary interface (PEP 3149).
_LAST_WITH_ALLOCATOR = (3, 7)


def locked_wheels(name: str, lock: Path, python: str, architecture: str, stop: threading.Event) -> Path:
    """Return the folder with the wheels of a lock, fetched if needed; its name begins with ``name``.

    Raises Unsupported for another processor and for a wheel that does not fit, or Failure.
    """
    if architecture not in ARCHITECTURES:
        raise Unsupported(
            f"images are made for {' and '.join(ARCHITECTURES)}, and the Docker engine has {architecture}"
        )
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / "wheelhouse" / f"{name}-{architecture}-{digest}"
    wait = partial(wait_for_turn, stop=stop, doing=f"the wheels of {lock.name} for images")
    make_once(folder, partial(_fill, folder, lock, python, architecture), wait)
    return folder


def wheels(folder: Path) -> list[Path]:
    """List the wheels in a wheelhouse, by name."""
    return sorted(folder.glob("*.whl"))


def target_options(python: str, architecture: str) -> Iterator[str]:
    """Yield pip's options for an interpreter and a processor other than its own."""
    number = python.replace(".", "")
    version = tuple(int(part) for part in python.split("."))
    own = f"cp{number}m" if version <= _LAST_WITH_ALLOCATOR else f"cp{number}"
    yield from ("--implementation", "cp", "--python-version", python)
    for interface in (own, "abi3", "none"):
        yield from ("--abi", interface)
    for glibc in range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1):
        yield from ("--platform", f"manylinux_2_{glibc}_{architecture}")
    for name in _OLD_NAMES[architecture]:
        yield from ("--platform", f"{name}_{architecture}")


def _fill(folder: Path, lock: Path, python: str, architecture: str, turn: int) -> None:
    # The lock is complete, and pip would judge by its own interpreter which dependencies another one needs, and by its
    # own processor which entries count.
    options = ["download", "--require-hashes", "--only-binary", ":all:", "--no-deps", "--dest", str(folder)]
    folder.mkdir()
    entries = folder / _ENTRIES
    entries.write_text(for_architecture(lock.read_text(), architecture))
    run_pip(
        [sys.executable, "-m", "pip"],
        [*options, *target_options(python, architecture), "--requirement", str(entries)],
        purpose=f"the wheels of {lock.name} for images ({architecture})",
        lock=turn,
    )

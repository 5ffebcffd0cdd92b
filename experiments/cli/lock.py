"""lock requirements and base images again, or with --check verify that the locks are current"""

import argparse
import contextlib
import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments.engines.docker.connect import connect, docker_answers
from experiments.engines.docker.debian.base_image import DEBIAN_SUITES, archive_versions
from experiments.engines.docker.debian.mmdebstrap import mmdebstrap_missing
from experiments.engines.docker.registry import Registry
from experiments.engines.docker.resolve_images import Sources, check_digests, check_entries, join_entries, resolve
from experiments.engines.local.list_settings import head, write_list
from experiments.environment.hashes import PROJECT
from experiments.environment.image_lock import (
    IMAGE_LOCK,
    KINDS,
    Kind,
    Slot,
    load_image_lock,
    load_to_resolve,
    shown,
    write_image_lock,
)
from experiments.environment.requirements import LockTarget, lock_targets
from experiments.environment.resolve import make_lock, uv_environment
from experiments.errors import BadInput, Failure, suggest
from experiments.files import write_whole
from experiments.formatting import count
from experiments.matrix.known_settings import SETTINGS_LIST


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    example = f"such as py3.13.txt or {IMAGE_LOCK.name}"
    parser.add_argument("names", metavar="LOCK", nargs="*", help=f"only these files, {example} (default: all)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing and need no network: fail where a lock was not made from what the project asks for now "
        "or, where a registry answers, where it no longer has a base image",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make or check locks; return the exit code. Raises Failure if one cannot be made, BadInput for a wrong name."""
    targets = choose(lock_targets(), arguments.names)
    work_on, work_on_images = (check, check_images) if arguments.check else (make, make_images)
    code = work_on(targets) if targets else 0
    if not arguments.names or SETTINGS_LIST.name in arguments.names:
        code = max(code, (check_settings if arguments.check else make_settings)())
    if not arguments.names or IMAGE_LOCK.name in arguments.names:
        with reach_registry() as registry:
            code = max(code, work_on_images(registry))
    return code


def choose(targets: tuple[LockTarget, ...], names: list[str]) -> tuple[LockTarget, ...]:
    """Return the targets of these names, or all; images and settings are none. Raises BadInput for an unknown name."""
    known = [*(target.file.name for target in targets), SETTINGS_LIST.name, IMAGE_LOCK.name]
    for name in names:
        if name not in known:
            raise BadInput(f"unknown lock {name!r} {suggest(name, known)}")
    return tuple(target for target in targets if not names or target.file.name in names)


def check(targets: tuple[LockTarget, ...]) -> int:
    """Print every lock that is missing or was made from other inputs; return 1 if there is one."""
    outdated = [target for target in targets if not target.is_current()]
    for target in outdated:
        state = "was made from other requirements" if target.file.is_file() else "is missing"
        print(f"{_name(target)} {state}: run nox -s lock")
    if not outdated:
        print(f"{count(len(targets), 'lock')} checked: current")
    return 1 if outdated else 0


def make(targets: tuple[LockTarget, ...]) -> int:
    """Make the locks; print what was left out and what has to be built."""
    environment = uv_environment()
    for target in targets:
        notes = make_lock(target, environment)
        print(_name(target))
        for line in notes.lines():
            print(f"  {line.removeprefix('# ')}")
    return 0


def check_settings(path: Path = SETTINGS_LIST) -> int:
    """Print whether the list of PostgreSQL's settings is that of the locked programs; return 1 if not."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    current = lines[: len(head())] == head()
    print(f"{shown(path)} {'checked: current' if current else 'was made from other locks: run nox -s lock'}")
    return 0 if current else 1


def make_settings(path: Path = SETTINGS_LIST) -> int:
    """Ask each locked PostgreSQL for its settings, and write the list."""
    write_whole(path, write_list())
    print(shown(path))
    return 0


def check_images(registry: Registry, path: Path = PROJECT / IMAGE_LOCK) -> int:
    """Print what is missing, wrong or unconfirmed in the lock of the images; return 1 if something is wrong."""
    if not path.exists():
        print(f"{shown(path)} is missing: run nox -s lock")
        return 1
    lock = load_image_lock(path)
    outcome = check_digests(lock, registry)
    problems = check_entries(lock, debian_suites()) + outcome.problems
    for line in problems:
        print(line)
    for reason, entries in outcome.unanswered.items():
        print(f"{shown(path)}: not checked whether a registry has the digests of {join_entries(entries)}: {reason}")
    if not problems:
        print(f"{shown(path)} checked: current")
    return 1 if problems else 0


def make_images(registry: Registry, path: Path = PROJECT / IMAGE_LOCK) -> int:
    """Resolve tags and Debian's versions; print changes. Return 1 for a bad tag; raise Failure for no digest."""
    lock, unresolved = load_to_resolve(path)
    sources = Sources(registry, debian_suites(), debian_versions)
    found, outcome = resolve(lock, unresolved, sources, datetime.date.today().isoformat())
    write_image_lock(found, path)
    print(shown(path))
    for change in outcome.changes:
        print(f"  {change}")
    for reason, entries in outcome.unanswered.items():
        print(f"  not resolved, so as it was: {join_entries(entries)}: {reason}")
    for line in outcome.problems:
        print(line)
    return 1 if outcome.problems else 0


@contextlib.contextmanager
def reach_registry() -> Iterator[Registry]:
    """Connect to the registries by the Docker engine; without one, every question is answered by that reason."""
    reason = docker_answers()
    if reason:
        yield Registry(None, reason)
        return
    with contextlib.closing(connect()) as client:
        yield Registry(client)


def debian_suites() -> Mapping[Slot, str]:
    """Return the suite of Debian for each Python and PostgreSQL."""
    return {(kind, getattr(suite, kind)): name for kind in KINDS for name, suite in DEBIAN_SUITES.items()}


def debian_versions(kind: Kind, version: str) -> Mapping[str, str]:
    """Return the present versions of Debian's archive. Raises Failure if they cannot be determined."""
    missing = mmdebstrap_missing()
    if missing:
        raise Failure(missing)
    return archive_versions(kind, version)


def _name(target: LockTarget) -> str:
    return target.file.relative_to(PROJECT).as_posix() if target.file.is_relative_to(PROJECT) else target.file.name

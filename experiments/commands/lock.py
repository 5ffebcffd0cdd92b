"""resolve the locked requirements anew, or with --check say whether they are current"""

from __future__ import annotations

import argparse

from experiments.axis_types import suggest
from experiments.errors import BadInput
from experiments.identity import PROJECT
from experiments.lock import LockTarget, lock_targets
from experiments.resolve import make_lock, uv_environment
from experiments.wording import count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("names", metavar="LOCK", nargs="*", help="only these files, such as py3.13.txt (default: all)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing and need no network: fail where a lock was not made from what pyproject.toml asks for now",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make locks, or check them; the exit code. Raises Failure where one cannot be made, BadInput for a wrong name."""
    targets = choose(lock_targets(), arguments.names)
    return check(targets) if arguments.check else make(targets)


def choose(targets: tuple[LockTarget, ...], names: list[str]) -> tuple[LockTarget, ...]:
    """The targets of these names; all without names. Raises BadInput for a name that is none's."""
    known = [target.file.name for target in targets]
    for name in names:
        if name not in known:
            raise BadInput(f"lock: {name!r} is no lock {suggest(name, known)}")
    return tuple(target for target in targets if not names or target.file.name in names)


def check(targets: tuple[LockTarget, ...]) -> int:
    """Name every lock that is missing or was made from other inputs; 1 where there is one."""
    outdated = [target for target in targets if not target.is_current()]
    for target in outdated:
        state = "was made from other requirements" if target.file.is_file() else "is missing"
        print(f"{_name(target)} {state}: run nox -s lock")
    if not outdated:
        print(f"{count(len(targets), 'lock')} checked: current")
    return 1 if outdated else 0


def make(targets: tuple[LockTarget, ...]) -> int:
    """Make the locks, telling what was left out."""
    environment = uv_environment()
    for target in targets:
        left_out = make_lock(target, environment)
        print(_name(target))
        for name, reason in left_out.items():
            print(f"  left out: {name}: {reason}")
    return 0


def _name(target: LockTarget) -> str:
    return target.file.relative_to(PROJECT).as_posix() if target.file.is_relative_to(PROJECT) else target.file.name

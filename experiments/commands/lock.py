"""resolve the locked requirements anew, or with --check say whether they are current"""

from __future__ import annotations

import argparse

from experiments.identity import PROJECT
from experiments.lock import LockTarget, lock_targets
from experiments.resolve import make_lock, uv_environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing and need no network: fail where a lock was not made from what pyproject.toml asks for now",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make all locks, or check them; the exit code. Raises Failure where one cannot be made."""
    targets = lock_targets()
    return check(targets) if arguments.check else make_all(targets)


def check(targets: tuple[LockTarget, ...]) -> int:
    """Name every lock that is missing or was made from other inputs; 1 where there is one."""
    outdated = [target for target in targets if not target.is_current()]
    for target in outdated:
        state = "was made from other requirements" if target.file.is_file() else "is missing"
        print(f"{_name(target)} {state}: run nox -s lock")
    if not outdated:
        print(f"all {len(targets)} locks are current")
    return 1 if outdated else 0


def make_all(targets: tuple[LockTarget, ...]) -> int:
    """Make every lock, telling what was left out."""
    environment = uv_environment()
    for target in targets:
        left_out = make_lock(target, environment)
        print(_name(target))
        for name, reason in left_out.items():
            print(f"  left out: {name}: {reason}")
    return 0


def _name(target: LockTarget) -> str:
    return target.file.relative_to(PROJECT).as_posix() if target.file.is_relative_to(PROJECT) else target.file.name

"""Account of PostgreSQL, which refuses to run as root, as the harness may."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import Failure

# Accounts without rights that distributions bring. Not 'postgres': that one belongs to somebody else's server.
_UNPRIVILEGED = ("nobody", "daemon")


@dataclass(frozen=True)
class Account:
    """An unprivileged account that root hands PostgreSQL to."""

    name: str
    user_id: int
    group_id: int


def server_account() -> Account | None:
    """Return the account to change to; None if the harness is not root. Raises Failure if no such account is here."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise Failure(
        "PostgreSQL does not run as root, and this machine has none of the accounts it could run under "
        f"({', '.join(_UNPRIVILEGED)}). Run the harness as an ordinary user."
    )


def start_as(
    account: Account | None, command: Sequence[str], *, output: int, extra_environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a program of PostgreSQL under the account, in a session of its own so that Ctrl-C does not reach it.

    Both outputs go to ``output`` (a file descriptor, or ``subprocess.PIPE``). The working directory is one that every
    account can enter, nothing of the caller's PostgreSQL settings is inherited, and messages are in English, as the
    harness reads some of them.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.Popen(
        list(command),
        cwd="/",
        env={**kept, "LC_ALL": "C", **(extra_environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        user=None if account is None else account.user_id,
        group=None if account is None else account.group_id,
        extra_groups=None if account is None else [],
    )


def run_as(
    account: Account | None,
    command: Sequence[str],
    *,
    timeout_s: float,
    extra_environment: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Return a PostgreSQL program's exit code and outputs. Raises Failure if it does not start, or end in time."""
    try:
        process = start_as(account, command, output=subprocess.PIPE, extra_environment=extra_environment)
    except OSError as error:
        raise Failure(f"{command[0]} cannot be started: {error.strerror}") from error
    with process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except BaseException as error:
            # With what it has started: initdb's server would go on writing.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise Failure(f"{command[0]} did not end within {timeout_s:.0f} s") from error
            raise
    return process.returncode, output


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of a file or folder."""
    if account is not None:
        shutil.chown(path, account.user_id, account.group_id)

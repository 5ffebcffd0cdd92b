"""Making the files of locked requirements with uv, from the package index that pip is configured for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence

from experiments.errors import Failure
from experiments.lock import LockTarget

# The loader runs on both; a lock that held for one only would be refused by pip on the other.
_PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")
_TIMEOUT_S = 600.0
# Without these there is no table to load into: an interpreter that cannot have them can have no lock.
_INDISPENSABLE = ("SQLAlchemy", "psycopg2-binary")
# What uv calls the settings that pip knows by these names.
_UV_NAMES = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}


class Unresolved(Exception):
    """No versions fit. The message is uv's reason on one line."""


def make_lock(target: LockTarget, environment: Mapping[str, str]) -> dict[str, str]:
    """Resolve the newest versions and write the lock; returns what had to be left out, with the reasons.

    Raises Failure where the requirements cannot be had and none may be left out.
    """
    left_out = find_unavailable(target, environment) if target.may_leave_out else {}
    kept = [requirement for requirement in target.requirements if requirement_name(requirement) not in left_out]
    try:
        text = _resolve_everywhere(target, kept, environment)
    except Unresolved as error:
        raise Failure(f"{target.file.name}: {error}") from error
    target.file.parent.mkdir(parents=True, exist_ok=True)
    target.file.write_text(target.header(left_out) + text)
    return left_out


def find_unavailable(target: LockTarget, environment: Mapping[str, str]) -> dict[str, str]:
    """The requirements that cannot be had for the target's interpreter as wheels, each with the reason.

    Raises Failure where one of them is indispensable.
    """
    try:
        _resolve_everywhere(target, target.requirements, environment)
    except Unresolved:
        pass
    else:
        return {}
    found = {}
    for requirement in target.requirements:
        try:
            _resolve_everywhere(target, [requirement], environment)
        except Unresolved as error:
            found[requirement_name(requirement)] = str(error)
    missing = [name for name in _INDISPENSABLE if name in found]
    if missing:
        raise Failure(f"{target.file.name}: every loader needs {missing[0]}: {found[missing[0]]}")
    return found


def requirement_name(requirement: str) -> str:
    """The distribution that a requirement such as ``psycopg[binary]>=3.1`` names: 'psycopg'."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return match[0] if match else requirement


def index_environment(pip_configuration: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv, which does not read pip's configuration: index and certificate under uv's names.

    ``pip_configuration`` is what ``pip config list`` prints. What the user has set for uv stays.
    """
    result = dict(environment)
    for line in pip_configuration.splitlines():
        match = re.fullmatch(r"(?:global|install|:env:)\.([\w-]+)='(.*)'", line)
        if match and match[1] in _UV_NAMES:
            result.setdefault(_UV_NAMES[match[1]], match[2])
    return result


def uv_environment() -> dict[str, str]:
    """The environment for uv on this machine."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    return index_environment(listed.stdout, os.environ)


def _resolve_everywhere(target: LockTarget, requirements: Sequence[str], environment: Mapping[str, str]) -> str:
    """The locked requirements, the same for all platforms."""
    if target.universal:
        return _resolve(target, requirements, ["--universal"], environment)
    texts = {
        platform: _resolve(target, requirements, ["--python-platform", platform], environment)
        for platform in _PLATFORMS
    }
    if len(set(texts.values())) > 1:
        raise Unresolved(f"the newest versions with wheels differ between {' and '.join(texts)}")
    return texts[_PLATFORMS[0]]


def _resolve(
    target: LockTarget, requirements: Sequence[str], options: Sequence[str], environment: Mapping[str, str]
) -> str:
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--color", "never"]
    command += ["--python-version", target.python, "--only-binary", ":all:", "--generate-hashes"]
    # No index, path or annotation of this machine gets into the file.
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--upgrade", *options]
    if not target.own_dependencies:
        command.append("--no-deps")
    done = subprocess.run(
        command,
        input="\n".join(requirements),
        capture_output=True,
        text=True,
        env=dict(environment),
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        if "No solution found" not in done.stderr:
            raise Failure(f"{target.file.name}: uv failed: {' '.join(done.stderr.split())}")
        raise Unresolved(_cause(done.stderr))
    return done.stdout


def _cause(message: str) -> str:
    """The reason in uv's report on an impossible resolution, without its hints."""
    text = " ".join(message.partition("hint:")[0].split())
    match = re.search(r"cause: Because (.*?)(?:,? and you require|, we can conclude|$)", text)
    return match[1] if match else text

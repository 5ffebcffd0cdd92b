"""Facts of this machine and checkout for the published results: no host name, no user name, no path."""

import importlib.metadata
import os
import platform
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.environment.affinity import allowed_cpus
from experiments.environment.hashes import PROJECT
from experiments.environment.mounts import file_system_of, read_mounts
from experiments.records.facts import MachineFacts

ROOT = Path("/")
_WHAT_COUNTS = ("bigdata", "docker", "experiments", "matrix.yaml", "noxfile.py", "pyproject.toml")
PACKAGES = ("docker", "pydantic", "pyyaml", "rich", "scipy", "tabulate")


def describe_environment(data_folder: Path, root: Path = ROOT, project: Path = PROJECT) -> MachineFacts:
    """Return all facts, null if unknown. ``data_folder`` is that of servers on disk."""
    commit, changes = _commit(project)
    return MachineFacts(
        cpu=_read(root, "proc/cpuinfo", _cpu_model) or platform.processor() or platform.machine(),
        machine=platform.machine(),
        cores=os.cpu_count(),
        cores_allowed=sorted(allowed_cpus()),
        memory_bytes=_read(root, "proc/meminfo", _memory_bytes),
        system=_read(root, "etc/os-release", lambda text: _value(text, "PRETTY_NAME"))
        or f"{platform.system()} {platform.release()}",
        kernel=f"{platform.system()} {platform.release()}",
        virtualisation=_read(root, "proc/cpuinfo", _virtualisation),
        file_system=_read(
            root, "proc/self/mountinfo", lambda text: file_system_of(data_folder, read_mounts(text)).kind
        ),
        commit=commit,
        uncommitted_changes=changes,
        harness_python=platform.python_version(),
        harness_packages={name: importlib.metadata.version(name) for name in PACKAGES},
        platform=sys.platform,
    )


def identify_machine(root: Path = ROOT) -> str:
    """Return what only this machine has since it was started, containers on it included: no name of it."""
    booted: str | None = _read(root, "proc/sys/kernel/random/boot_id", str.strip)
    return booted or f"{uuid.getnode():x}"


def _read(root: Path, name: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse((root / name).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None


def _value(text: str, name: str) -> str | None:
    """Return the value of the first ``name: value`` or ``name=value`` line."""
    for line in text.splitlines():
        key, separator, value = line.partition("=" if "=" in line and ":" not in line.split("=")[0] else ":")
        if separator and key.strip() == name:
            return value.strip().strip('"')
    return None


def _cpu_model(text: str) -> str | None:
    return _value(text, "model name") or _value(text, "Model") or _value(text, "Processor")


def _memory_bytes(text: str) -> int | None:
    total = _value(text, "MemTotal")
    return int(total.split()[0]) * 1024 if total else None


def _virtualisation(text: str) -> str | None:
    flags = _value(text, "flags")
    if flags is None:
        return None
    return "virtual machine" if "hypervisor" in flags.split() else "none"


def _commit(project: Path) -> tuple[str | None, bool | None]:
    """Return the checkout's commit, and whether files differ from it; nulls outside of a checkout."""
    try:
        commit = _git(project, "rev-parse", "HEAD")
        # Of other files, such as results, nothing of a campaign depends.
        changes = _git(project, "status", "--porcelain", "--", *_WHAT_COUNTS)
    except (OSError, subprocess.SubprocessError):
        return None, None
    return commit, bool(changes)


def find_ownership_problem(project: Path = PROJECT) -> str | None:
    """Return why git does not read this checkout, with the way out; None if it does, or for another reason."""
    try:
        _git(project, "rev-parse", "HEAD")
    except (OSError, subprocess.SubprocessError) as error:
        if isinstance(error, subprocess.CalledProcessError) and "dubious ownership" in error.stderr:
            return (
                "the checkout belongs to another user, so git does not tell its commit and records will not name it; "
                f"to allow it: git config --global --add safe.directory {project}"
            )
    return None


def _git(project: Path, *arguments: str) -> str:
    command = ["git", "-C", str(project), *arguments]
    environment = {**os.environ, "LC_ALL": "C"}
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, env=environment)
    return finished.stdout.strip()

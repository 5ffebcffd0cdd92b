"""CPU time of a container: from its control group if this machine has it, else from the engine."""

from pathlib import Path

from docker import DockerClient

from experiments.engines.docker.errors import docker_errors
from experiments.errors import Failure

_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")
_ONE_SHOT_API = (1, 41)


def cpu_file(pid: int, proc: Path = _PROC, groups: Path = _GROUPS) -> Path | None:
    """Return the file with the CPU time of a process's control group (version 1 or 2), if there is one.

    See cgroups(7): a line is number, controllers, path; version 2 has one line with number 0 and no controllers.
    """
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None
    paths = {controllers: path.lstrip("/") for _, controllers, path in (line.split(":", 2) for line in lines)}
    files = [groups / "cpuacct" / path / "cpuacct.usage" for names, path in paths.items() if "cpuacct" in names]
    if "" in paths:
        files.append(groups / paths[""] / "cpu.stat")
    return next((file for file in files if file.is_file()), None)


def read_cpu_s(file: Path) -> float | None:
    """Read CPU seconds from such a file; None if it has gone with its container."""
    try:
        text = file.read_text()
    except OSError:
        return None
    if file.name == "cpuacct.usage":
        return int(text) / 1e9
    fields = dict(line.split() for line in text.splitlines())
    return int(fields["usage_usec"]) / 1e6


def ask_cpu_s(client: DockerClient, container: str) -> float | None:
    """Ask for a container's CPU seconds, None if it has ended: up to 1 s, or 2 s with engines before 20.10."""
    api = client.api
    version = tuple(int(part) for part in api.api_version.split("."))
    with docker_errors("ask for a container's CPU time"):
        found = api.stats(container, stream=False, **({"one_shot": True} if version >= _ONE_SHOT_API else {}))
    try:
        return int(found["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9 or None
    except (KeyError, TypeError) as error:
        raise Failure("docker: the engine does not say how much CPU time a container has used") from error

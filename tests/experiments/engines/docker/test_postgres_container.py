from __future__ import annotations

import pytest

from experiments.engines.docker.postgres_container import (
    StartReport,
    data_home,
    describe_image_and_start,
    find_messages,
    parse_start_report,
)
from experiments.engines.docker.server import check_storage
from experiments.engines.postgres import INITDB_OPTIONS
from experiments.environment.hashes import PROJECT, short_hash
from experiments.errors import Failure, Unsupported

LOG = """bigdata-matrix: version postgres (PostgreSQL) 17.12 (Debian 17.12-0+deb13u1)
The files belonging to this database system will be owned by user "postgres".
bigdata-matrix: storage ext2/ext3
bigdata-matrix: starting
2026-11-22 20:57:11.183 UTC [1] LOG:  database system is ready to accept connections
"""


@pytest.mark.parametrize(
    ("volumes", "major", "home"),
    [
        ({"/var/lib/postgresql/data": {}}, "17", "/var/lib/postgresql/data"),
        ({"/var/lib/postgresql": {}}, "18", "/var/lib/postgresql"),
        (None, "17", "/var/lib/postgresql/data"),
        ({}, "18", "/var/lib/postgresql"),
        ({"/somewhere": {}}, "19", "/var/lib/postgresql"),
    ],
)
def test_data_goes_where_the_image_wants_a_volume(volumes: dict[str, object] | None, major: str, home: str) -> None:
    assert data_home({"Config": {"Volumes": volumes}}, major) == home


def test_the_start_script_says_version_and_file_system() -> None:
    assert parse_start_report(LOG) == StartReport("17.12", "ext2/ext3")


def test_a_version_without_a_point_is_one() -> None:
    assert parse_start_report(LOG.replace("17.12 (", "19beta1 (")).version == "19"


def test_a_start_script_that_says_nothing_is_a_failure() -> None:
    with pytest.raises(Failure, match=r"start-postgres\.sh did not say what it started: no such thing"):
        parse_start_report("no such thing")


def test_why_it_ended_is_neither_what_initdb_said_nor_what_pg_isready_heard() -> None:
    log = (
        'initdb: error: nothing\nWARNING:  enabling "trust"\nFATAL:  of initdb\nbigdata-matrix: starting\n'
        "2026-11-22 20:57:11.190 UTC [70] FATAL:  the database system is starting up\n"
        '2026-11-22 20:57:11.190 UTC [1] FATAL:  could not access file "nothing": No such file or directory\n'
    )
    assert find_messages(log) == 'could not access file "nothing": No such file or directory'


def test_where_there_was_no_start_it_is_what_initdb_said() -> None:
    assert find_messages("initdb: error: could not create directory") == "initdb: error: could not create directory"


def test_a_disk_that_is_kept_in_memory_is_unsupported() -> None:
    check_storage("disk", StartReport("17.12", "ext2/ext3"))
    check_storage("tmpfs", StartReport("17.12", "tmpfs"))
    with pytest.raises(Unsupported, match="storage disk: the Docker engine keeps its volumes on a tmpfs, in memory"):
        check_storage("disk", StartReport("17.12", "tmpfs"))


def test_a_server_is_told_by_its_image_and_the_script_that_starts_it() -> None:
    script = (PROJECT / "docker" / "start-postgres.sh").read_text()
    hashed = short_hash(script, *INITDB_OPTIONS)
    assert describe_image_and_start("debian trixie: x 1") == f"debian trixie: x 1; start-postgres.sh {hashed}"

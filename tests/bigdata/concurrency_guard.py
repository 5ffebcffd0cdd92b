"""The concurrency guard: do workers that wait for the server wait at the same time, in both phases?"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.engines.local.server import LocalServer
from tests.bigdata import loader_program as program

WORKERS = 5
SLEEP_S = 0.3
CONCURRENT_WITHIN_S = 0.6
# The machine may be busy with something else; what is serial stays so.
TRIES = 3

# Of those that have every record, the one with the fewest values: what takes time is the sleep.
SEGMENT = "04"

# One record for each worker, which takes so long on the server: its INSERT in phase geo, its first in phase data.
SLEEPING_TABLES = f"""
    CREATE FUNCTION take_long() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep({SLEEP_S}); RETURN NEW; END $$;
    CREATE TRIGGER take_long BEFORE INSERT ON geo_record FOR EACH ROW EXECUTE FUNCTION take_long();
    CREATE FUNCTION begin_slowly() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
        IF NOT EXISTS (SELECT FROM data_element WHERE geo_record_id = NEW.geo_record_id) THEN
            PERFORM pg_sleep({SLEEP_S});
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER begin_slowly BEFORE INSERT ON data_element FOR EACH ROW EXECUTE FUNCTION begin_slowly();
    CREATE INDEX ON data_element (geo_record_id)
"""


@contextlib.contextmanager
def sleeping_database(server: LocalServer) -> Iterator[str]:
    """The address of a database with such tables; it holds the password."""
    name = f"test_{secrets.token_hex(4)}"
    server.execute(f"CREATE DATABASE {name}")
    dburl = server.url(name, with_password=True)
    assert program.run("clear", dburl=dburl).returncode == 0
    program.query(dburl, SLEEPING_TABLES)
    yield dburl
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def generate(directory: Path) -> Path:
    """The records to load: one for each worker."""
    return program.generate(directory, segments=SEGMENT, records=WORKERS)


def phases_s(report: Mapping[str, Any]) -> dict[str, float]:
    """The seconds of each phase in a loader's report."""
    return {name: float(phase["wall_s"]) for name, phase in report["phases"].items()}


def serial_phases(load: Callable[[], Mapping[str, float]], dburl: str, tries: int = TRIES) -> set[str]:
    """The phases in which the workers of ``load``, which returns seconds by phase, never waited at the same time."""
    serial = {"geo", "data"}
    for _ in range(tries):
        program.query(dburl, "TRUNCATE geo_record, data_element")
        wall_s = load()
        # They did wait.
        assert min(wall_s.values()) >= SLEEP_S
        serial -= {phase for phase in serial if wall_s[phase] < CONCURRENT_WITHIN_S}
        if not serial:
            break
    return serial

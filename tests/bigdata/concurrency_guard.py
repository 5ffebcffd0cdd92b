"""The concurrency guard: do workers that wait for the server wait at the same time, in both phases?

The server tells, not the clock: each worker waits in its INSERT until it sees all of them wait, however long a busy
machine takes for that. Where they are serial each gives up alone.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from experiments.engines.local.server import LocalServer
from tests.bigdata import loader_program as program

WORKERS = 5
PATIENCE_S = 10.0
# For loaders that are serial, of which every worker loses its patience, one after the other.
SHORT_PATIENCE_S = 0.5

# Of those that have every record, the one with the fewest values: what takes time is the waiting.
SEGMENT = "04"

# One record for each worker: they meet in its INSERT in phase geo, and in its first in phase data. Who waits holds an
# advisory lock, shared; who has seen all of them opens the gate by another one, which it keeps until it disconnects.
MEETING_TABLES = f"""
    CREATE TABLE patience (seconds float);
    INSERT INTO patience VALUES (0);
    CREATE TABLE meetings (phase text, most integer);
    CREATE FUNCTION meet(phase text, waiting bigint) RETURNS void LANGUAGE plpgsql AS
    $$ DECLARE
        gate CONSTANT bigint := waiting + 10;
        until CONSTANT timestamptz := clock_timestamp() + (SELECT seconds FROM patience) * interval '1 s';
        locks integer[];
        most integer := 0;
    BEGIN
        PERFORM pg_advisory_lock_shared(waiting);
        WHILE clock_timestamp() < until LOOP
            SELECT array_agg(objid::bigint) INTO locks FROM pg_locks
                WHERE locktype = 'advisory' AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
            most := greatest(most, cardinality(array_positions(locks, waiting::integer)));
            IF most >= {WORKERS} THEN
                PERFORM pg_advisory_lock_shared(gate);
            END IF;
            EXIT WHEN most >= {WORKERS} OR gate = ANY (locks);
            PERFORM pg_sleep(0.002);
        END LOOP;
        PERFORM pg_advisory_unlock_shared(waiting);
        INSERT INTO meetings VALUES (phase, most);
    END $$;
    CREATE FUNCTION meet_in_geo() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM meet('geo', 1); RETURN NEW; END $$;
    CREATE TRIGGER meet_in_geo BEFORE INSERT ON geo_record FOR EACH ROW EXECUTE FUNCTION meet_in_geo();
    CREATE FUNCTION meet_in_data() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
        IF NOT EXISTS (SELECT FROM data_element WHERE geo_record_id = NEW.geo_record_id) THEN
            PERFORM meet('data', 2);
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER meet_in_data BEFORE INSERT ON data_element FOR EACH ROW EXECUTE FUNCTION meet_in_data();
    CREATE INDEX ON data_element (geo_record_id)
"""


@contextlib.contextmanager
def meeting_database(server: LocalServer) -> Iterator[str]:
    """The address of a database with such tables; it holds the password."""
    name = f"test_{secrets.token_hex(4)}"
    server.execute(f"CREATE DATABASE {name}")
    dburl = server.url(name, with_password=True)
    assert program.run("clear", dburl=dburl).returncode == 0
    program.query(dburl, MEETING_TABLES)
    yield dburl
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def generate(directory: Path) -> Path:
    """The records to load: one for each worker."""
    return program.generate(directory, segments=SEGMENT, records=WORKERS)


def serial_phases(load: Callable[[], object], dburl: str, patience_s: float = PATIENCE_S) -> set[str]:
    """The phases in which the workers of ``load`` never waited at the same time."""
    program.query(dburl, f"TRUNCATE geo_record, data_element, meetings; UPDATE patience SET seconds = {patience_s}")
    load()
    met = program.query(dburl, "SELECT phase, count(*), max(most) FROM meetings GROUP BY phase")
    # They did wait.
    assert {phase: count for phase, count, _ in met} == {"geo": WORKERS, "data": WORKERS}
    return {phase for phase, _, most in met if most < WORKERS}

"""SQL statements, each written once, with the server's parameters: $1, $2, ...

A loader whose driver wants another style translates at import (``pyformat``), never in a loop. What comes after COMMIT
prepares and checks the database, and is never measured.
"""

from __future__ import annotations

import re

from bigdata.census.sf1 import GEO_COLUMNS
from bigdata.registry import WAIT

INSERT_GEO = "INSERT INTO geo_record ({}) VALUES ({})".format(  # noqa: S608 - column names
    ", ".join(GEO_COLUMNS), ", ".join(f"${number}" for number in range(1, len(GEO_COLUMNS) + 1))
)

SELECT_GEO_ID = "SELECT id FROM geo_record WHERE fileid = $1 AND stusab = $2 AND logrecno = $3"

SELECT_ITEM_IDS = (
    "SELECT dictionary_item.id FROM dictionary_item JOIN matrix ON matrix.id = dictionary_item.matrix_id "
    "WHERE matrix.segment_id = $1 ORDER BY matrix.sortkey, dictionary_item.index"
)

INSERT_ELEMENT = "INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES ($1, $2, $3)"

# Of the other workloads: a geo record by its key, all of its data elements, a change of it, and a slow query.
_OF_KEY = "WHERE geo_record.fileid = $1 AND geo_record.stusab = $2 AND geo_record.logrecno = $3"
LOOKED_UP_COLUMNS = (
    *("stusab", "logrecno", "sumlev", "county", "name", "pop100", "hu100", "latitude", "longitude", "land_area"),
)
SELECT_GEO = f"SELECT {', '.join(LOOKED_UP_COLUMNS)} FROM geo_record {_OF_KEY}"  # noqa: S608 - column names
SELECT_ELEMENTS = (
    "SELECT matrix.code, dictionary_item.name, data_element.value, geo_record.stusab, geo_record.logrecno "  # noqa: S608
    "FROM geo_record JOIN data_element ON data_element.geo_record_id = geo_record.id "
    "JOIN dictionary_item ON dictionary_item.id = data_element.dictionary_item_id "
    f"JOIN matrix ON matrix.id = dictionary_item.matrix_id {_OF_KEY}"
)
LOCK_GEO = f"SELECT id, pop100 FROM geo_record {_OF_KEY} FOR UPDATE"  # noqa: S608
UPDATE_GEO = "UPDATE geo_record SET pop100 = $1 WHERE id = $2"
FIRST_ITEM_ID = 1
"""Of the dictionary, whose ids begin there."""
# A text in the place of nothing, which drivers return alike; a parameter, so that each protocol is what it says.
SLEEP = "SELECT slept::text FROM pg_sleep($1) AS slept"
SLEEP_S = WAIT.least_s

BEGIN = "BEGIN"
COMMIT = "COMMIT"

# For ceilings, and workloads that find their data loaded. What COPY takes in is as many columns as an INSERT has. The
# ids are asked for before the clock starts.
COPY_ELEMENTS = "COPY data_element (geo_record_id, dictionary_item_id, value) FROM STDIN"
FIND_GEO_IDS = "SELECT fileid, stusab, logrecno, id FROM geo_record"
FIND_ITEM_IDS = (
    "SELECT matrix.segment_id, dictionary_item.id FROM dictionary_item "
    "JOIN matrix ON matrix.id = dictionary_item.matrix_id ORDER BY matrix.sortkey, dictionary_item.index"
)

# The table that an unqualified name means, as it does for the measured statements, its comment and its columns.
FIND_TABLES = """
    SELECT name, obj_description(to_regclass(name), 'pg_class'), ARRAY(
        SELECT attname::text FROM pg_attribute
        WHERE attrelid = to_regclass(name) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
    )
    FROM unnest($1) AS name WHERE to_regclass(name) IS NOT NULL
"""
COUNT_DICTIONARY = "SELECT (SELECT count(*) FROM matrix), (SELECT count(*) FROM dictionary_item)"

# What a session is: its database, its server, and all settings that a client can change. application_name is a label;
# psycopg2 wants its own DateStyle, and no date is sent.
SESSION = """
    SELECT 'database', current_database()::text
    UNION ALL SELECT 'user', current_user::text
    UNION ALL SELECT 'server address', host(inet_server_addr()) || ':' || inet_server_port()
    UNION ALL SELECT 'server started', extract(epoch FROM pg_postmaster_start_time())::text
    UNION ALL SELECT 'tls', (SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid())
    UNION ALL SELECT name, setting FROM pg_settings
        WHERE context IN ('user', 'superuser', 'backend', 'superuser-backend')
            AND name NOT IN ('application_name', 'DateStyle')
"""

CLOCK = "SELECT extract(epoch FROM clock_timestamp())"
TLS = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

# A table that somebody else holds locked must not keep the program waiting for ever.
BOUND_WAITING = "SET lock_timeout = '10s'"
# The index is of filled tables alone: it would slow INSERTs down. Its comment names what they are filled with.
CLEAR = "DROP INDEX IF EXISTS data_element_of_geo_record; TRUNCATE geo_record, data_element RESTART IDENTITY"
COPY_GEO = f"COPY geo_record ({', '.join(GEO_COLUMNS)}) FROM STDIN"
CREATE_INDEX = "CREATE INDEX data_element_of_geo_record ON data_element (geo_record_id)"
SETTLE = "VACUUM (ANALYZE) geo_record, data_element"
MARK_FILLED = "COMMENT ON INDEX data_element_of_geo_record IS $1"
FIND_MARK = "SELECT obj_description(to_regclass('data_element_of_geo_record'), 'pg_class')"
CHECKPOINT = "CHECKPOINT"
MAY_CHECKPOINT = (
    "SELECT rolsuper OR EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_checkpoint' AND pg_has_role(oid, 'USAGE')) "
    "FROM pg_roles WHERE rolname = current_user"
)

# In the order of marked_tables.ConnectionLimits. No limit is -1; a superuser has none besides max_connections.
CONNECTION_LIMITS = """
    WITH other AS (
        SELECT usename, datname FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    ), role AS (
        SELECT rolsuper, rolconnlimit FROM pg_roles WHERE rolname = current_user
    )
    SELECT current_setting('max_connections')::int,
        CASE WHEN rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true), '0')::int END,
        (SELECT count(*) FROM other),
        CASE WHEN rolsuper THEN -1 ELSE rolconnlimit END,
        (SELECT count(*) FROM other WHERE usename = current_user),
        CASE WHEN rolsuper THEN -1 ELSE (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) END,
        (SELECT count(*) FROM other WHERE datname = current_database())
    FROM role
"""

TERMINATE_BACKEND = "SELECT pg_terminate_backend($1)"
# Those of clients: autovacuum comes and goes as it likes.
COUNT_BACKENDS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = $1 AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
# What SELECT_GEO_ID scans is the table or the index of its key, once each time; the primary key is what a foreign key
# is checked by. SELECT_ITEM_IDS scans matrix, whatever the plan; nothing else does. Data elements are counted as they
# are read, geo records as they are changed.
SCANS = """
    SELECT (SELECT seq_scan FROM pg_stat_user_tables WHERE relid = to_regclass('geo_record'))
        + (SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelid = to_regclass('geo_record_of_file')),
        (SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relid = to_regclass('matrix')),
        (SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relid = to_regclass('data_element')),
        (SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = to_regclass('geo_record'))
"""
TRANSACTIONS = "SELECT xact_commit FROM pg_stat_database WHERE datname = $1"

# What the connections of a database are at. Not the view pg_stat_activity, which joins names to each row that nobody
# reads here; prepared, because planning would take longer than all else.
PREPARE_ACTIVITY = """
    PREPARE activity (name) AS
    SELECT state, wait_event_type, wait_event, count(*) FROM pg_stat_get_activity(NULL)
    WHERE datid = (SELECT oid FROM pg_database WHERE datname = $1) AND backend_type = 'client backend'
        AND pid <> pg_backend_pid()
    GROUP BY state, wait_event_type, wait_event
"""
EXECUTE_ACTIVITY = "EXECUTE activity($1)"
# Which the server answers without parsing, planning or a transaction.
EMPTY = ";"

# The first 64 bits of the MD5 of each row's text, as signed integers, added up: independent of order and of ids.
_DIGEST = "SELECT count(*), coalesce(sum(('x' || left(md5(convert_to({}, 'UTF8')), 16))::bit(64)::bigint), 0) FROM {}"
# With its length in front of each text, so that neither NULL and an empty text nor two columns can be confused.
_MEASURED = "coalesce(octet_length(convert_to({0}::text, 'UTF8')) || ':' || {0}::text, '')"
DIGEST_GEO = _DIGEST.format(" || '|' || ".join(map(_MEASURED.format, GEO_COLUMNS)), "geo_record")
DIGEST_DATA = _DIGEST.format(
    "concat_ws('|', fileid, stusab, logrecno, matrix.code, dictionary_item.index, value)",
    "data_element JOIN geo_record ON geo_record.id = geo_record_id "
    "JOIN dictionary_item ON dictionary_item.id = dictionary_item_id JOIN matrix ON matrix.id = matrix_id",
)


def literal(value: object) -> str:
    """Return the value as an SQL literal: a text in quotes, a number as it is."""
    return "'{}'".format(value.replace("'", "''")) if isinstance(value, str) else str(value)


def with_values(statement: str, *values: object) -> str:
    """Return the statement with these texts for $1, $2, ...: literals, or variables of a program."""
    return re.sub(r"\$(\d+)", lambda number: str(values[int(number.group(1)) - 1]), statement)


def pyformat(statement: str) -> str:
    """Return the statement with %s for each parameter, as psycopg2 needs it.

    %s has no number, so $1, $2, ... must each occur once and in this order. Raises ValueError if they do not, and
    for a percent sign, which would have to be doubled.
    """
    numbers = [int(number) for number in re.findall(r"\$(\d+)", statement)]
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"parameters must be $1, $2, ... in order, but are {numbers}: {statement}")
    if "%" in statement:
        raise ValueError(f"a percent sign cannot be translated: {statement}")
    return re.sub(r"\$\d+", "%s", statement)

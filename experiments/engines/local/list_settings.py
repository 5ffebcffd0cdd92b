"""List of the settings of every PostgreSQL, made by asking the locked programs."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.engines.local.account import give, run_as, server_account
from experiments.engines.local.postgres_binaries import Binaries, locked_binaries
from experiments.environment.hashes import text_hash
from experiments.environment.requirements import POSTGRESQL_MAJORS, postgresql_lock
from experiments.errors import Failure
from experiments.matrix.known_settings import COLUMNS, NOTHING

_QUERY = """\
COPY (SELECT name, vartype, unit, min_val, max_val, array_to_string(enumvals, ',') FROM pg_settings \
WHERE context <> 'internal' ORDER BY name COLLATE "C") TO '{}' WITH (NULL '{}')
"""
_SINGLE_USER = ("/bin/sh", "-c", 'exec "$0" --single -D "$1" postgres < "$2"')
_TIMEOUT_S = 60.0
# Values that the locked programs were built without, and others may have.
_OF_OTHER_BUILDS: Mapping[str, tuple[str, ...]] = {
    "default_toast_compression": ("lz4",),
    "io_method": ("io_uring",),
    "wal_compression": ("lz4", "zstd"),
}

Row = tuple[str, ...]


def write_list() -> str:
    """Write the text of the list. Raises Failure if a PostgreSQL cannot be had, or does not start."""
    majors: dict[Row, list[str]] = {}
    for major in POSTGRESQL_MAJORS:
        for row in _ask(locked_binaries(major)):
            majors.setdefault(row, []).append(major)
    lines = ["\t".join((*row, ",".join(having))) for row, having in sorted(majors.items())]
    return "\n".join([*head(), *lines]) + "\n"


def head() -> list[str]:
    """Return the comment lines of a list that is made from the locks of today."""
    hashes = {major: text_hash(postgresql_lock(major)).removeprefix("sha256:")[:12] for major in POSTGRESQL_MAJORS}
    inputs = " ".join(f"{major}={digest}" for major, digest in hashes.items())
    names = "\t".join(COLUMNS)
    return ["# Settings of PostgreSQL, made by `nox -s lock` from pg_settings.", f"# inputs: {inputs}", f"# {names}"]


def _ask(binaries: Binaries) -> Sequence[Row]:
    account = server_account()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        query, answer, data = folder / "query", folder / "answer", folder / "data"
        query.write_text(_QUERY.format(answer, NOTHING))
        for path in (folder, query):
            give(path, account)
        single = [*_SINGLE_USER, str(binaries.folder / "postgres"), str(data), str(query)]
        initdb = [str(binaries.folder / "initdb"), f"--pgdata={data}", "--no-sync", "--locale=C"]
        for command in (initdb, single):
            code, output = run_as(account, command, timeout_s=_TIMEOUT_S)
            if code != 0:
                raise Failure(f"PostgreSQL {binaries.version} could not list its settings: {output.strip()}")
        return [_complete(line.split("\t")) for line in answer.read_text(encoding="utf-8").splitlines()]


def _complete(row: list[str]) -> Row:
    name, kind, *_, values = row
    if kind == "enum":
        more = [value for value in _OF_OTHER_BUILDS.get(name, ()) if value not in values.split(",")]
        row[-1] = ",".join([values, *more])
    return tuple(row)

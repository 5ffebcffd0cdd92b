# ruff: noqa: E501 - the texts are as wide as tables are
from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.matrix.cell import Cell
from experiments.records.description import Description, ShownCell
from experiments.records.record import Client, Record
from experiments.report.builds import describe_libpq
from experiments.report.tables import csv_table, markdown_table
from tests.experiments.made_summaries import modelled, summed


def test_a_build_without_optimizations_is_marked_with_a_footnote(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    old = replace(threaded, python="3.9")
    client = Client("3.9.1", "CPython", True, False, {})
    cells = (description.cells[0], replace(description.cells[0], cell_key="sha256:old", cell=old))
    records = [make_record(threaded), make_record(old, cell_key="sha256:old", client=client)]
    text = markdown_table(*summed(replace(description, cells=cells), records, description.experiments[0]))
    assert "| 3.9 † " in text
    assert (
        "- † Python 3.9 does not say that it was built with optimizations (`--enable-optimizations`), so it may be "
        "slower than others. Debian's interpreters are built with them, but do not say so." in text
    )


def test_a_build_without_optimizations_has_no_mark_where_no_column_could_bear_it(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    client = Client("3.13.0", "CPython", True, False, {})
    text = markdown_table(*summed(description, [make_record(threaded, client=client)], description.experiments[0]))
    assert (
        "- Python 3.13 does not say that it was built with optimizations (`--enable-optimizations`), so it may be "
        "slower than others. Debian's interpreters are built with them, but do not say so." in text
    )
    assert "†" not in text


FREE_THREADED = Client("3.14.0", "CPython", True, True, {"psycopg2": "2.9.13"}, free_threaded=True)


def free_threaded_table(
    description: Description, make_record: Callable[..., Record], threaded: Cell, python: str = "3.13"
) -> str:
    """Of a build that has its GIL, one whose GIL a module switched on, one that was kept without, one that tells not."""
    cells = {
        "sha256:plain": (
            replace(threaded, python=python),
            Client("3.14.0", "CPython", True, True, {}, free_threaded=False),
        ),
        "sha256:back": (replace(threaded, python="3.14t", gil="default"), FREE_THREADED),
        "sha256:aiopg": (
            replace(threaded, python="3.14t", gil="default", loader="row_by_row_asyncio", loop="asyncio"),
            replace(FREE_THREADED, packages={"psycopg2": "2.9.13", "aiopg": "1.4.0"}),
        ),
        "sha256:off": (replace(threaded, python="3.14t", gil="off"), replace(FREE_THREADED, gil_enabled=False)),
        "sha256:not": (
            replace(threaded, python="3.14t", gil="off", poolsize=5),
            replace(FREE_THREADED, free_threaded=None),
        ),
    }
    shown = tuple(ShownCell(key, "a", ("loaders",), cell) for key, (cell, _) in cells.items())
    records = [make_record(cell, cell_key=key, client=client) for key, (cell, client) in cells.items()]
    return markdown_table(*summed(replace(description, cells=shown), records, description.experiments[0]))


def test_what_became_of_the_gil_of_a_free_threaded_build_is_marked_with_footnotes(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    text = free_threaded_table(description, make_record, threaded)
    rows = [" |".join(line.split(" |")[:2]) for line in text.splitlines() if line.startswith("| 3.")]
    rows = [" ".join(row.split()) for row in rows]
    assert rows == [
        "| 3.13 | psycopg2 · threads",
        "| 3.14t ‡ | psycopg2 · threads",
        "| 3.14t GIL off § | psycopg2 · threads",
        "| 3.14t GIL off | psycopg2 · threads",
        "| 3.14t ‡ | aiopg · asyncio",
    ]
    again = "- ‡ Free-threaded build, but a module switched the GIL on again: each of these rows imports psycopg2.\n"
    assert again in text
    assert "- § Free-threaded build, and the GIL was off to the end.\n" in text


def test_without_a_column_for_pythons_the_loader_bears_the_mark(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    text = free_threaded_table(description, make_record, threaded, python="3.14t")
    assert "| psycopg2 · threads ‡ " in text
    assert "| aiopg · asyncio ‡ " in text
    assert "| psycopg2 · threads § " in text


def psycopg_records(
    description: Description, make_record: Callable[..., Record], threaded: Cell, *libpqs: tuple[str, int, bool]
) -> tuple[Description, list[Record]]:
    """psycopg2 with 17.11 bundled, and psycopg's implementations with a libpq each."""
    base = replace(threaded, loader="row_by_row_psycopg_threaded", protocol="prepared")
    psycopg2 = Client("3.13.0", "CPython", True, True, {"psycopg2": "2.9.13"}, 170011, libpq_bundled=True)
    cells = [("sha256:2", threaded, psycopg2)]
    for implementation, libpq, bundled in libpqs:
        client = Client("3.13.0", "CPython", True, True, {"psycopg": "3.3.9"}, libpq, libpq_bundled=bundled)
        client = replace(client, driver_implementation=implementation, lto=True, jit=False, switch_interval_s=0.005)
        cells.append((f"sha256:{implementation}", replace(base, implementation=implementation), client))
    shown = tuple(ShownCell(key, "a", ("loaders",), cell) for key, cell, _ in cells)
    return replace(description, cells=shown), [make_record(cell, cell_key=key, client=one) for key, cell, one in cells]


def test_protocols_that_differ_have_a_column_and_libpq_has_a_line(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    made = psycopg_records(description, make_record, threaded, ("binary", 180001, True))
    text = markdown_table(*summed(*made, description.experiments[0]))
    assert text.splitlines()[4].startswith("| loader              |   rows/s ")
    assert "\n| psycopg 3 · threads |" in text
    assert "- libpq: psycopg2 17.11 bundled, psycopg 18.1 bundled.\n" in text


def test_a_driver_with_several_libpqs_says_which_rows_have_which(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    libpqs = ("binary", 180001, True), ("c", 150020, False), ("python", 150020, False)
    text = markdown_table(
        *summed(*psycopg_records(description, make_record, threaded, *libpqs), description.experiments[0])
    )
    assert "- libpq: psycopg2 17.11 bundled; psycopg 18.1 bundled (binary), 15.20 of the system (c, python).\n" in text


def test_the_csv_has_what_the_runs_say_of_interpreter_and_driver_where_they_agree(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    described, records = psycopg_records(description, make_record, threaded, ("c", 90624, False))
    records.append(replace(records[-1], block=2, client=Client("3.13.0", "CPython", True, True, {}, lto=True)))
    _, row = csv.DictReader(io.StringIO(csv_table(*modelled(described, records, description.experiments[0]))))
    assert (row["protocol"], row["lto"], row["gil_enabled"], row["optimized"]) == ("prepared", "1", "1", "1")
    assert (row["libpq"], row["jit"], row["driver_implementation"], row["switch_interval_s"]) == ("", "", "", "")


@pytest.mark.parametrize(("number", "version"), [(170011, "17.11"), (180001, "18.1"), (90624, "9.6.24")])
def test_libpqs_number_is_read_as_postgresql_writes_it(number: int, version: str) -> None:
    assert describe_libpq(number) == version

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from experiments.matrix.cell import Cell
from experiments.records.description import Description
from experiments.records.facts import Placement, ServerFacts
from experiments.records.record import Record
from experiments.report.captions import describe_placement
from experiments.report.tables import markdown_table
from tests.experiments.made_summaries import summed


def test_the_engine_and_what_its_images_are_made_of_stand_below_the_table(
    description: Description, make_record: Callable[..., Record]
) -> None:
    records = [make_record()]
    below = "- Engine: local 20.10, images made from Debian's packages, not the pinned official ones."
    described = replace(description, engines={"local": {"version": "20.10", "source": "debian"}})
    assert below in markdown_table(*summed(described, records, description.experiments[0]))
    pinned = replace(description, engines={"local": {"version": "20.10", "source": "registry"}})
    assert "official images pinned by digest." in markdown_table(*summed(pinned, records, description.experiments[0]))
    assert "Engine:" not in markdown_table(*summed(description, records, description.experiments[0]))


def test_limits_are_told_beside_the_cores_of_their_side() -> None:
    placement = Placement(frozenset({0}), frozenset({1, 2}), 0.25, None, 1.0, 64 * 2**20, 2**30)
    assert describe_placement(placement) == (
        "loader on core 0 (at most 0.25 cores and 64 MB of memory), "
        "server on cores 1-2 (at most 1 core and 1 GB of memory)"
    )
    shared = replace(placement, loader_cpus=frozenset({1, 2}), server_quota=None, server_memory_bytes=None)
    assert describe_placement(shared) == (
        "loader and server share cores 1-2; the loader has at most 0.25 cores and 64 MB of memory"
    )


def test_engines_that_differ_in_more_than_the_container_are_told_to(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    inside = replace(threaded, engine="docker")
    cells = (description.cells[0], replace(description.cells[0], cell_key="sha256:inside", cell=inside))
    python = description.interpreters["3.13"]
    versions = {"local: 3.13": python, "docker: 3.13": replace(python, version="3.13.5")}
    server = ServerFacts("17.12", {}, "disk")
    servers = {"local: default": server, "docker: default": server}
    both = replace(description, cells=cells, engines={"local": {}, "docker": {}}, postgres=servers)
    records = [make_record(threaded), make_record(inside, cell_key="sha256:inside")]
    warning = "- The engines differ in more than the container: CPython 3.13.0 (local), 3.13.5 (docker)."
    unlike = replace(both, interpreters=versions)
    assert warning in markdown_table(*summed(unlike, records, description.experiments[0]))
    alike = replace(both, interpreters=dict.fromkeys(versions, python))
    assert "differ in more" not in markdown_table(*summed(alike, records, description.experiments[0]))


def test_the_versions_of_sets_and_of_the_locked_packages_are_named_where_there_are_sets(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    other = replace(threaded, packages="own")
    cells = (description.cells[0], replace(description.cells[0], cell_key="sha256:own", cell=other))
    python = description.interpreters["3.13"]
    own = replace(python, packages={"psycopg2-binary": "2.9.12 (wheel sha256:0123456789ab)"})
    both = replace(description, cells=cells, interpreters={"3.13": python, "local: 3.13 with own": own})
    records = [make_record(threaded), make_record(other, cell_key="sha256:own")]
    table = markdown_table(*summed(both, records, description.experiments[0]))
    assert records[0].client is not None
    version = records[0].client.packages["psycopg2"]
    assert f"- Packages: own: psycopg2-binary 2.9.12 (wheel sha256:0123456789ab); locked: psycopg2 {version}." in table
    assert "| packages" in table
    assert "Packages:" not in markdown_table(*summed(description, records[:1], description.experiments[0]))

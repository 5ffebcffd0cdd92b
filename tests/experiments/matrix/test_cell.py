"""Cells and their keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.matrix.cell import AXES, Cell, Identity, canonical_json, cell_key, read_cell
from experiments.records.facts import Placement
from tests.experiments.older_cells import without

TEXT = st.text(max_size=8)
CELL = Cell(
    *("local", "3.13", None, "row_by_row_asyncio", "uvloop", "simple", None),
    *(20, "default", "ny", "autocommit", "execute", "split"),
)
IDENTITY = Identity(
    interpreter_build="main, Oct 7 2024",
    lock_hash="sha256:1",
    driver={"libpq": 170011, "libpq_bundled": True},
    source_hash="sha256:2",
    server_version="17.11",
    server_build="postgres 0123456789ab",
    server_settings={"fsync": "on", "max_connections": "60"},
    storage="disk",
    data_digest="geo:1:2;data:3:4",
    placement=Placement(frozenset({0}), frozenset({1})).facts(),
    timeout_s=120.0,
)

CELLS = st.builds(
    Cell,
    engine=TEXT,
    python=TEXT,
    gil=st.none() | TEXT,
    loader=TEXT,
    loop=st.none() | TEXT,
    protocol=TEXT,
    implementation=st.none() | TEXT,
    poolsize=st.integers(1, 500),
    postgres=TEXT,
    data=TEXT,
    transaction=TEXT,
    inserts=TEXT,
    resources=TEXT,
    sampling=TEXT,
    workload=TEXT,
    packages=TEXT,
    checkout=TEXT,
)
IDENTITIES = st.builds(
    Identity,
    interpreter_build=TEXT,
    lock_hash=TEXT,
    driver=st.dictionaries(TEXT, st.none() | st.integers() | st.booleans(), max_size=3),
    source_hash=TEXT,
    server_version=TEXT,
    server_build=st.none() | TEXT,
    server_settings=st.dictionaries(TEXT, TEXT, max_size=4),
    storage=TEXT,
    data_digest=TEXT,
    placement=st.dictionaries(TEXT, st.lists(st.integers(0, 64)), max_size=3),
    timeout_s=st.floats(0.1, 1e6),
    images=st.dictionaries(TEXT, TEXT, max_size=2),
)


OTHER_CELL = Cell(
    *("docker", "3.14t", "off", "row_by_row_asyncpg", "rloop", "prepared", "c"),
    *(21, "memory", "de", "per_record", "executemany", "shared", "off"),
    workload="fetch",
    packages="asyncpg_0.29.0",
    network="ocean",
    arrivals="70%",
    checkout="per_operation",
)
OTHER_PARTS: dict[str, list[Any]] = {
    "interpreter_build": ["main, Oct 8 2024"],
    "lock_hash": ["sha256:3"],
    "driver": [{}, {"libpq": 150018, "libpq_bundled": True}, {"libpq": 170011, "libpq_bundled": False}],
    "source_hash": ["sha256:4"],
    "server_version": ["17.12"],
    "server_build": [None, "postgres ba9876543210"],
    "server_settings": [
        {},
        {"fsync": "off", "max_connections": "60"},
        {"fsync": "on", "max_connections": "61"},
        {"fsync": "on", "max_connections": "60", "jit": "off"},
    ],
    "storage": ["tmpfs"],
    "data_digest": ["geo:1:2;data:3:5"],
    "placement": [
        {**Placement(frozenset({0}), frozenset({1})).facts(), "server_shm_bytes": 2**28},
        *(
            placement.facts()
            for placement in (
                Placement(frozenset({1}), frozenset({1})),
                Placement(frozenset({0}), frozenset({0, 1})),
                Placement(frozenset({0}), frozenset({1}), loader_quota=0.25),
                Placement(frozenset({0}), frozenset({1}), loader_quota=0.5),
                Placement(frozenset({0}), frozenset({1}), server_quota=0.25),
                Placement(frozenset({0}), frozenset({1}), loader_memory_bytes=2**26),
                Placement(frozenset({0}), frozenset({1}), server_memory_bytes=2**26),
            )
        ),
    ],
    "timeout_s": [120.5],
    "images": [{"postgres": "sha256:5"}, {"postgres": "sha256:6"}],
}
MAPPINGS = [name for name in OTHER_PARTS if isinstance(getattr(IDENTITY, name), Mapping)]


def with_part(identity: Identity, name: str, value: object) -> Identity:
    """The identity with another value of that part."""
    changes: dict[str, Any] = {name: value}
    return replace(identity, **changes)


def key_of(cell: Cell, axis: str, value: Any) -> str:
    return cell_key(replace(cell, **{axis: value}), IDENTITY)


def test_the_axes_stand_in_the_order_of_a_record() -> None:
    assert AXES == (
        "engine",
        "python",
        "gil",
        "loader",
        "loop",
        "protocol",
        "implementation",
        "poolsize",
        "postgres",
        "data",
        "transaction",
        "inserts",
        "resources",
        "sampling",
        "workload",
        "packages",
        "network",
        "arrivals",
        "checkout",
    )
    assert tuple(CELL.axes()) == AXES


def test_a_label_leaves_out_what_is_usual() -> None:
    assert CELL.label() == (
        "row_by_row_asyncio on uvloop, pool 20, Python 3.13, PostgreSQL default, data ny, cores split"
    )


def test_a_label_names_what_is_unusual() -> None:
    cell = replace(CELL, loader="row_by_row_threaded", loop=None, transaction="per_record", inserts="executemany")
    assert replace(cell, engine="docker").label() == (
        "row_by_row_threaded, pool 20, Python 3.13, PostgreSQL default, data ny, cores split, per_record, executemany, "
        "in docker"
    )


def test_a_label_leaves_out_protocol_and_implementation_that_are_used_unless_asked() -> None:
    cell = replace(CELL, loader="row_by_row_psycopg_asyncio", protocol="prepared", implementation="binary")
    assert cell.contestant() == "row_by_row_psycopg_asyncio on uvloop"
    assert replace(cell, protocol="simple", implementation="c").contestant() == (
        "row_by_row_psycopg_asyncio on uvloop, simple, implementation c"
    )


def test_a_label_tells_a_free_threaded_build_that_is_kept_without_its_gil() -> None:
    assert replace(CELL, python="3.14t", gil="default").interpreter() == "Python 3.14t"
    assert replace(CELL, python="3.14t", gil="off").label() == (
        "row_by_row_asyncio on uvloop, pool 20, Python 3.14t without GIL, PostgreSQL default, data ny, cores split"
    )


def test_a_key_says_how_it_was_made() -> None:
    key = cell_key(CELL, IDENTITY)
    assert key.startswith("sha256:")
    assert len(key) == len("sha256:") + 64


def test_a_key_is_the_same_in_every_version_of_the_program() -> None:
    """A changed way to make keys would make all stored records strangers."""
    # Nothing was sampled before that was an axis, and all workloads were the usual one.
    assert (
        cell_key(replace(CELL, sampling="off"), IDENTITY)
        == "sha256:d4cefdb818ed76c8b07365a967e17d2c8d1fa64061858c613d488feb169ad32c"
    )


def test_every_axis_and_every_part_of_the_identity_has_other_values_to_be_tried_with() -> None:
    """A new one that stands in neither of these would be tried with nothing."""
    assert [axis for axis in AXES if getattr(CELL, axis) == getattr(OTHER_CELL, axis)] == []
    assert OTHER_PARTS.keys() == {part.name for part in fields(Identity)}
    assert [name for name, others in OTHER_PARTS.items() if getattr(IDENTITY, name) in others] == []


@pytest.mark.parametrize("axis", AXES)
def test_another_value_of_an_axis_is_another_key(axis: str) -> None:
    assert key_of(CELL, axis, getattr(OTHER_CELL, axis)) != cell_key(CELL, IDENTITY)


@pytest.mark.parametrize("part", OTHER_PARTS)
def test_each_other_value_of_a_part_of_the_identity_is_another_key(part: str) -> None:
    identities = [IDENTITY, *(with_part(IDENTITY, part, other) for other in OTHER_PARTS[part])]
    keys = {cell_key(CELL, identity) for identity in identities}
    assert len(keys) == 1 + len(OTHER_PARTS[part])


@given(axis=st.sampled_from(AXES), cell=CELLS, other=CELLS, identity=IDENTITIES)
def test_changing_any_axis_changes_the_key(axis: str, cell: Cell, other: Cell, identity: Identity) -> None:
    changed = replace(cell, **{axis: getattr(other, axis)})
    assert (cell_key(cell, identity) == cell_key(changed, identity)) is (cell == changed)


@given(part=st.sampled_from(list(OTHER_PARTS)), cell=CELLS, identity=IDENTITIES, other=IDENTITIES)
def test_changing_any_part_of_the_identity_changes_the_key(
    part: str, cell: Cell, identity: Identity, other: Identity
) -> None:
    changed = with_part(identity, part, getattr(other, part))
    assert (cell_key(cell, identity) == cell_key(cell, changed)) is (identity == changed)


@given(identity=IDENTITIES, more=st.dictionaries(TEXT, TEXT, min_size=1, max_size=3), data=st.data())
def test_changing_any_one_value_of_a_mapping_changes_the_key(
    identity: Identity, more: dict[str, str], data: st.DataObject
) -> None:
    part = data.draw(st.sampled_from(MAPPINGS))
    mapping = {**getattr(identity, part), **more}
    name = data.draw(st.sampled_from(sorted(mapping)))
    whole = with_part(identity, part, mapping)
    for changed in (
        {**mapping, name: f"{mapping[name]} more"},
        {other: value for other, value in mapping.items() if other != name},
        {**mapping, name: [mapping[name]]},
    ):
        assert cell_key(CELL, with_part(identity, part, changed)) != cell_key(CELL, whole)


@given(cell=CELLS, identity=IDENTITIES)
def test_the_order_of_mappings_does_not_change_the_key(cell: Cell, identity: Identity) -> None:
    turned = identity
    for part in MAPPINGS:
        turned = with_part(turned, part, dict(reversed(list(getattr(identity, part).items()))))
    assert cell_key(cell, turned) == cell_key(cell, identity)


def test_neither_does_the_order_inside_of_a_mapping_within_a_mapping() -> None:
    one, two = {"a": {"b": 1, "c": [1, 2]}, "d": 3}, {"d": 3, "a": {"c": [1, 2], "b": 1}}
    assert cell_key(CELL, replace(IDENTITY, placement=one)) == cell_key(CELL, replace(IDENTITY, placement=two))
    deeper = {**one, "a": {"b": 1, "c": [2, 1]}}
    assert cell_key(CELL, replace(IDENTITY, placement=one)) != cell_key(CELL, replace(IDENTITY, placement=deeper))


def test_canonical_json_has_no_white_space_and_sorted_keys() -> None:
    assert canonical_json({"b": [1, 2.5, None], "a": "é"}) == '{"a":"\\u00e9","b":[1,2.5,null]}'


def test_canonical_json_refuses_what_json_does_not_have() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_axes_survive_json() -> None:
    assert Cell(**json.loads(json.dumps(CELL.axes()))) == CELL


def test_a_cell_is_read_back_as_it_was_recorded(threaded: Cell) -> None:
    assert read_cell(threaded.axes()) == threaded


def test_a_cell_of_an_older_version_ingests(threaded: Cell) -> None:
    assert read_cell(without(threaded, "workload")) == threaded


def test_a_label_names_the_checkout_of_each_operation() -> None:
    cell = replace(CELL, checkout="per_operation")
    assert cell.contestant() == f"{CELL.contestant()}, checkout per_operation"


def test_a_label_names_other_packages_than_the_locked_ones() -> None:
    cell = replace(CELL, packages="asyncpg_0.29.0")
    assert cell.contestant() == f"{CELL.contestant()}, packages asyncpg_0.29.0"
    assert cell.label().startswith(cell.contestant())


def test_a_label_names_another_workload_than_the_usual_one() -> None:
    assert replace(CELL, workload="fetch").label() == f"{CELL.label()}, workload fetch"


def test_an_axis_of_a_newer_version_is_refused(threaded: Cell) -> None:
    with pytest.raises(TypeError, match="the axis moon is not known to this version of the program"):
        read_cell({**threaded.axes(), "moon": "full"})

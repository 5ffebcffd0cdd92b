"""Cells and their keys."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.affinity import Placement
from experiments.cells import AXES, Cell, Identity, canonical_json, cell_key

TEXT = st.text(max_size=8)
CELL = Cell(
    *("local", "3.13", None, "row_by_row_asyncio", "uvloop", "simple", None),
    *(20, "default", "ny", "autocommit", "execute", "split"),
)
IDENTITY = Identity(
    interpreter_build="main, Oct 7 2024",
    lock_hash="sha256:1",
    source_hash="sha256:2",
    server_version="17.11",
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
)
IDENTITIES = st.builds(
    Identity,
    interpreter_build=TEXT,
    lock_hash=TEXT,
    source_hash=TEXT,
    server_version=TEXT,
    server_settings=st.dictionaries(TEXT, TEXT, max_size=4),
    storage=TEXT,
    data_digest=TEXT,
    placement=st.dictionaries(TEXT, st.lists(st.integers(0, 64)), max_size=3),
    timeout_s=st.floats(0.1, 1e6),
    images=st.dictionaries(TEXT, TEXT, max_size=2),
)


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
    assert cell_key(CELL, IDENTITY) == "sha256:287709c5a838da32939c195bb3ec767b4e2b8d3622f77d267469f3ae93d9e772"


@pytest.mark.parametrize("axis", AXES)
@given(cell=CELLS, other=CELLS, identity=IDENTITIES)
def test_changing_any_axis_changes_the_key(axis: str, cell: Cell, other: Cell, identity: Identity) -> None:
    changed = replace(cell, **{axis: getattr(other, axis)})
    assert (cell_key(cell, identity) == cell_key(changed, identity)) is (cell == changed)


@pytest.mark.parametrize("part", [field.name for field in fields(Identity)])
@given(cell=CELLS, identity=IDENTITIES, other=IDENTITIES)
def test_changing_any_part_of_the_identity_changes_the_key(
    part: str, cell: Cell, identity: Identity, other: Identity
) -> None:
    changed = replace(identity, **{part: getattr(other, part)})
    assert (cell_key(cell, identity) == cell_key(cell, changed)) is (identity == changed)


@given(cell=CELLS, identity=IDENTITIES)
def test_the_order_of_mappings_does_not_change_the_key(cell: Cell, identity: Identity) -> None:
    turned = replace(
        identity,
        server_settings=dict(reversed(list(identity.server_settings.items()))),
        placement=dict(reversed(list(identity.placement.items()))),
        images=dict(reversed(list(identity.images.items()))),
    )
    assert cell_key(cell, turned) == cell_key(cell, identity)


def test_canonical_json_has_no_white_space_and_sorted_keys() -> None:
    assert canonical_json({"b": [1, 2.5, None], "a": "é"}) == '{"a":"\\u00e9","b":[1,2.5,null]}'


def test_canonical_json_refuses_what_json_does_not_have() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_axes_survive_json() -> None:
    assert Cell(**json.loads(json.dumps(CELL.axes()))) == CELL

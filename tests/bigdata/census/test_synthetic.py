from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bigdata.census.dictionary import segment_columns, segments
from bigdata.census.sf1 import DataRecord, GeoRecord
from bigdata.census.source import open_source
from bigdata.census.states import STATES
from bigdata.census.synthetic import MAXIMUM_RECORDS, generate
from bigdata.errors import BadInput

ALL = [segment.number for segment in segments()]
POPULATION_TOTALS = {"P1", "P2", "P3", "P4"}


def generated(directory: Path, numbers: list[str], records: int) -> tuple[list[GeoRecord], list[DataRecord]]:
    generate(directory, "NY", numbers, records, 2014)
    source = open_source(directory)
    return list(source.geo_records()), list(source.data_records())


def test_the_same_seed_gives_the_same_bytes_everywhere(tmp_path: Path) -> None:
    files = generate(tmp_path, "NY", ["01", "02", "12"], 100, 2014)
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == {
        "nygeo_uf1.zip": "eedfe8be871e6e9464651e88dc629a23ce5d9bc0b1b1d9dc975a71a67025301b",
        "ny00001_uf1.zip": "9ab74dd1d40654162cd8d9f758ee4bb39d7cf7f4d7dac7af695fc827770b8ab0",
        "ny00002_uf1.zip": "853461802b3181334a55278a8b7f8ecfefd8b81c6d7cc571b5bd58fba76ad6ae",
        "ny00012_uf1.zip": "42b7d08c5bc4235e3aecb910a06587ee9b1ae8051863ef384000b8a67e124ceb",
    }


def test_a_file_does_not_depend_on_which_others_are_written(tmp_path: Path) -> None:
    alone = generate(tmp_path / "alone", "NY", ["07"], 50, 1)
    among = {path.name: path for path in generate(tmp_path / "among", "NY", ALL, 50, 1)}
    for path in alone:
        assert path.read_bytes() == among[path.name].read_bytes()


def test_seed_and_state_change_the_files(tmp_path: Path) -> None:
    texts = [
        b"".join(path.read_bytes() for path in generate(tmp_path / name, state, ["01"], 50, seed))
        for name, state, seed in (("a", "NY", 1), ("b", "NY", 2), ("c", "New York", 1))
    ]
    assert texts[0] != texts[1]
    assert texts[0] == texts[2]


def test_all_39_segments_are_read_back(tmp_path: Path) -> None:
    geo, data = generated(tmp_path, ALL, 60)
    assert len(geo) == 60
    assert {record.segment for record in data} == set(ALL)


def test_totals_equal_the_population_of_the_geo_record(tmp_path: Path) -> None:
    geo, data = generated(tmp_path, ["01"], 300)
    totals = [
        column
        for column, item in enumerate(segment_columns("01"))
        if item.matrix in POPULATION_TOTALS and item.index == 0
    ]
    assert len(totals) == 4
    for place, record in zip(geo, data, strict=True):
        assert {record.values[column] for column in totals} == {place.pop100}


@pytest.mark.parametrize("records", [2, 3, 5, 7, 45, 500])
def test_the_blocks_add_up_to_the_state_and_to_each_county(tmp_path: Path, records: int) -> None:
    check_sums(generated(tmp_path, ["01"], records)[0], records)


def check_sums(geo: list[GeoRecord], records: int) -> None:
    assert [place.logrecno for place in geo] == [f"{number:07}" for number in range(1, records + 1)]
    assert (geo[0].sumlev, geo[0].name) == ("040", "New York")
    blocks = [place for place in geo if place.sumlev == "101"]
    assert sum(block.pop100 for block in blocks) == geo[0].pop100
    for county in (place for place in geo if place.sumlev == "050"):
        assert county.pop100 == sum(block.pop100 for block in blocks if block.county == county.county)


def test_in_a_large_state_they_add_up_too_all_summary_levels_occur_and_keys_are_unique(tmp_path: Path) -> None:
    geo, _ = generated(tmp_path, ["01"], 9000)
    check_sums(geo, 9000)
    assert {place.sumlev for place in geo} == {"040", "050", "091", "101", "140", "150", "154"}
    keys = [(place.sumlev, place.county, place.tract, place.blkgrp, place.block) for place in geo]
    assert len(set(keys)) == len(keys)


def test_segments_12_to_36_leave_out_small_areas(tmp_path: Path) -> None:
    geo, data = generated(tmp_path, ["11", "12", "36", "37"], 100)
    large = [place.logrecno for place in geo if place.sumlev not in ("091", "101", "150", "154")]
    found = {number: [r.logrecno for r in data if r.segment == number] for number in ("11", "12", "36", "37")}
    assert found["12"] == found["36"] == large
    assert found["11"] == found["37"] == [place.logrecno for place in geo]
    assert 1 < len(large) < 100


def test_decimals_stand_where_the_real_files_have_them(tmp_path: Path) -> None:
    generate(tmp_path, "RI", ALL, 3, 2014)
    for fields in open_source(tmp_path).raw_data_lines():
        for text, item in zip(fields[5:], segment_columns(fields[3]), strict=True):
            assert ("." in text) == item.decimal


def test_about_92_percent_of_the_items_are_zero(tmp_path: Path) -> None:
    _, data = generated(tmp_path, ["05"], 400)
    values = [value for record in data for value in record.values]
    assert 0.91 < values.count(0) / len(values) < 0.93


def test_every_state_can_be_made_and_read(tmp_path: Path) -> None:
    for state in STATES:
        generate(tmp_path, state.stusab, ["01"], 2, 1)
    source = open_source(tmp_path)
    assert len(STATES) == len(source.states) == 52
    assert len({state.fips for state in STATES}) == 52
    assert [record.state for record in source.geo_records() if record.stusab == "DC"] == ["11", "11"]


@pytest.mark.parametrize(
    ("state", "numbers", "records", "reason"),
    [
        ("XX", ["01"], 1, "--state: unknown state 'XX'; expected one of AL (Alabama), "),
        ("NY", ["40"], 1, "--segments: unknown segment '40'; expected some of 01 to 39"),
        ("NY", ["01"], 0, f"--records: found 0, expected 1 to {MAXIMUM_RECORDS}"),
        ("NY", ["01"], MAXIMUM_RECORDS + 1, f"--records: found {MAXIMUM_RECORDS + 1}, expected 1 to {MAXIMUM_RECORDS}"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(
    tmp_path: Path, state: str, numbers: list[str], records: int, reason: str
) -> None:
    with pytest.raises(BadInput) as refused:
        generate(tmp_path / "new", state, numbers, records, 1)
    assert str(refused.value).startswith(reason)
    assert not (tmp_path / "new").exists()


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(BadInput, match="cannot be written"):
        generate(tmp_path / "file", "NY", ["01"], 1, 1)

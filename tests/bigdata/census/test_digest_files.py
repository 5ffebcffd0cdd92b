from __future__ import annotations

import hashlib
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from bigdata.census.dictionary import segment_columns
from bigdata.census.digest_files import digest_of, format_digest, type_of
from bigdata.census.sf1 import Number
from bigdata.census.source import open_source
from bigdata.census.synthetic import generate
from tests.bigdata.editable_state import EditableState


def signed_64_bits_of_md5(text: str) -> int:
    return int.from_bytes(hashlib.md5(text.encode()).digest()[:8], "big", signed=True)


def text_of(value: object) -> str:
    return "" if value is None else f"{len(str(value).encode())}:{value}"


def test_the_digest_is_the_sum_over_the_rows_of_the_first_64_bits_of_md5(state: EditableState) -> None:
    source = open_source(state.directory)
    geo = ["|".join(map(text_of, record)) for record in source.geo_records()]
    data = [
        f"uSF1|RI|{record.logrecno}|{item.matrix}|{item.index}|{value}"
        for record in source.data_records()
        for item, value in zip(segment_columns(record.segment), record.values, strict=True)
    ]
    assert geo[0].startswith("4:uSF1|2:RI|3:040|2:00|3:000||7:0000001|2:44|||||12:Rhode Island|")
    digest = digest_of(source)
    assert (digest.geo_records, digest.data_records, digest.rows) == (60, 124, len(data))
    assert digest.digest == format_digest(
        60, sum(map(signed_64_bits_of_md5, geo)), len(data), sum(map(signed_64_bits_of_md5, data))
    )


def test_the_digest_of_generated_files_is_the_same_everywhere(tmp_path: Path) -> None:
    generate(tmp_path, "NY", ["01", "02", "12"], 100, 2014)
    assert digest_of(open_source(tmp_path)).digest == "geo:100:49241561974224652035;data:47175:-313160568489564199380"


def test_the_digest_is_written_as_counts_and_sums() -> None:
    assert format_digest(100, -5, 22200, 7) == "geo:100:-5;data:22200:7"


def test_numbers_are_digested_as_postgresql_prints_them(state: EditableState) -> None:
    before = digest_of(open_source(state.directory))
    value = state.lines("ri00002")[4].split(",")[223]
    state.replace_column("ri00002", 5, 224, f"0{value}")
    assert digest_of(open_source(state.directory)) == before
    state.replace_column("ri00002", 5, 224, f"{value}0")
    assert digest_of(open_source(state.directory)) != before


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "int2"),
        (32_767, "int2"),
        (32_768, "int4"),
        (2**31 - 1, "int4"),
        (2**31, "int8"),
        (2**63, "numeric"),
        (Decimal("1.5"), "numeric"),
    ],
)
def test_a_number_has_the_smallest_type_that_holds_it(number: Number, name: str) -> None:
    assert type_of(number) == name


def test_inserts_are_counted_by_the_types_of_their_values(state: EditableState) -> None:
    source = open_source(state.directory)
    values = Counter(type_of(value) for record in source.data_records() for value in record.values)
    found = digest_of(source).inserts
    assert found.data == tuple(sorted(values.values()))
    assert (sum(found.geo), sum(found.data)) == (60, digest_of(source).rows)
    assert 1 < len(found.geo) <= 36


def test_one_changed_value_changes_the_digest(state: EditableState) -> None:
    before = digest_of(open_source(state.directory))
    state.replace_column("ri00001", 30, 100, "12345")
    after = digest_of(open_source(state.directory))
    assert (after.rows, after.geo_records) == (before.rows, before.geo_records)
    assert after.digest != before.digest


@pytest.mark.sf1
def test_the_digest_of_the_first_records_of_delaware(sf1_dir: Path) -> None:
    assert digest_of(open_source(sf1_dir / "Delaware", records=100)).digest == (
        "geo:100:9231135366571269998;data:22200:696160276702364859663"
    )

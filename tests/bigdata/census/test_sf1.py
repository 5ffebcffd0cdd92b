from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigdata.census import sf1
from bigdata.census.dictionary import geo_field

# The first line of the real file of Rhode Island.
RHODE_ISLAND = (
    "uSF1  RI04000000  0000001111544".ljust(172)
    + "    2706348685    1295300811"
    + "Rhode Island".ljust(90)
    + "AN  1048319   439837+41730800-07145548401"
).ljust(400)


def with_field(name: str, text: str, line: str = RHODE_ISLAND) -> str:
    field = geo_field(name)
    assert len(text) == field.end - field.start
    return line[: field.start] + text + line[field.end :]


def test_a_geo_line_with_a_zero_byte_which_no_database_takes_is_refused() -> None:
    line = with_field("NAME", "Rhode\0Island".ljust(90))
    assert sf1.geo_line_pattern("RI").fullmatch(line) is None
    assert sf1.explain_geo_line(line, "RI") == (
        "character 206: found '\\x00', expected text: no database can hold this"
    )


def data_line(*changes: tuple[int, str], number: str = "01", items: int = 222) -> str:
    """A line of zeros; each change is (column, from 1; text)."""
    fields = ["uSF1", "RI", "000", number, "0000123"] + ["0"] * items
    for column, text in changes:
        fields[column - 1] = text
    return ",".join(fields)


def test_the_real_line_of_a_state_is_parsed() -> None:
    assert sf1.parse_geo_line(RHODE_ISLAND) == sf1.GeoRecord(
        fileid="uSF1",
        stusab="RI",
        sumlev="040",
        geocomp="00",
        chariter="000",
        cifsn=None,
        logrecno="0000001",
        state="44",
        county=None,
        tract=None,
        blkgrp=None,
        block=None,
        name="Rhode Island",
        pop100=1048319,
        hu100=439837,
        latitude=Decimal("41.730800"),
        longitude=Decimal("-71.455484"),
        land_area=2706348685,
        water_area=1295300811,
    )


def test_the_columns_of_the_geo_table_are_the_fields_of_its_record() -> None:
    assert sf1.GEO_COLUMNS == (
        "fileid", "stusab", "sumlev", "geocomp", "chariter", "cifsn", "logrecno", "state", "county", "tract", "blkgrp",
        "block", "name", "pop100", "hu100", "latitude", "longitude", "land_area", "water_area",
    )  # fmt: skip


def test_degrees_keep_six_places() -> None:
    assert str(sf1.parse_geo_line(with_field("INTPTLAT", "+00000000")).latitude) == "0.000000"
    assert str(sf1.parse_geo_line(with_field("INTPTLON", "-071000000")).longitude) == "-71.000000"


def test_whole_numbers_become_int_and_decimals_keep_their_scale() -> None:
    fields = data_line((6, "281421906"), (7, "35.20"), (8, "0.00"), items=238, number="02").split(",")
    record = sf1.parse_data_fields(fields, sf1.NumberCache())
    assert record[:6] == ("uSF1", "RI", "000", "02", "0000123", "02")
    assert record.values[0] == 281421906
    assert [(type(value), str(value)) for value in record.values[:4]] == [
        (int, "281421906"),
        (Decimal, "35.20"),
        (Decimal, "0.00"),
        (int, "0"),
    ]
    assert len(record.values) == 238


def test_the_number_cache_stays_bounded() -> None:
    numbers = sf1.NumberCache()
    assert [numbers[str(number)] for number in range(100_000)] == list(range(100_000))
    assert len(numbers) == 1 << 15


def test_records_are_named_by_what_identifies_them() -> None:
    fields = data_line().split(",")
    assert sf1.describe(sf1.parse_data_fields(fields, sf1.NumberCache())) == (
        "data record RI segment 01 logrecno 0000123"
    )
    assert sf1.describe(sf1.parse_geo_line(RHODE_ISLAND)) == "geo record RI logrecno 0000001"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (RHODE_ISLAND[:-1], "found 399 characters, expected 400"),
        (with_field("FILEID", "uSF2  "), "FILEID (characters 1 to 6): found 'uSF2  ', expected 'uSF1  '"),
        (with_field("STUSAB", "NY"), "STUSAB (characters 7 to 8): found 'NY', expected 'RI' as the file's name says"),
        (with_field("SUMLEV", "04x"), "SUMLEV (characters 9 to 11): found '04x', expected three digits"),
        (with_field("CHARITER", "001"), "CHARITER (characters 14 to 16): found '001', expected '000'"),
        (
            with_field("CIFSN", "01"),
            "CIFSN (characters 17 to 18): found '01', expected blanks, as this is the geo header",
        ),
        (with_field("LOGRECNO", "000 001"), "LOGRECNO (characters 19 to 25): found '000 001', expected seven digits"),
        (with_field("NAME", " " * 90), f"NAME (characters 201 to 290): found {' ' * 90!r}, expected text"),
        (
            with_field("POP100", "     5 4 "),
            "POP100 (characters 293 to 301): found '     5 4 ', expected a whole number, to the right",
        ),
        (
            with_field("HU100", " " * 9),
            "HU100 (characters 302 to 310): found '         ', expected a whole number, to the right",
        ),
        (
            with_field("INTPTLAT", " 41730800"),
            "INTPTLAT (characters 311 to 319): found ' 41730800', expected a sign and millionths of a degree",
        ),
    ],
)
def test_a_geo_line_that_is_refused_is_explained(line: str, reason: str) -> None:
    assert sf1.explain_geo_line(line, "RI") == reason
    assert sf1.geo_line_pattern("RI").fullmatch(line) is None


@given(st.integers(0, 399), st.sampled_from(" 0123456789+-xN\u00e9\u00b2\r"))
def test_the_fast_check_of_a_geo_line_agrees_with_the_explanation(position: int, character: str) -> None:
    line = RHODE_ISLAND[:position] + character + RHODE_ISLAND[position + 1 :]
    refused = sf1.geo_line_pattern("RI").fullmatch(line) is None
    assert refused == (sf1.explain_geo_line(line, "RI") is not None)


def test_numbers_in_neighbouring_geo_fields_are_not_taken_for_one() -> None:
    line = with_field("HU100", "123456789", with_field("POP100", "      5 4"))
    assert sf1.geo_line_pattern("RI").fullmatch(line) is None


def test_names_with_latin_1_letters_are_text() -> None:
    line = with_field("NAME", "Ca\u00f1on City".ljust(90))
    assert sf1.explain_geo_line(line, "RI") is None
    assert sf1.parse_geo_line(line).name == "Ca\u00f1on City"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (data_line(items=221), "found 226 columns, expected 227 (5 and 222 items)"),
        (data_line(items=223), "found 228 columns, expected 227 (5 and 222 items)"),
        ("", "found 1 columns, expected 227 (5 and 222 items)"),
        (data_line((1, "uSF3")), "column 1, FILEID: found 'uSF3', expected 'uSF1'"),
        (data_line((2, "NY")), "column 2, STUSAB: found 'NY', expected 'RI'"),
        (data_line((3, "001")), "column 3, CHARITER: found '001', expected '000'"),
        (data_line((4, "02")), "column 4, CIFSN: found '02', expected '01'"),
        (data_line((5, "123")), "column 5, LOGRECNO: found '123', expected seven digits"),
        (data_line((6, "x")), "column 6, item 0 of P1: found 'x', expected a whole number"),
        (data_line((8, "")), "column 8, item 1 of P2: found nothing, expected a whole number"),
        (data_line((227, "-1")), "column 227, item 70 of P5: found '-1', expected a whole number"),
        (data_line((6, "1.5")), "column 6, item 0 of P1: found '1.5', expected a whole number"),
        (data_line((6, "\u00b2")), "column 6, item 0 of P1: found '\u00b2', expected a whole number"),
        (data_line((6, "9" * 4000)), "found 4465 characters, expected at most 4000"),
    ],
)
def test_a_data_line_that_is_refused_is_explained(line: str, reason: str) -> None:
    assert sf1.explain_data_line(line, "RI", "01") == reason


def test_a_data_line_as_it_should_be_has_nothing_to_explain() -> None:
    assert sf1.explain_data_line(data_line((6, "281421906")), "RI", "01") is None
    assert sf1.explain_data_line(data_line(number="02", items=238), "RI", "02") is None

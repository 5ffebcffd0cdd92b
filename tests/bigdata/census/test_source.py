from __future__ import annotations

import contextlib
import tracemalloc
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from bigdata.census.source import open_source
from bigdata.census.synthetic import generate
from bigdata.errors import BadInput
from tests.bigdata.editable_state import EditableState


def read_all(directory: Path, records: int | None = None) -> None:
    source = open_source(directory, records=records)
    for _ in source.geo_records():
        pass
    for _ in source.data_records():
        pass


def refusal(directory: Path, records: int | None = None) -> str:
    """What is said when the directory is read, which has to fail."""
    with pytest.raises(BadInput) as refused:
        read_all(directory, records)
    return str(refused.value)


def test_records_come_by_state_then_segment_geo_apart(state: EditableState) -> None:
    generate(state.directory, "DE", ["02"], 3, 1)
    source = open_source(state.directory)
    assert source.states == ("DE", "RI")
    assert source.segments == ("01", "02", "12")
    assert source.geo_count == 63
    geo = list(source.geo_records())
    assert [(record.stusab, record.logrecno) for record in geo[:4]] == [
        ("DE", "0000001"),
        ("DE", "0000002"),
        ("DE", "0000003"),
        ("RI", "0000001"),
    ]
    data = list(source.data_records())
    assert len(geo) == 63
    assert list(dict.fromkeys((record.stusab, record.segment) for record in data)) == [
        ("DE", "02"),
        ("RI", "01"),
        ("RI", "02"),
        ("RI", "12"),
    ]


def test_iterators_read_afresh_each_time(state: EditableState) -> None:
    source = open_source(state.directory)
    assert list(source.data_records()) == list(source.data_records())


def test_values_are_those_of_the_file(state: EditableState) -> None:
    for record in open_source(state.directory, ["02"]).data_records():
        line = state.lines("ri00002")[int(record.logrecno) - 1]
        assert [str(value) for value in record.values] == line.split(",")[5:]
        assert sum(isinstance(value, Decimal) for value in record.values) == 4


def test_only_the_wanted_segments_are_read(state: EditableState) -> None:
    source = open_source(state.directory, ["12", "01"])
    assert source.segments == ("01", "12")
    assert {record.segment for record in source.data_records()} == {"01", "12"}


def test_the_first_records_of_a_segment_with_gaps_are_those_of_the_first_geo_records(state: EditableState) -> None:
    def logrecnos(records: int | None) -> list[str]:
        return [record.logrecno for record in open_source(state.directory, ["12"], records).data_records()]

    assert logrecnos(None) == ["0000001", "0000002", "0000003", "0000043"]
    assert logrecnos(42) == ["0000001", "0000002", "0000003"]
    assert logrecnos(43) == ["0000001", "0000002", "0000003", "0000043"]


def test_the_first_records_count_for_each_state(state: EditableState) -> None:
    generate(state.directory, "DE", ["01"], 8, 1)
    source = open_source(state.directory, ["01"], records=5)
    assert source.geo_count == 10
    assert [(record.stusab, record.logrecno) for record in source.data_records()] == [
        (stusab, f"000000{number}") for stusab in ("DE", "RI") for number in range(1, 6)
    ]
    assert open_source(state.directory, ["01"], records=1000).geo_count == 68


def test_what_comes_after_the_first_records_is_not_read(state: EditableState) -> None:
    state.replace_line("rigeo", 6, "short")
    state.replace_line("ri00001", 6, "short")
    source = open_source(state.directory, ["01"], records=5)
    assert len(list(source.geo_records())) == len(list(source.raw_data_lines())) == 5


def test_line_ends_may_be_lf_or_mixed_and_the_last_may_lack(state: EditableState) -> None:
    expected = list(open_source(state.directory).data_records())
    for stem in ("rigeo", "ri00001", "ri00002"):
        lines = state.lines(stem)
        mixed = [line + "\r" * (number % 2) for number, line in enumerate(lines)]
        for texts in (lines, mixed):
            state.write_members(stem, {f"{stem}.uf1": "\n".join(texts)})
            assert list(open_source(state.directory).data_records()) == expected


def test_file_names_may_be_in_upper_case(state: EditableState) -> None:
    state.write_members("rigeo", {"RIGEO.UF1": "\r\n".join(state.lines("rigeo"))})
    state.path("rigeo").rename(state.directory / "RIGEO_UF1.ZIP")
    assert open_source(state.directory).geo_count == 60


def test_other_files_in_the_directory_do_not_matter(state: EditableState) -> None:
    (state.directory / "0README_SF1.txt").write_text("notes")
    (state.directory / "ri00040_uf1.zip").write_text("no such segment")
    assert open_source(state.directory).segments == ("01", "02", "12")


def test_records_below_one_are_refused(state: EditableState) -> None:
    with pytest.raises(BadInput, match="--records: found 0, expected 1 or more"):
        open_source(state.directory, records=0)


def test_a_directory_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    a_file = tmp_path / "a_file"
    a_file.write_text("text")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refusal(tmp_path / "none").startswith(f"{tmp_path / 'none'}: no such directory; expected")
    assert refusal(a_file).startswith(f"{a_file}: is not a directory; expected")
    assert refusal(empty) == (
        f"{empty}: holds no zip file of Summary File 1; expected names like rigeo_uf1.zip and ri00001_uf1.zip"
    )
    for name in ("rigeo.uf1", "ri00001.uf1", "ri00002.uf1", "readme.txt"):
        (empty / name).touch()
    assert refusal(empty) == (
        f"{empty}: holds no zip file of Summary File 1 but readme.txt, ri00001.uf1, ri00002.uf1 ...; "
        "expected names like rigeo_uf1.zip and ri00001_uf1.zip; put each .uf1 file into such a zip"
    )


def test_data_without_a_geo_header_name_the_header(state: EditableState) -> None:
    state.path("rigeo").unlink()
    assert refusal(state.directory) == (
        f"{state.directory}: ri00001_uf1.zip, ri00002_uf1.zip, ri00012_uf1.zip: the geo header of RI is missing; "
        "expected rigeo_uf1.zip"
    )


def test_a_geo_header_without_data_is_refused(state: EditableState) -> None:
    for stem in ("ri00001", "ri00002", "ri00012"):
        state.path(stem).unlink()
    assert refusal(state.directory) == (
        f"{state.directory}: rigeo_uf1.zip has no data file; expected for example ri00001_uf1.zip"
    )


def test_a_wanted_segment_that_is_not_there_is_refused(state: EditableState) -> None:
    with pytest.raises(BadInput) as refused:
        open_source(state.directory, ["01", "03"])
    assert str(refused.value) == (
        f"{state.directory}: segment 03 of RI is missing; expected ri00003_uf1.zip (found: 01, 02, 12)"
    )
    with pytest.raises(BadInput, match="--segments: unknown segment '40'"):
        open_source(state.directory, ["40"])


def test_two_files_for_one_segment_are_refused(state: EditableState) -> None:
    (state.directory / "ri00001.truncated.uf1.zip").write_bytes(b"")
    assert "is for the same state and segment as" in refusal(state.directory)


@pytest.mark.parametrize("stem", ["rigeo", "ri00001"])
def test_what_is_not_a_zip_is_refused(state: EditableState, stem: str) -> None:
    state.path(stem).write_bytes(b"<html>not a zip</html>")
    assert refusal(state.directory) == (
        f"{state.path(stem)}: cannot be read as a zip: File is not a zip file; "
        "expected a complete zip file: fetch it again"
    )


@pytest.mark.parametrize("stem", ["rigeo", "ri00001"])
def test_a_truncated_zip_is_refused(state: EditableState, stem: str) -> None:
    whole = state.path(stem).read_bytes()
    state.path(stem).write_bytes(whole[: len(whole) // 2])
    assert refusal(state.directory).startswith(f"{state.path(stem)}: cannot be read as a zip: ")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_zip_is_refused_at_the_latest_when_it_has_been_read(state: EditableState, compression: int) -> None:
    text = "\r\n".join(state.lines("ri00001"))
    with zipfile.ZipFile(state.path("ri00001"), "w", compression) as archive:
        archive.writestr("ri00001.uf1", text)
    damaged = bytearray(state.path("ri00001").read_bytes())
    if compression == zipfile.ZIP_STORED:
        # A digit that stays a digit: only the checksum tells.
        position = damaged.rindex(b",0,0,") + 1
        damaged[position] = ord("7")
    else:
        damaged[len(damaged) // 2] ^= 0xFF
    state.path("ri00001").write_bytes(damaged)
    assert str(state.path("ri00001")) in refusal(state.directory)
    if compression == zipfile.ZIP_STORED:
        assert "Bad CRC-32 for file 'ri00001.uf1'" in refusal(state.directory)


def test_a_zip_must_hold_just_the_expected_file(state: EditableState) -> None:
    path = state.path("ri00001")
    state.write_members("ri00001", {"ri00002.uf1": "text"})
    assert refusal(state.directory) == (
        f"{path}: found 1 file (ri00002.uf1) in the zip; expected one file, ri00001.uf1"
    )
    state.write_members("ri00001", {"ri00001.uf1": "text", "notes.txt": "text"})
    assert "found 2 files (ri00001.uf1, notes.txt) in the zip; expected one file, ri00001.uf1" in refusal(
        state.directory
    )
    state.write_members("ri00001", {})
    assert "found no file in the zip; expected one file, ri00001.uf1" in refusal(state.directory)


def test_a_geo_line_that_is_too_short_is_refused_with_its_line(state: EditableState) -> None:
    state.replace_line("rigeo", 7, state.lines("rigeo")[6][:-3])
    assert refusal(state.directory) == (
        f"{state.path('rigeo')} (rigeo.uf1), line 7: found 397 characters, expected 400"
    )


def test_a_duplicate_in_the_geo_header_is_refused_with_both_lines(state: EditableState) -> None:
    lines = state.lines("rigeo")
    state.write("rigeo", [*lines[:9], lines[3], *lines[9:]])
    assert refusal(state.directory) == (
        f"{state.path('rigeo')} (rigeo.uf1), line 10: found LOGRECNO 0000004 again, a duplicate of line 4; "
        "expected each LOGRECNO once"
    )


def test_geo_lines_out_of_order_are_refused(state: EditableState) -> None:
    lines = state.lines("rigeo")
    state.write("rigeo", [lines[1], lines[0], *lines[2:]])
    assert "line 2: found LOGRECNO 0000001; expected one above that of the line before" in refusal(state.directory)


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        (2, "NY", "column 2, STUSAB: found 'NY', expected 'RI'"),
        (4, "02", "column 4, CIFSN: found '02', expected '01'"),
        (5, "00000x7", "column 5, LOGRECNO: found '00000x7', expected seven digits"),
        (5, "7", "column 5, LOGRECNO: found '7', expected seven digits"),
        (6, "12,5", "found 228 columns, expected 227 (5 and 222 items)"),
        (6, "x", "column 6, item 0 of P1: found 'x', expected a whole number"),
        (7, "", "column 7, item 0 of P2: found nothing, expected a whole number"),
        (227, "", "column 227, item 70 of P5: found nothing, expected a whole number"),
        (227, "1.5", "column 227, item 70 of P5: found '1.5', expected a whole number"),
        (9, "1\r2", "column 9, item 2 of P2: found '1\\r2', expected a whole number"),
    ],
)
@pytest.mark.parametrize("line", [1, 41, 60])
def test_a_bad_data_line_is_refused_with_its_line(
    state: EditableState, line: int, column: int, text: str, reason: str
) -> None:
    state.replace_column("ri00001", line, column, text)
    assert refusal(state.directory) == f"{state.path('ri00001')} (ri00001.uf1), line {line}: {reason}"


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        (6, "0.5", "column 6, item 0 of P6: found '0.5', expected a whole number"),
        (224, "3.5.1", "column 224, item 0 of P17: found '3.5.1', expected a number"),
        (224, "", "column 224, item 0 of P17: found nothing, expected a number"),
    ],
)
def test_a_bad_item_of_a_segment_with_decimals_is_refused(
    state: EditableState, column: int, text: str, reason: str
) -> None:
    state.replace_column("ri00002", 5, column, text)
    assert refusal(state.directory) == f"{state.path('ri00002')} (ri00002.uf1), line 5: {reason}"


def test_a_decimal_item_without_a_point_is_taken(state: EditableState) -> None:
    state.replace_column("ri00002", 5, 224, "3")
    assert list(open_source(state.directory, ["02"]).data_records())[4].values[218] == 3


def test_a_duplicate_data_record_is_refused_with_both_lines(state: EditableState) -> None:
    lines = state.lines("ri00001")
    state.write("ri00001", [*lines, lines[3]])
    assert refusal(state.directory) == (
        f"{state.path('ri00001')} (ri00001.uf1), line 61: found LOGRECNO 0000004 again, a duplicate of line 4; "
        "expected each LOGRECNO once"
    )


@pytest.mark.parametrize("number", [30, 60])
def test_a_data_record_without_its_geo_record_is_refused(state: EditableState, number: int) -> None:
    lines = state.lines("rigeo")
    del lines[number - 1]
    state.write("rigeo", lines)
    assert refusal(state.directory) == (
        f"{state.path('ri00001')} (ri00001.uf1), line {number}: found LOGRECNO 00000{number}, which is not in the "
        "geo header of RI; expected a data record whose geo record is there"
    )


def test_a_file_without_line_ends_does_not_fill_the_memory(state: EditableState) -> None:
    state.write_members("ri00001", {"ri00001.uf1": "0" * 5_000_000})
    tracemalloc.start()
    assert "line 1: found no line end in" in refusal(state.directory)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("stem", ["rigeo", "ri00001"])
@pytest.mark.parametrize("records", [None, 5])
def test_a_file_without_a_line_is_refused(state: EditableState, stem: str, records: int | None) -> None:
    state.write(stem, [])
    with pytest.raises(BadInput) as refused:
        open_source(state.directory, records=records)
    assert str(refused.value) == (f"{state.path(stem)} ({stem}.uf1): found no line; expected those of Summary File 1")


def test_a_bad_line_far_into_a_file_is_refused_with_its_line(tmp_path: Path) -> None:
    generate(tmp_path, "RI", ["01"], 2000, 7)
    state = EditableState(tmp_path)
    state.replace_column("ri00001", 1777, 100, "a")
    assert "ri00001.uf1), line 1777: column 100," in refusal(tmp_path)


@pytest.mark.parametrize("records", [None, 20, 60])
@pytest.mark.parametrize("line", [1, 11, 20])
def test_a_missing_data_record_is_refused_with_its_line(state: EditableState, line: int, records: int | None) -> None:
    lines = state.lines("ri00001")
    del lines[line - 1]
    state.write("ri00001", lines)
    assert refusal(state.directory, records) == (
        f"{state.path('ri00001')} (ri00001.uf1), line {line}: found LOGRECNO {line + 1:07}, expected {line:07}: "
        "each geo record of RI has one data record, in the same order"
    )


@pytest.mark.parametrize("records", [None, 20])
@pytest.mark.parametrize(("stem", "line"), [("ri00001", 11), ("ri00002", 1), ("ri00012", 2)])
def test_a_record_number_beyond_the_last_is_refused(
    state: EditableState, stem: str, line: int, records: int | None
) -> None:
    state.replace_column(stem, line, 5, "9999999")
    assert f"({stem}.uf1), line {line}: found LOGRECNO 9999999, expected {line:07}" in refusal(state.directory, records)


@pytest.mark.parametrize("records", [None, 28, 30, 1000])
def test_a_segment_that_ends_before_the_geo_header_is_refused(state: EditableState, records: int | None) -> None:
    state.write("rigeo", state.lines("rigeo")[:30])
    for stem in ("ri00001", "ri00002", "ri00012"):
        state.write(stem, [line for line in state.lines(stem) if int(line.split(",")[4]) <= 25])
    assert refusal(state.directory, records) == (
        f"{state.path('ri00001')} (ri00001.uf1), line 25: the file ends here, before LOGRECNO 0000026; "
        "expected a data record for each geo record of RI"
    )


def test_a_block_in_a_segment_that_leaves_blocks_out_is_refused(state: EditableState) -> None:
    lines = state.lines("ri00012")
    state.write("ri00012", [*lines[:3], lines[2].replace("0000003", "0000010"), *lines[3:]])
    assert "line 4: found LOGRECNO 0000010, a geo record of a summary level (091, 101, 150, 154) that segment 12" in (
        refusal(state.directory)
    )


@pytest.mark.parametrize("stem", ["rigeo", "ri00001"])
def test_a_wrong_checksum_is_noticed_where_reading_stops_early(state: EditableState, stem: str) -> None:
    text = "\r\n".join(state.lines(stem)) + "\r\n"
    with zipfile.ZipFile(state.path(stem), "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{stem}.uf1", text)
    damaged = bytearray(state.path(stem).read_bytes())
    # In the first record; a number stays a number.
    position = damaged.index(b"RI") + 290
    while not chr(damaged[position]).isdigit():
        position += 1
    damaged[position] = ord("7") if damaged[position] != ord("7") else ord("8")
    state.path(stem).write_bytes(damaged)
    with pytest.raises(BadInput, match=f"Bad CRC-32 for file '{stem}.uf1'"):
        open_source(state.directory, records=5)


@pytest.mark.parametrize(
    ("method", "name"), [(zipfile.ZIP_LZMA, "lzma"), (zipfile.ZIP_BZIP2, "bzip2")], ids=["lzma", "bzip2"]
)
@pytest.mark.parametrize("stem", ["rigeo", "ri00001"])
def test_another_compression_is_refused_by_name(state: EditableState, stem: str, method: int, name: str) -> None:
    with zipfile.ZipFile(state.path(stem), "w", method) as archive:
        archive.writestr(f"{stem}.uf1", "text")
    assert refusal(state.directory) == (
        f"{state.path(stem)} ({stem}.uf1): is compressed by {name}; expected deflate: unpack it, and pack it again"
    )


def test_an_encrypted_zip_is_refused(state: EditableState) -> None:
    text = bytearray(state.path("ri00001").read_bytes())
    # The flags in the local header and in the directory.
    text[6] |= 1
    text[text.rindex(b"PK\1\2") + 8] |= 1
    state.path("ri00001").write_bytes(text)
    assert refusal(state.directory) == (
        f"{state.path('ri00001')} (ri00001.uf1): is encrypted; expected a zip without a password"
    )


@pytest.mark.parametrize("name", ["ri00001." + "x" * 60_000 + ".uf1", "x" * 60_000, "ri00001.a\nb.uf1"])
def test_a_long_or_strange_name_in_a_zip_is_shortened(state: EditableState, name: str) -> None:
    state.write_members("ri00001", {name: "short\r\n"})
    message = refusal(state.directory)
    assert len(message) < 1000
    assert "\n" not in message


def test_a_damaged_directory_of_a_zip_never_escapes_as_another_error(state: EditableState) -> None:
    whole = state.path("ri00001").read_bytes()
    start = whole.rindex(b"PK\1\2")
    for position in range(start, len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(whole)
            damaged[position] ^= flip
            state.path("ri00001").write_bytes(damaged)
            # Some bits do not matter.
            with contextlib.suppress(BadInput):
                list(open_source(state.directory, ["01"]).raw_data_lines())


@pytest.mark.sf1
def test_the_demo_file_without_a_geo_header_is_refused_by_name(sf1_dir: Path) -> None:
    assert refusal(sf1_dir / "New_York") == (
        f"{sf1_dir / 'New_York'}: ny00001.truncated.uf1.zip: the geo header of NY is missing; expected nygeo_uf1.zip"
    )


@pytest.mark.sf1
@pytest.mark.parametrize(
    ("folder", "records", "population"), [("Rhode_Island", 24_159, 1_048_319), ("Delaware", 20_302, 783_600)]
)
def test_a_real_state_is_read_whole_and_adds_up(sf1_dir: Path, folder: str, records: int, population: int) -> None:
    source = open_source(sf1_dir / folder)
    assert source.geo_count == records
    of_record = {}
    blocks = 0
    for geo in source.geo_records():
        of_record[geo.logrecno] = geo.pop100
        blocks += geo.pop100 * (geo.sumlev == "101" and geo.geocomp == "00")
    assert blocks == population == of_record["0000001"]
    count = 0
    for data in source.data_records():
        assert of_record.pop(data.logrecno) == data.values[0]
        count += 1
    assert (count, of_record) == (records, {})


@pytest.mark.sf1
def test_reading_a_real_state_stays_in_bounded_memory(sf1_dir: Path) -> None:
    # Kept, these would be 8 MB of lines; tracing takes several times as long as reading.
    source = open_source(sf1_dir / "Delaware", records=4_000)
    tracemalloc.start()
    for _ in source.geo_records():
        pass
    for _ in source.raw_data_lines():
        pass
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()

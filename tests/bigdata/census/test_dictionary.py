from __future__ import annotations

import pytest

from bigdata.census import dictionary
from bigdata.errors import BadInput


def test_there_are_39_segments_286_matrices_and_8113_items() -> None:
    assert len(dictionary.segments()) == 39
    assert len(dictionary.matrices()) == 286
    assert len(dictionary.items()) == 8113


def test_a_segment_has_the_items_that_its_columns_have() -> None:
    for segment in dictionary.segments():
        assert len(dictionary.segment_columns(segment.number)) == segment.items == segment.columns - 5


def test_medians_and_averages_are_the_decimal_items() -> None:
    decimals = {
        segment.number: sum(item.decimal for item in dictionary.segment_columns(segment.number))
        for segment in dictionary.segments()
    }
    counted = {number: count for number, count in decimals.items() if count}
    assert counted == {"02": 4, "03": 1, "06": 27, "07": 9, "10": 9, "37": 3, "38": 27}
    assert sum(counted.values()) == 80
    assert decimals == {segment.number: segment.decimal_items for segment in dictionary.segments()}


def test_the_matrices_of_a_segment_follow_each_other_from_its_first_to_its_last() -> None:
    matrices = dictionary.matrices()
    assert [matrix.sortkey for matrix in matrices] == list(range(1, 287))
    for segment in dictionary.segments():
        codes = [matrix.code for matrix in matrices if matrix.segment == segment.number]
        assert (codes[0], codes[-1]) == (segment.first_matrix, segment.last_matrix)
        assert list(dict.fromkeys(item.matrix for item in dictionary.segment_columns(segment.number))) == codes


def test_parents_stand_before_their_children_in_the_same_matrix() -> None:
    for position, item in enumerate(dictionary.items()):
        if item.parent is not None:
            parent = dictionary.items()[position - item.index + item.parent]
            assert (parent.matrix, parent.index) == (item.matrix, item.parent)
            assert item.parent < item.index


def test_items_of_p2_as_the_bureau_outlines_them() -> None:
    p2 = [item for item in dictionary.items() if item.matrix == "P2"]
    assert [(item.index, item.parent, item.name) for item in p2] == [
        (0, None, "Total:"),
        (1, 0, "Urban:"),
        (2, 1, "Inside urbanized areas"),
        (3, 1, "Inside urban clusters"),
        (4, 1, "Rural"),
        (5, 1, "Not defined for this file"),
    ]


def test_names_have_no_stray_blanks() -> None:
    names = [matrix.name for matrix in dictionary.matrices()] + [item.name for item in dictionary.items()]
    assert [name for name in names if name != " ".join(name.split())] == []


def test_only_segments_12_to_36_leave_out_records() -> None:
    assert [segment.number for segment in dictionary.segments() if not segment.in_block_rows] == [
        str(number) for number in range(12, 37)
    ]


def test_the_83_geo_fields_cover_the_400_characters() -> None:
    fields = dictionary.geo_fields()
    assert len(fields) == 83
    assert [field.start for field in fields] == [0, *(field.end for field in fields[:-1])]
    assert fields[-1].end == 400
    latitude, longitude = dictionary.geo_field("INTPTLAT"), dictionary.geo_field("INTPTLON")
    assert (latitude.start, latitude.end, longitude.start, longitude.end) == (310, 319, 319, 329)


def test_chosen_segments_come_sorted_and_once() -> None:
    assert [segment.number for segment in dictionary.chosen_segments(["12", "01", "12"])] == ["01", "12"]


def test_an_unknown_segment_is_refused() -> None:
    with pytest.raises(BadInput) as refused:
        dictionary.chosen_segments(["01", "40"])
    assert str(refused.value) == "--segments: unknown segment '40'; expected some of 01 to 39"
    with pytest.raises(BadInput, match="found none"):
        dictionary.chosen_segments([])


def test_a_segment_without_its_zero_is_suggested_with_it() -> None:
    with pytest.raises(BadInput, match=r"--segments: unknown segment '1'; did you mean 01\? expected some of 01 to 39"):
        dictionary.chosen_segments(["1"])

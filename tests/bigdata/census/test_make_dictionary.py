from __future__ import annotations

import json
from pathlib import Path

import pytest

from bigdata.census.make_dictionary import DIRECTORY, main, write_dictionary
from bigdata.errors import BadInput

MATRICES = [
    {"code": "P1", "name": "TOTAL  ", "universe": "All ", "elements": [{"index": 0, "name": "Total"}]},
    {
        "code": "P2",
        "name": "MEDIAN AGE ",
        "universe": "All",
        "elements": [{"index": 0, "name": "Both:", "elements": [{"index": 1, "name": " Male"}]}],
    },
]
SEGMENTS = "segment,first_matrix,last_matrix,matrices,items,columns,decimal_items,in_block_rows\n01,P1,P2,2,3,8,2,yes\n"
LAYOUT = "seq,field,start,length,end\n1,FILEID,1,6,6\n"


def write_inputs(directory: Path, segments: str = SEGMENTS) -> tuple[Path, Path, Path]:
    paths = directory / "dictionary.json", directory / "segments.csv", directory / "geo_layout.csv"
    for path, text in zip(paths, (json.dumps(MATRICES), segments, LAYOUT), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def test_the_files_are_tidy_rows(tmp_path: Path) -> None:
    write_dictionary(*write_inputs(tmp_path), (written := tmp_path / "written"))
    assert (written / "matrices.csv").read_text(encoding="utf-8") == (
        "code,name,universe,sortkey,segment\nP1,TOTAL,All,1,01\nP2,MEDIAN AGE,All,2,01\n"
    )
    assert (written / "items.csv").read_text(encoding="utf-8") == (
        "matrix,index,parent,decimal,name\nP1,0,,,Total\nP2,0,,decimal,Both:\nP2,1,0,decimal,Male\n"
    )
    assert (written / "segments.csv").read_text(encoding="utf-8") == SEGMENTS
    assert (written / "geo_layout.csv").read_text(encoding="utf-8") == LAYOUT


def test_counts_that_do_not_agree_are_refused(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, SEGMENTS.replace(",3,8,2,", ",4,9,2,"))
    with pytest.raises(BadInput, match="segment 01 has 4 items, 2 of them decimal, but the dictionary has 3 and 2"):
        write_dictionary(*inputs, tmp_path)


def test_a_segment_with_an_unknown_matrix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="segment 01: no such matrix"):
        write_dictionary(*write_inputs(tmp_path, SEGMENTS.replace("P2", "P3")), tmp_path)


def test_a_matrix_without_a_segment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no segment has the matrices P2"):
        write_dictionary(*write_inputs(tmp_path, SEGMENTS.replace("P1,P2", "P1,P1")), tmp_path)


def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "dictionary.json")]) == 2
    assert "dictionary.json: cannot be read" in capsys.readouterr().err


@pytest.mark.sf1
def test_the_files_in_the_package_are_those_that_the_script_writes(sf1_dir: Path, tmp_path: Path) -> None:
    write_dictionary(sf1_dir / "dictionary.json", sf1_dir / "segments.csv", sf1_dir / "geo_layout.csv", tmp_path)
    for written in tmp_path.iterdir():
        assert written.read_bytes() == (DIRECTORY / written.name).read_bytes()
    assert len(list(tmp_path.iterdir())) == 4

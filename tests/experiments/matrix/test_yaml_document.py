"""YAML with the lines of everything in it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from experiments.errors import BadInput
from experiments.matrix.yaml_document import Document, Finding, read_document, refuse, write_path
from tests.project import ROOT


def read(folder: Path, text: str) -> Document:
    (folder / "matrix.yaml").write_text(text, encoding="utf-8")
    return read_document(folder / "matrix.yaml")


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(BadInput) as caught:
        read(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_values_are_plain_data_with_the_lines_of_their_keys(tmp_path: Path) -> None:
    document = read(tmp_path, "a:\n  b: [1, x]\n\nc:\n  - d: 3.10\n  - yes\n")
    assert document.data == {"a": {"b": [1, "x"]}, "c": [{"d": 3.1}, True]}
    assert {path: document.line(path) for path in [("a",), ("a", "b"), ("c",), ("c", 0, "d"), ("c", 1)]} == {
        ("a",): 1,
        ("a", "b"): 2,
        ("c",): 4,
        ("c", 0, "d"): 5,
        ("c", 1): 6,
    }
    assert document.texts["c", 0, "d"] == "3.10"


def test_both_parsers_read_the_shipped_matrix_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read_document(ROOT / "matrix.yaml")
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert read_document(ROOT / "matrix.yaml") == fast


def test_the_line_of_what_is_missing_is_that_of_what_should_hold_it(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\nb:\n  c: 2\n")
    assert document.line(("b", "d", "e")) == 2
    assert document.line(("z",)) == 1


def test_an_alias_stands_for_what_it_names(tmp_path: Path) -> None:
    assert read(tmp_path, "a: &pools [1, 5]\nb: *pools\n").data == {"a": [1, 5], "b": [1, 5]}


def test_a_key_that_stands_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    text = refusal(tmp_path, "data:\n  ny: 1\n  ri: 2\n  ny: 3\n")
    assert text == "matrix.yaml:4: data.ny: the key stands in line 2 and again in line 4: keep one of them"


def test_a_key_that_is_no_text_is_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path, "postgres:\n  17: a\n  on: b\n  ? [x]\n  : c\n")
    assert text.splitlines() == [
        "matrix.yaml:2: postgres.17: this key is not text: put it in quotes",
        "matrix.yaml:3: postgres.on: this key is not text: put it in quotes",
        "matrix.yaml:4: postgres.?: this key is not text: put it in quotes",
    ]


def test_a_tab_is_refused_with_its_line(tmp_path: Path) -> None:
    text = refusal(tmp_path, "a:\n\tb: 1\n")
    assert text == "matrix.yaml:2: a tab, where YAML wants spaces: indent with spaces"


def test_a_slip_in_the_syntax_is_refused_with_its_line(tmp_path: Path) -> None:
    text = refusal(tmp_path, "a: 1\nb: [1, 2\nc: 3\n")
    assert text == ("matrix.yaml:3: is not valid YAML: expected ',' or ']', but got ':' while parsing a flow sequence")


def test_a_tag_that_makes_objects_is_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path, "a: !!python/name:os.system x\n")
    assert text.startswith("matrix.yaml:1: is not valid YAML: could not determine a constructor for the tag")


def test_a_second_document_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a: 1\n---\nb: 1\n").startswith(
        "matrix.yaml:2: is not valid YAML: but found another document"
    )


def test_an_alias_of_what_it_stands_in_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a: &a\n  b: *a\n") == ("matrix.yaml:2: a.b: an alias of what it stands in: write it out")


def test_control_characters_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a: \x00\n").startswith("matrix.yaml:1: is not valid YAML: ")


def test_a_date_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a: 2014-13-01\n") == (
        "matrix.yaml:1: a: '2014-13-01' is not a valid !!timestamp: put it in quotes"
    )


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "# nothing\n") == "matrix.yaml:1: the file is empty"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"matrix\.yaml: cannot be read: No such file or directory"):
        read_document(tmp_path / "matrix.yaml")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "matrix.yaml").write_bytes("b: 1\na: é".encode("latin-1"))
    with pytest.raises(BadInput, match=r"matrix\.yaml:2: cannot be read: it is not UTF-8"):
        read_document(tmp_path / "matrix.yaml")


def test_findings_come_in_the_order_of_their_lines_and_once(tmp_path: Path) -> None:
    document = Document("m.yaml", {}, {(): 1, ("a",): 9, ("b",): 2})
    findings = [Finding(("a",), "x"), Finding(("b",), "y"), Finding(("a",), "x"), Finding((), "z", line=5)]
    assert str(refuse(document, findings)) == "m.yaml:2: b: y\nm.yaml:5: z\nm.yaml:9: a: x"


def test_a_path_is_written_with_dots_and_positions() -> None:
    assert write_path(("experiments", "loaders", "matrix", "loader", 1)) == "experiments.loaders.matrix.loader[1]: "
    assert write_path(()) == ""


def chain(links: int) -> str:
    """Write aliases that each stand for a list of the one before, ten times."""
    lists = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, links))
    return f"a0: &a0 [x]\n{lists}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: " + "[" * 5_000, "matrix.yaml:1: is not valid YAML: this is nested deeper than 20 levels"),
        (
            "a0: &a0 {b: x}\n" + "".join(f"a{n}: &a{n} {{b: *a{n - 1}}}\n" for n in range(1, 900)),
            "matrix.yaml:1: is not valid YAML: this is nested deeper than 20 levels",
        ),
        (
            chain(9),
            "matrix.yaml:1: is not valid YAML: the file has more than 10,000 values, "
            "with aliases counted as what they stand for",
        ),
        (
            f"a:\n  [{'1,' * 100_000}]",
            "matrix.yaml:2: is not valid YAML: the file has more than 10,000 values, "
            "with aliases counted as what they stand for",
        ),
        ("a: 1\n# " + "x" * 300_000, "matrix.yaml: has more than 256 kB: remove what is not needed"),
        (f"a:\n  b: {'x' * 200_000}", "matrix.yaml:2: a.b: has 200,000 characters: write at most 10,000"),
    ],
    ids=["nested", "nested aliases", "alias bomb", "long list", "long file", "long value"],
)
def test_a_file_beyond_the_bounds_is_refused_at_once(tmp_path: Path, text: str, reason: str) -> None:
    begun = time.process_time()
    assert refusal(tmp_path, text) == reason
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("!!bool x", "'x' is not a valid !!bool: put it in quotes"),
        ("!!timestamp x", "'x' is not a valid !!timestamp: put it in quotes"),
        ("!!int x", "'x' is not a valid !!int: put it in quotes"),
        ("0x" + "f" * 200, "0x" + "f" * 98 + "... is too large for a number"),
        (r'"a\0b"', r"holds the character '\x00', which is no text: remove it"),
        (r'"\ud800"', r"holds the character '\ud800', which is no text: remove it"),
        (r'"\e[31m"', r"holds the character '\x1b', which is no text: remove it"),
        ("!!set {x}", "the tag tag:yaml.org,2002:set means nothing here: remove it"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_line(tmp_path: Path, value: str, reason: str) -> None:
    assert refusal(tmp_path, f"x: 1\na:\n  b: {value}\n") == f"matrix.yaml:3: a.b: {reason}"


def test_a_key_that_no_program_can_print_is_refused_and_shown_escaped(tmp_path: Path) -> None:
    assert refusal(tmp_path, '"\\ud800": 1\n') == (
        r"matrix.yaml:1: \ud800: holds the character '\ud800', which is no text: remove it"
    )


@pytest.mark.parametrize("escape", [r'"\UFFFFFFFF"', "%YAML 1." + "9" * 5000])
def test_a_number_too_large_for_yaml_itself_is_refused_with_a_line(tmp_path: Path, escape: str) -> None:
    assert refusal(tmp_path, f"{escape}\n---\n").startswith("matrix.yaml:1: is not valid YAML: ")

from __future__ import annotations

import pytest

from experiments.report.terminal import UNLIMITED, fit_table, wrap_lines

HEADINGS = ("loader", "PostgreSQL", "rows/s", "ratio (95% interval)", "note")
ROWS = (
    ("psycopg2 · threads", "async_commit", "14,111", "0.97 (0.83 to 1.15) n.s.", ""),
    ("aiopg · uvloop", "default", "9,386", "1", "baseline; 1 of 6 runs disturbed"),
)


def fitted(width: int) -> str:
    return fit_table(ROWS, HEADINGS, "llrrl", width)


def test_a_table_that_fits_has_a_line_for_each_row() -> None:
    assert fitted(UNLIMITED) == (
        "loader              PostgreSQL    rows/s      ratio (95% interval)  note\n"
        "------------------  ------------  ------  ------------------------  -------------------------------\n"
        "psycopg2 · threads  async_commit  14,111  0.97 (0.83 to 1.15) n.s.\n"
        "aiopg · uvloop      default        9,386                         1  baseline; 1 of 6 runs disturbed"
    )
    assert fitted(99) == fitted(UNLIMITED)


def test_notes_that_do_not_fit_stand_below_their_rows() -> None:
    assert fitted(80) == (
        "loader              PostgreSQL    rows/s      ratio (95% interval)\n"
        "------------------  ------------  ------  ------------------------\n"
        "psycopg2 · threads  async_commit  14,111  0.97 (0.83 to 1.15) n.s.\n"
        "aiopg · uvloop      default        9,386                         1\n"
        "    baseline; 1 of 6 runs disturbed"
    )


def test_cells_are_broken_between_words_and_an_interval_never() -> None:
    words = [word for row in ROWS for text in row for word in text.split()]
    for width in (30, 40, 50, 60, 70):
        text = fitted(width)
        assert max(map(len, text.splitlines())) <= width
        assert {word.strip(",:") for word in words} <= {word.strip(",:") for word in text.split()}
        assert width < 50 or "(0.83 to 1.15)" in text


def test_where_even_words_are_too_wide_each_row_is_a_list() -> None:
    assert fitted(30) == (
        "psycopg2 · threads,\n"
        "async_commit\n"
        "  rows/s: 14,111\n"
        "  ratio (95% interval): 0.97\n"
        "  (0.83 to 1.15) n.s.\n"
        "\n"
        "aiopg · uvloop, default\n"
        "  rows/s: 9,386\n"
        "  ratio (95% interval): 1\n"
        "  note: baseline; 1 of 6 runs\n"
        "  disturbed"
    )


@pytest.mark.parametrize(
    ("line", "wrapped"),
    [
        ("- twelve of row-by-row", "- twelve of\n  row-by-row"),
        ("  the server: 13,742", "  the server:\n  13,742"),
        ("sha256:0123456789abcdef", "sha256:0123456789abcdef"),
        ("", ""),
    ],
)
def test_lines_are_broken_between_words_and_indented_as_before(line: str, wrapped: str) -> None:
    assert wrap_lines(line, 14) == wrapped
    assert wrap_lines(f"{line}\n{line}", UNLIMITED) == f"{line}\n{line}"

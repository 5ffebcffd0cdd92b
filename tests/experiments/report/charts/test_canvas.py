from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.report.charts.canvas import SMALL, Key, Lines, text_width, wrap

LOOKS = {"marker": "o"}


@given(st.text("abc WM", max_size=200), st.sampled_from([120.0, 600.0]))
@settings(max_examples=30, deadline=None)
def test_wrapped_text_is_all_there_and_no_wider_than_asked(text: str, width: float) -> None:
    lines = wrap(text, width, SMALL)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(text_width(line, SMALL) <= width for line in lines if len(line) > 10)


@pytest.mark.parametrize(("narrow", "wide"), [("i", "W"), ("a", "aa")])
def test_text_is_as_wide_as_its_letters(narrow: str, wide: str) -> None:
    assert 0 < text_width(narrow) < text_width(wide)
    assert text_width("") == 0
    assert text_width(wide, 2 * SMALL) == pytest.approx(2 * text_width(wide, SMALL), rel=0.05)


def test_a_key_takes_as_many_lines_as_its_entries_need() -> None:
    entries = tuple((f"entry {number}", LOOKS) for number in range(12))
    one, all_of_them = Key(entries[:1], 675.0), Key(entries, 675.0)
    assert all_of_them.height > one.height > Key((), 675.0).height == 0


def test_lines_take_their_height() -> None:
    assert Lines(("a", "b"), size=10.0, below=5.0).height == pytest.approx(33.0)

"""Values of the axis arrivals."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.matrix.arrivals import load_of, parse_arrivals, rate_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("closed", "closed"),
        ({"rate": "2000/s"}, "2000/s"),
        ({"rate": "0.5/s"}, "0.5/s"),
        ({"load": "70%"}, "70%"),
        # As records and descriptions of campaigns have them.
        ("2000/s", "2000/s"),
        ("70%", "70%"),
    ],
)
def test_a_rate_and_a_load_have_a_text(value: Any, text: str) -> None:
    assert parse_arrivals(value) == text


@pytest.mark.parametrize(
    "value",
    [
        *(None, "open", 70, "\u0667%", {}, {"pace": "1/s"}, {"rate": "1/s", "load": "5%"}),
        *({"rate": rate} for rate in (2000, "0/s", "70%", "2000000/s")),
        *({"load": load} for load in ("70", "0%", "201%")),
    ],
)
def test_anything_else_has_none(value: Any) -> None:
    assert parse_arrivals(value) is None


def test_texts_are_read_back() -> None:
    assert (rate_of("1500/s"), rate_of("70%"), load_of("70%"), load_of("1500/s")) == (1500.0, None, 0.7, None)

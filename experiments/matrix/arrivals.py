"""Values of the axis ``arrivals``: a closed loop, or the rate at which operations come, or that as a share."""

import re
from collections.abc import Mapping

CLOSED = "closed"
"""Each worker begins its next operation when the one before is done."""

EXPECTED = "write closed, {rate: 2000/s} for operations per second, or {load: 70%} of what the baseline does closed"

MOST_PER_S = 1_000_000.0
MOST_LOAD = 2.0
_RATE = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)/s", re.ASCII)
_LOAD = re.compile(r"(\d{1,3}(?:\.\d)?)%", re.ASCII)
_FORMS = {"rate": _RATE, "load": _LOAD}

_MAPPING = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
_VALUES = {
    "rate": {"type": "string", "pattern": "^[0-9]{1,7}([.][0-9]{1,3})?/s$"},
    "load": {"type": "string", "pattern": "^[0-9]{1,3}([.][0-9])?%$"},
}
SCHEMA = {
    "anyOf": [{"enum": [CLOSED]}, {**_MAPPING, "properties": _VALUES}, *_VALUES.values()],
    "description": "When operations come: closed, each worker's next one when it is done; else at a rate or a load.",
}
"""JSON Schema of a value."""


def parse_arrivals(value: object) -> str | None:
    """Return the text of a value of matrix.yaml: 'closed', '2000/s' or '70%'; None for another value."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, text),) = value.items()
        fits = kind in _FORMS and isinstance(text, str) and _FORMS[kind].fullmatch(text)
        value = text if fits else None
    known = isinstance(value, str) and (value == CLOSED or rate_of(value) is not None or load_of(value) is not None)
    return str(value) if known else None


def rate_of(text: str) -> float | None:
    """Return the operations per second of '2000/s'; None for another text, and what nobody can send."""
    match = _RATE.fullmatch(text)
    return float(match[1]) if match and 0 < float(match[1]) <= MOST_PER_S else None


def load_of(text: str) -> float | None:
    """Return the share of '70%'; None for another text, and loads that nobody needs."""
    match = _LOAD.fullmatch(text)
    return float(match[1]) / 100 if match and 0 < float(match[1]) / 100 <= MOST_LOAD else None

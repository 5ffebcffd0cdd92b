"""Measurements of an open loop: the part ``open_loop`` of a record, made from the loader's report."""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from experiments.matrix.bounds import Count, Divisor, Flag
from experiments.records.histogram import MOST_CHARACTERS, Histogram

# Of a report: 8 bytes for each of ten million operations.
_MOST_BYTES = 80_000_000


def _check_histogram(text: str) -> str:
    try:
        Histogram.decode(text)
    except ValueError as error:
        raise PydanticCustomError("histogram", "{text}", {"text": str(error)}) from error
    return text


Encoded = Annotated[str, Field(strict=True, max_length=MOST_CHARACTERS), AfterValidator(_check_histogram)]


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """Operations that came at ``rate_per_s``, by a Poisson process, whoever was free.

    ``response`` counts from the instant at which an operation was due, ``service`` from its start; both are compressed
    HdrHistograms of nanoseconds. ``queue`` are the operations that had come by the last instant and had not begun. With
    more than 2% of all it is ``saturated``: response times grow as long as it runs. Of ``awaited`` operations, which
    came while their worker was free, ``on_time`` began within 0.2 ms, and ``start_delay`` is the histogram of how late
    each began: what the interpreter's lock, the event loop and the core let it wait.
    """

    rate_per_s: Divisor
    queue: Count
    saturated: Flag
    awaited: Count
    on_time: Count
    response: Encoded
    service: Encoded
    start_delay: Encoded


def read_open_loop(report: Mapping[str, Any]) -> OpenLoop:
    """Return what a loader reports as ``arrivals``. Raises KeyError, TypeError or ValueError where it is not that."""
    encoded: dict[str, Any] = {
        name: Histogram.of(unpack(report[f"{reported}_ns"])).encode()
        for name, reported in (("response", "response"), ("service", "service"), ("start_delay", "start_delays"))
    }
    known: dict[str, Any] = {name: report[name] for name in ("rate_per_s", "queue", "saturated", "awaited", "on_time")}
    return OpenLoop(**known, **encoded)


def unpack(text: str) -> list[int]:
    """Return times that a loader has packed: sorted, each less the one before, of 8 bytes, by zlib and base64."""
    unpacking = zlib.decompressobj()
    try:
        raw = unpacking.decompress(base64.b64decode(text, validate=True), _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"times that cannot be unpacked: {error}") from error
    if not unpacking.eof:
        raise ValueError("times that end too early, or are too many")
    steps = array("q", raw)
    if sys.byteorder != "little":
        steps.byteswap()
    return list(accumulate(steps))

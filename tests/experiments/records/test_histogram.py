"""HdrHistograms: those that the package hdrhistogram writes, to the byte, and what is none."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest

from experiments.records.histogram import Histogram

VALUES = (1, 200, 200, 1_000_000, 2_500_000, 2_500_001, 40_000_000_000)
# HdrHistogram(1, 3_600_000_000_000, 2) of version 0.10.8, with these values recorded.
ENCODED = "HISTFAAAADB4nJNpmSzMwMDAxwABTFCakYGB2c1gxwIG+w9QAaZuZparEkxHmVi+SzMBAKPTB7s="


def packed(plain: bytes, cookie: int = 0x1C849314) -> str:
    inside = zlib.compress(plain)
    return base64.b64encode(struct.pack(">ii", cookie, len(inside)) + inside).decode()


def plain_of(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text)[8:])


def test_a_histogram_is_written_and_read_as_by_the_reference() -> None:
    assert Histogram.of(VALUES).encode() == ENCODED
    assert Histogram.decode(ENCODED).counts == Histogram.of(VALUES).counts


def test_percentiles_are_the_middles_of_buckets_by_nearest_rank() -> None:
    found = Histogram.of(range(100, 1100))
    assert found.total == 1000
    # 128 buckets between a value and its double: from 512 on each is 4 wide.
    assert [found.percentile(percent) for percent in (0, 10, 50, 99.9, 100)] == [100.0, 199.0, 598.0, 1100.0, 1100.0]
    assert found.mean == pytest.approx(599.5, rel=0.004)
    assert (Histogram().percentile(50), Histogram().mean, Histogram().total) == (None, None, 0)


def test_histograms_merge_exactly() -> None:
    halves = [Histogram.of(VALUES[:3]), Histogram.of(VALUES[3:])]
    assert Histogram.merge(halves).counts == Histogram.of(VALUES).counts


def test_what_is_longer_than_an_hour_counts_as_an_hour() -> None:
    assert Histogram.of([10**15]).counts == Histogram.of([3_600_000_000_000]).counts


def test_an_empty_histogram_comes_back() -> None:
    assert Histogram.decode(Histogram().encode()).total == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HISTFAAA!",
        ENCODED[:-8],
        packed(plain_of(ENCODED), cookie=0x1C849304),
        packed(plain_of(ENCODED)[:30]),
        packed(plain_of(ENCODED) + b"\x80"),
        # More buckets than an hour has, and more than can be counted.
        packed(
            plain_of(Histogram().encode())[:4]
            + struct.pack(">i", 3)
            + plain_of(Histogram().encode())[8:]
            + b"\xff\xff\x7f"
        ),
        # A bomb.
        packed(plain_of(ENCODED) + bytes(10_000_000)),
    ],
)
def test_what_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HdrHistogram"):
        Histogram.decode(text)

"""HdrHistogram with two significant digits, in its compressed format (V2), which other tools read, too.

Values are nanoseconds. Below 256 each has a bucket of its own; from there on 128 buckets lie between a value and its
double, so that the middle of a bucket is at most 0.4% off. Counts merge exactly. The format is that of Gil Tene's
HdrHistogram: zigzag LEB128 counts, runs of zeros as negative numbers, zlib, base64.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator

_DIGITS = 2
_HALF_BITS = 7
_HALF = 1 << _HALF_BITS
_HIGHEST = 3_600_000_000_000
_BUCKETS = (_HIGHEST.bit_length() - _HALF_BITS + 1) << _HALF_BITS
_COOKIE, _COMPRESSED_COOKIE = 0x1C849313, 0x1C849314
_HEAD = struct.Struct(">iiiiqqd")
_OUTER = struct.Struct(">ii")
_LONGEST = _HEAD.size + 9 * _BUCKETS
_MOST_COUNTED = 1 << 53

MOST_CHARACTERS = 40_000
"""Of a histogram as text."""


class Histogram:
    """Counts of values by bucket."""

    def __init__(self, counts: Counter[int] | None = None) -> None:
        self.counts: Counter[int] = Counter() if counts is None else counts

    @classmethod
    def of(cls, values: Iterable[int]) -> Histogram:
        """Count the values; none is below 0, and longer ones than an hour count as one."""
        return cls(Counter(_bucket_of(min(value, _HIGHEST)) for value in values))

    @classmethod
    def merge(cls, several: Iterable[Histogram]) -> Histogram:
        """Return the histogram of all their values."""
        merged: Counter[int] = Counter()
        for one in several:
            merged.update(one.counts)
        return cls(merged)

    @property
    def total(self) -> int:
        """Return the number of values."""
        return sum(self.counts.values())

    @property
    def mean(self) -> float | None:
        """Return the mean value; None without values."""
        return sum(_middle_of(one) * count for one, count in self.counts.items()) / self.total if self.counts else None

    def percentile(self, percent: float) -> float | None:
        """Return the value of this rank (nearest rank), 100 for the largest; None without values."""
        rank, below = max(1.0, self.total * percent / 100), 0
        for bucket in sorted(self.counts):
            below += self.counts[bucket]
            # 99.9% of something is not exact.
            if below >= rank - 1e-9 * rank:
                return _middle_of(bucket)
        return None

    def encode(self) -> str:
        """Write it as text."""
        payload = b"".join(_write(number) for number in self._runs())
        head = _HEAD.pack(_COOKIE, len(payload), 0, _DIGITS, 1, _HIGHEST, 1.0)
        packed = zlib.compress(head + payload)
        return base64.b64encode(_OUTER.pack(_COMPRESSED_COOKIE, len(packed)) + packed).decode()

    @classmethod
    def decode(cls, text: str) -> Histogram:
        """Read a text. Raises ValueError unless it is one of these, whoever wrote it."""
        try:
            raw = base64.b64decode(text, validate=True)
            cookie, length = _OUTER.unpack_from(raw)
            unpacking = zlib.decompressobj()
            plain = unpacking.decompress(raw[_OUTER.size :], _LONGEST)
            head = _HEAD.unpack_from(plain)
        except (binascii.Error, zlib.error, struct.error) as error:
            raise ValueError(f"not a compressed HdrHistogram: {error}") from error
        expected = (_COOKIE, len(plain) - _HEAD.size, 0, _DIGITS, 1, _HIGHEST, 1.0)
        if head != expected or cookie != _COMPRESSED_COOKIE or length != len(raw) - _OUTER.size or not unpacking.eof:
            raise ValueError("expected an HdrHistogram of 1 to 3,600,000,000,000 with 2 significant digits")
        counts: Counter[int] = Counter()
        bucket = 0
        for number in _read(plain[_HEAD.size :]):
            if number > 0:
                counts[bucket] = number
            bucket += max(1, -number)
            if bucket > _BUCKETS or number > _MOST_COUNTED:
                raise ValueError("an HdrHistogram with more buckets or values than there can be")
        return cls(counts)

    def _runs(self) -> Iterator[int]:
        """Yield each count, and for a run of zeros its length below 0."""
        following = 0
        for bucket in sorted(self.counts):
            if bucket > following:
                yield following - bucket
            yield self.counts[bucket]
            following = bucket + 1


def _bucket_of(value: int) -> int:
    shift = max(0, value.bit_length() - _HALF_BITS - 1)
    return (shift << _HALF_BITS) + (value >> shift)


def _middle_of(bucket: int) -> float:
    shift = max(0, (bucket >> _HALF_BITS) - 1)
    lowest = (bucket - (shift << _HALF_BITS)) << shift
    return lowest + (1 << shift) / 2 if shift else float(lowest)


def _write(number: int) -> bytes:
    """Write a zigzag LEB128 number; the ninth byte has 8 bits."""
    left = (number << 1) ^ (number >> 63)
    written = bytearray()
    while left > 0x7F and len(written) < 8:
        written.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*written, left])


def _read(payload: bytes) -> Iterator[int]:
    number = place = 0
    for byte in payload:
        last = byte < 0x80 or place == 8
        number |= (byte if place == 8 else byte & 0x7F) << 7 * place
        place += 1
        if last:
            yield (number >> 1) ^ -(number & 1)
            number = place = 0
    if place:
        raise ValueError("an HdrHistogram that ends within a number")

"""Messages of protocol 3, cut out of two byte streams: https://www.postgresql.org/docs/current/protocol.html"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

FRONTEND = {
    b"B": "Bind",
    b"C": "Close",
    b"c": "CopyDone",
    b"d": "CopyData",
    b"D": "Describe",
    b"E": "Execute",
    b"f": "CopyFail",
    b"F": "FunctionCall",
    b"H": "Flush",
    b"p": "Password",  # or one of SASL's
    b"P": "Parse",
    b"Q": "Query",
    b"S": "Sync",
    b"X": "Terminate",
}
REQUESTS = {80877102: "CancelRequest", 80877103: "SSLRequest", 80877104: "GSSENCRequest"}
"""Codes in place of a version, in a message without a type."""
NEGOTIATED = ("SSLRequest", "GSSENCRequest")
"""Requests that the server answers with one byte."""

_TYPE_AND_LENGTH = 5
_LENGTH_AND_CODE = 8


class NotUnderstood(Exception):
    """Bytes that are not protocol 3, or encrypted."""


@dataclass(frozen=True)
class Message:
    """One message: its kind, its size on the wire, and its content."""

    kind: str
    size: int
    body: bytes = b""


class Frontend:
    """Parser of a client's messages."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._started = False

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that these bytes complete. Raises NotUnderstood."""
        self._rest += data
        while raw := _take_message(self._rest, 1 if self._started else 0):
            yield self._typed(raw) if self._started else self._untyped(raw)

    def _untyped(self, raw: bytes) -> Message:
        if len(raw) < _LENGTH_AND_CODE:
            raise NotUnderstood(f"the client's first message has {len(raw)} bytes, fewer than the minimum")
        (code,) = struct.unpack_from("!I", raw, 4)
        if code in REQUESTS:
            return Message(REQUESTS[code], len(raw))
        if code >> 16 != 3:
            raise NotUnderstood(f"the client speaks version {code >> 16} of the protocol, expected 3")
        self._started = True
        return Message("StartupMessage", len(raw), raw[4:])

    def _typed(self, raw: bytes) -> Message:
        kind = FRONTEND.get(raw[:1])
        if kind is None:
            raise NotUnderstood(f"the client sent a message of type {raw[:1]!r}")
        return Message(kind, len(raw), raw[_TYPE_AND_LENGTH:])


class Backend:
    """Parser of a server's messages, by the letter of their type; ``answer`` is the byte after a request."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self.requests = 0
        """Number of requests without an answer yet."""

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that these bytes complete. Raises NotUnderstood."""
        self._rest += data
        while raw := _take(self._rest, 1) if self.requests else _take_message(self._rest, 1):
            if not self.requests:
                yield Message(raw[:1].decode("latin-1"), len(raw))
                continue
            self.requests -= 1
            if raw != b"N":
                raise NotUnderstood(f"the server answered {raw!r} to a request to encrypt, expected 'N'")
            yield Message("answer", 1)


def _take_message(data: bytearray, start: int) -> bytes | None:
    """Take the next message, whose length follows ``start`` bytes of type; None before it is complete."""
    if len(data) < start + 4:
        return None
    (length,) = struct.unpack_from("!I", data, start)
    if length < 4:
        raise NotUnderstood(f"a message says that it has {length} bytes, fewer than the minimum")
    return _take(data, start + int(length))


def _take(data: bytearray, size: int) -> bytes | None:
    """Take so many bytes; None before they have come."""
    if len(data) < size:
        return None
    taken = bytes(data[:size])
    del data[:size]
    return taken

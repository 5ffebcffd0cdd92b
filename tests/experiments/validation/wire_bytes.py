"""Messages of PostgreSQL's protocol 3, as clients and servers put them on the wire."""

from __future__ import annotations

import struct

SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSSENC_REQUEST = struct.pack("!II", 8, 80877104)
CANCEL_REQUEST = struct.pack("!IIII", 16, 80877102, 1234, 5678)


def typed(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", 4 + len(body)) + body


def start_up(*words: str, version: tuple[int, int] = (3, 0)) -> bytes:
    body = struct.pack("!HH", *version) + b"".join(word.encode() + b"\0" for word in words) + b"\0"
    return struct.pack("!I", 4 + len(body)) + body


def query(text: str) -> bytes:
    return typed(b"Q", text.encode() + b"\0")


def parse(name: str, text: str) -> bytes:
    return typed(b"P", f"{name}\0{text}\0\0\0".encode())


def bind(name: str) -> bytes:
    return typed(b"B", f"\0{name}\0\0\0\0\0\0\0".encode())


def describe(name: str) -> bytes:
    return typed(b"D", f"S{name}\0".encode())


def close(name: str) -> bytes:
    return typed(b"C", f"S{name}\0".encode())

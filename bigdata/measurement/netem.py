"""The kernel's own delay of packets, netem (tc-netem(8)), on one interface of this network namespace.

Asked for by the message that ``tc qdisc replace dev lo root netem`` sends (rtnetlink(7)), as no image of a loader has
that program.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from bigdata.errors import LoadFailed

INTERFACE = "lo"
"""Loader and server share it. What either sends leaves by it, so that each direction is delayed once."""

LIMIT = 100_000
"""Packets that are on their way at once; tc's 1,000 would lose some."""

# Of linux/netlink.h and linux/rtnetlink.h.
_NEW, _DELETE, _ERROR = 36, 37, 2
_REQUEST, _ACKNOWLEDGE, _REPLACE, _CREATE = 0x1, 0x4, 0x100, 0x400
_ROOT = 0xFFFFFFFF
_KIND, _OPTIONS = 1, 2
_TICK_S = 64e-9

_REASONS = {
    errno.ENOENT: "the kernel has no netem (its module sch_netem)",
    errno.EOPNOTSUPP: "the kernel has no netem (its module sch_netem)",
    errno.EPERM: "the capability NET_ADMIN is missing",
}


def set_delay(rtt_s: float, jitter_s: float = 0.0) -> None:
    """Delay each packet by half of it. Raises LoadFailed where the kernel cannot, or may not."""
    _send(_NEW, _REPLACE | _CREATE, _attribute(_KIND, b"netem\0") + _attribute(_OPTIONS, _options(rtt_s, jitter_s)))


def remove_delay() -> None:
    """Delay packets no more. Raises LoadFailed where they were not delayed."""
    _send(_DELETE, 0, b"")


def _options(rtt_s: float, jitter_s: float) -> bytes:
    """Return struct tc_netem_qopt: latency, limit, loss, gap, duplication, jitter."""
    latency, jitter = (int(seconds / 2 / _TICK_S) for seconds in (rtt_s, jitter_s))
    return struct.pack("=6I", latency, LIMIT, 0, 0, 0, jitter)


def _attribute(kind: int, content: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(content), kind) + content + b"\0" * (-len(content) % 4)


def _send(kind: int, flags: int, attributes: bytes) -> None:
    """Send the request about the interface's root discipline, and read the kernel's answer."""
    body = struct.pack("=BxxxiIII", socket.AF_UNSPEC, socket.if_nametoindex(INTERFACE), 0, _ROOT, 0) + attributes
    header = struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | _ACKNOWLEDGE | flags, 1, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.sendall(header + body)
            answer = kernel.recv(1 << 16)
    except OSError as error:
        raise LoadFailed(f"the kernel takes no request: {error.strerror}") from error
    (answered,) = struct.unpack_from("=H", answer, 4)
    code = -struct.unpack_from("=i", answer, 16)[0] if answered == _ERROR else errno.EPROTO
    if code:
        raise LoadFailed(f"{_REASONS.get(code, os.strerror(code))}")

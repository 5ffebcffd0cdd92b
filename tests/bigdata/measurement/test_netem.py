"""The kernel is asked for a delay as tc asks for it, and its refusals are explained."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

import pytest

from bigdata.errors import LoadFailed
from bigdata.measurement import netem

# What tc of iproute2 6.1 sends for "qdisc add dev lo root netem limit 100000 delay 1ms 0.5ms" (strace), from the
# interface on: its index is 1, then handle, parent and info; the kind; the options.
OF_TC = (
    b"\0\0\0\0\1\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0"
    b"\x0a\0\1\0netem\0\0\0"
    b"\x1c\0\2\0\x09\x3d\0\0\xa0\x86\1\0" + bytes(12) + b"\x84\x1e\0\0"
)


class FakeKernel:
    """A netlink socket whose kernel answers with an error number, 0 for none."""

    def __init__(self, code: int) -> None:
        self.sent = b""
        self._answer = struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -code)

    def __enter__(self) -> FakeKernel:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def sendall(self, data: bytes) -> None:
        self.sent = data

    def recv(self, size: int) -> bytes:
        return self._answer


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Any:
    def answer(code: int) -> FakeKernel:
        kernel = FakeKernel(code)
        monkeypatch.setattr(socket, "socket", lambda *_: kernel)
        monkeypatch.setattr(socket, "if_nametoindex", {"lo": 1}.__getitem__)
        return kernel

    return answer


def test_a_delay_is_asked_for_as_tc_does_with_half_of_the_round_trip_in_each_direction(answer: Any) -> None:
    kernel = answer(0)
    netem.set_delay(0.002, 0.001)
    size, kind, flags, *_ = struct.unpack_from("=IHHII", kernel.sent)
    assert (size, kind, flags) == (len(kernel.sent), 36, 0x1 | 0x4 | 0x100 | 0x400)
    assert kernel.sent[16:] == OF_TC


def test_a_delay_is_removed_by_removing_the_discipline_of_the_interface(answer: Any) -> None:
    kernel = answer(0)
    netem.remove_delay()
    assert struct.unpack_from("=IHH", kernel.sent) == (36, 37, 0x1 | 0x4)
    assert kernel.sent[16:] == OF_TC[:20]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOENT, "the kernel has no netem (its module sch_netem)"),
        (errno.EPERM, "the capability NET_ADMIN is missing"),
        (errno.EBUSY, "Device or resource busy"),
    ],
)
def test_a_refusal_is_explained(answer: Any, code: int, reason: str) -> None:
    answer(code)
    with pytest.raises(LoadFailed) as failed:
        netem.set_delay(0.002)
    assert str(failed.value) == reason

from __future__ import annotations

import getpass
import socket

import pytest

from experiments.records.redaction import find_personal, list_own_names, without_paths
from tests.project import ROOT


def test_absolute_paths_are_not_published() -> None:
    value = {"data": {"here": {"path": "/home/somebody/Rhode_Island", "segments": ("01",)}}, "repeats": 3}
    assert without_paths(value) == {"data": {"here": {"path": "Rhode_Island", "segments": ["01"]}}, "repeats": 3}
    assert without_paths({"ssl_cert_file": "/home/some body/x.pem"}) == {"ssl_cert_file": "x.pem"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cannot be imported: /home/me/.cache/v/x.so: undefined symbol", "cannot be imported: x.so: undefined symbol"),
        ("/home/me/data/RI: no such directory; see a/b", "RI: no such directory; see a/b"),
        ("No such file: '/opt/py/lib/a b'", "No such file: 'a b'"),
        ('File "/home/me/x.py", line 3', 'File "x.py", line 3'),
        ("from file:///home/me/x.whl and path:/home/me/y", "from x.whl and path:y"),
        (
            "either/or, 1/2 of it, postgresql://h/d/e, wait for 5/s, docker.io/library/postgres:17",
            "either/or, 1/2 of it, postgresql://h/d/e, wait for 5/s, docker.io/library/postgres:17",
        ),
    ],
)
def test_a_text_names_files_without_their_folders(text: str, told: str) -> None:
    assert without_paths(text) == told


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("in /home/me/.cache/x.so", "home folder '/home/me'"),
        (r'"C:\\Users\\me\\x"', r"home folder 'C:\\\\Users\\\\me'"),
        ("/root/.ssh/id", "home folder '/root/'"),
        ("by a.b+c@example.co.uk.", "e-mail address 'a.b+c@example.co.uk'"),
        ("to 192.168.0.12:5432", "network address '192.168.0.12'"),
        ("ends with 10.0.0.1.", "network address '10.0.0.1'"),
        ("at fe80::1ff:fe23:4567:890a", "hardware or IPv6 address 'fe80::1ff:fe23:4567:890a'"),
        ("is 02:42:AC:11:00:02 there", "hardware or IPv6 address '02:42:AC:11:00:02'"),
        ("on Box-7, again", "host or user name 'box-7'"),
    ],
)
def test_what_is_personal_is_found(text: str, found: str) -> None:
    assert list(find_personal(text, ["box-7"])) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "listens at 127.0.0.1 and 0.0.0.0",
        "valgrind 1:3.19.0-1, Linux 6.1.0.23-amd64, 17.11.2.400, 1.2.3.4.5",
        "geo:110:62232695374219576834;data:24420:154904825398117958582 at 05:05:29Z",
        "boxes of psycopg[binary]@locked, bigdata/home/x, sandbox-7x",
    ],
)
def test_versions_digests_and_the_own_host_are_not_personal(text: str) -> None:
    assert list(find_personal(text, ["box-7"])) == []


def test_nothing_personal_is_in_the_published_files() -> None:
    texts = [path.read_text() for path in (ROOT / "results").rglob("*.*") if path.suffix in (".md", ".csv", ".jsonl")]
    assert texts
    assert [found for text in texts for found in find_personal(text)] == []


def test_own_names_are_those_that_name_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "box7.example.org")
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    assert list_own_names() == ["box7.example.org", "box7"]
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert list_own_names() == []

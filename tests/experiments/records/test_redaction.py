from __future__ import annotations

import pytest

from experiments.records.redaction import without_paths


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

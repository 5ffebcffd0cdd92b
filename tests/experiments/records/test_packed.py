from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from experiments.errors import BadInput
from experiments.records.packed import PACKED, open_records, pack_records


def test_packed_records_are_read_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_bytes(lines := b'{"schema": 1}\n' * 3)
    pack_records(tmp_path / "runs.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == [PACKED]
    with open_records(tmp_path / PACKED) as file:
        assert file.read() == lines


def test_the_same_records_make_the_same_bytes(tmp_path: Path) -> None:
    packed = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "runs.jsonl").write_bytes(b"{}\n")
        pack_records(tmp_path / name / "runs.jsonl")
        packed.append((tmp_path / name / PACKED).read_bytes())
    assert packed[0] == packed[1]


def test_a_campaign_without_records_gets_no_packed_ones(tmp_path: Path) -> None:
    pack_records(tmp_path / "runs.jsonl")
    assert not [*tmp_path.iterdir()]


def test_what_fills_the_memory_when_unpacked_is_refused(tmp_path: Path) -> None:
    (tmp_path / PACKED).write_bytes(lzma.compress(bytes(10_000_000)))
    with pytest.raises(BadInput, match="grows by more than 100 times"), open_records(tmp_path / PACKED):
        pass


WHOLE = lzma.compress(b"{}\n" * 99)


@pytest.mark.parametrize(
    "content",
    [b"no xz", WHOLE[:20], WHOLE[:-1] + b"x", WHOLE + b"more"],
    ids=["other", "cut", "damaged", "followed by more"],
)
def test_what_cannot_be_unpacked_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PACKED).write_bytes(content)
    fault = r"runs\.jsonl\.xz: cannot be unpacked .*restore it"
    with pytest.raises(BadInput, match=fault), open_records(tmp_path / PACKED):
        pass


def test_what_takes_too_much_memory_to_unpack_is_refused(tmp_path: Path) -> None:
    hungry = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 200 * 1024 * 1024}]
    (tmp_path / PACKED).write_bytes(lzma.compress(b"{}\n", filters=hungry))
    with pytest.raises(BadInput, match="Memory usage limit exceeded"), open_records(tmp_path / PACKED):
        pass

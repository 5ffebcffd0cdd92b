from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from experiments.environment.cpython import sources as module
from experiments.environment.cpython.sources import fetch_debian_source, find_mirror, read_version, unpack
from experiments.errors import BadInput, Failure, Unsupported

SUITES = {"3.13": "trixie", "3.14": "forky"}


def make_archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    return path


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    files = {
        "Python-3.14.7/Lib/test/Include/patchlevel.h": '#define PY_VERSION "2.0"\n',
        "Python-3.14.7/Include/patchlevel.h": '/* it */\n#define PY_VERSION      \t"3.14.7"\n',
    }
    return make_archive(tmp_path / "Python-3.14.7.tar.gz", files)


def test_the_version_is_read_from_the_sources_whatever_the_file_is_called(sources: Path) -> None:
    assert read_version(sources.rename(sources.with_name("x"))) == "3.14.7"


def test_sources_are_unpacked_to_their_one_folder(sources: Path, tmp_path: Path) -> None:
    folder = unpack(sources, tmp_path / "build")
    assert folder == tmp_path / "build" / "Python-3.14.7"
    assert (folder / "Include" / "patchlevel.h").is_file()


def test_other_files_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^--archive: .*x\.tar has no sources of CPython \(no Include/patchlevel\.h"):
        read_version(make_archive(tmp_path / "x.tar", {"steam/README": "hot"}))
    (tmp_path / "text").write_text("no archive")
    with pytest.raises(BadInput, match=r"^--archive: .*text cannot be read as a tar archive: "):
        read_version(tmp_path / "text")


def test_the_mirror_is_the_one_that_apt_is_configured_for() -> None:
    targets = "http://a.example/security/ bookworm-security\nhttp://b.example/debian/ trixie\nhttp://c.example/ x\n"
    assert find_mirror(targets, SUITES) == "http://b.example/debian/"
    with pytest.raises(Unsupported, match="apt's configuration names no mirror of Debian: name one in BIGDATA_DEBIAN"):
        find_mirror("http://a.example/ubuntu/ noble\n", SUITES)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What apt-get was asked; it brings the files of a source package."""
    calls: list[list[str]] = []

    def apt(command: list[str], turn: int, folder: Path = Path("/")) -> str:
        calls.append(command)
        if "source" in command:
            for name in ("_3.13.5.orig.tar.xz", "_3.13.5.orig.tar.xz.asc", "_3.13.5-2.dsc", "_3.13.5-2.debian.tar.xz"):
                (folder / f"python3.13{name}").touch()
        return "http://mirror.example/debian/ bookworm\n"

    (tmp_path / "keyring").touch()
    monkeypatch.setattr(module, "_apt", apt)
    monkeypatch.setattr(module, "_KEYRING", tmp_path / "keyring")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    return calls


def test_debians_package_comes_from_the_suite_that_has_it_and_the_machines_mirror(
    tmp_path: Path, asked: list[list[str]]
) -> None:
    found = fetch_debian_source("3.13", {**SUITES, "3.11": "bookworm"}, None, tmp_path, 0)
    assert found == tmp_path / "python3.13_3.13.5.orig.tar.xz"
    line = f"deb-src [signed-by={tmp_path}/keyring] http://mirror.example/debian/ trixie main\n"
    assert (tmp_path / "sources.list").read_text() == line
    assert [command[-1] for command in asked[1:]] == ["update", "python3.13"]
    for command in asked[1:]:
        assert f"-oDir::Etc::SourceList={tmp_path}/sources.list" in command
        assert f"-oDir::State::Lists={tmp_path}/lists" in command
        assert "-oAcquire::Check-Valid-Until=false" in command


def test_a_mirror_that_the_user_names_is_taken(tmp_path: Path, asked: list[list[str]]) -> None:
    fetch_debian_source("3.13", SUITES, "http://own.example/debian", tmp_path, 0)
    assert " http://own.example/debian trixie " in (tmp_path / "sources.list").read_text()
    assert len(asked) == 2


def test_what_debian_or_this_machine_has_not_is_told(
    tmp_path: Path, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unsupported, match=r"^Debian's suites have 3\.13, 3\.14$"):
        fetch_debian_source("3.12", SUITES, None, tmp_path, 0)
    with pytest.raises(Failure, match=r"^Debian forky: the source package of python3\.14 has no archive"):
        fetch_debian_source("3.14", SUITES, "http://own.example/debian", tmp_path, 0)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(Unsupported, match="take apt-get and debian-archive-keyring, and this machine has not"):
        fetch_debian_source("3.13", SUITES, None, tmp_path, 0)


def test_apts_own_words_say_why_it_failed() -> None:
    command = ["sh", "-c", "echo Reading; echo 'E: Failed to fetch python: 404' >&2; exit 100"]
    with pytest.raises(Failure, match=r"^apt-get: Failed to fetch python: 404$"):
        module._apt(command, 0)

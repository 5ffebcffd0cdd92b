"""docker/images.lock.yaml: reading, refusing, writing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from experiments.engines.docker.debian.base_image import DEBIAN_SUITES
from experiments.engines.docker.resolve_images import ASKED_FOR
from experiments.environment.hashes import PROJECT
from experiments.environment.image_lock import (
    IMAGE_LOCK,
    KINDS,
    DebianPin,
    ImageLock,
    ImagePins,
    RegistryPin,
    load_image_lock,
    load_to_resolve,
    shown,
    write_image_lock,
)
from experiments.environment.requirements import POSTGRESQL_MAJORS
from experiments.errors import BadInput

DIGEST = "sha256:" + 64 * "a"
ENTRY = f"{{reference: 'python:3.13-slim', digest: '{DIGEST}', date: 2026-11-22, pulled: true}}"
DEBIAN = DebianPin("trixie", {"python3.13": "3.13.5-2", "libc6": "2.41-12"}, "2026-11-22")
LOCK = ImageLock(
    python={
        "3.10": ImagePins(RegistryPin("python:3.10-slim", DIGEST, None, "2026-11-22", False, "seen: elsewhere")),
        "3.9": ImagePins(RegistryPin("127.0.0.1:5000/x/python:3.9", DIGEST, "3.9.25", "2026-11-21", True), DEBIAN),
    },
    postgres={"17": ImagePins(RegistryPin("postgres:17", DIGEST, "17.10", "2026-11-22", True))},
    tools={
        suite: ImagePins(debian=DebianPin(suite, {"valgrind": "1:3.24.0-3"}, "2026-11-22"))
        for suite in ("sid", "forky")
    },
)


def write(folder: Path, python: str = "{}", postgres: str = "{}") -> Path:
    path = folder / "images.lock.yaml"
    path.write_text(f"version: 1\npython: {python}\npostgres: {postgres}\n", encoding="utf-8")
    return path


def refusal(path: Path) -> list[str]:
    with pytest.raises(BadInput) as caught:
        load_image_lock(path)
    return str(caught.value).replace(f"{path}:", "").splitlines()


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "docker" / "images.lock.yaml"
    write_image_lock(LOCK, path)
    assert load_image_lock(path) == LOCK
    assert load_to_resolve(path) == (LOCK, {})


def test_versions_and_packages_are_written_in_order_and_what_is_unknown_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "images.lock.yaml"
    write_image_lock(LOCK, path)
    head, _, body = path.read_text().partition("\n\n")
    assert all(line.startswith("#") for line in head.splitlines())
    assert body == (
        f"""\
version: 1
python:
  '3.9':
    registry:
      reference: 127.0.0.1:5000/x/python:3.9
      digest: {DIGEST}
      version: 3.9.25
      date: '2026-11-21'
      pulled: true
    debian:
      suite: trixie
      packages:
        libc6: 2.41-12
        python3.13: 3.13.5-2
      date: '2026-11-22'
  '3.10':
    registry:
      reference: python:3.10-slim
      digest: {DIGEST}
      date: '2026-11-22'
      pulled: false
      note: 'seen: elsewhere'
postgres:
  '17':
    registry:
      reference: postgres:17
      digest: {DIGEST}
      version: '17.10'
      date: '2026-11-22'
      pulled: true
tools:
  forky:
    debian:
      suite: forky
      packages:
        valgrind: 1:3.24.0-3
      date: '2026-11-22'
  sid:
    debian:
      suite: sid
      packages:
        valgrind: 1:3.24.0-3
      date: '2026-11-22'
"""
    )


def test_the_order_of_entries_in_memory_does_not_show_in_the_file(tmp_path: Path) -> None:
    other = ImageLock(*(dict(reversed(list(LOCK.of(kind).items()))) for kind in KINDS))
    for name, lock in (("a", LOCK), ("b", other)):
        write_image_lock(lock, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("reference", "pinned"),
    [
        ("python:3.13-slim-bookworm", f"python@{DIGEST}"),
        ("127.0.0.1:5000/x/python:3.13", f"127.0.0.1:5000/x/python@{DIGEST}"),
    ],
)
def test_an_image_is_pulled_by_repository_and_digest(reference: str, pinned: str) -> None:
    assert RegistryPin(reference, DIGEST, None, "2026-11-22", pulled=False).pinned == pinned


def test_a_tag_alone_is_refused_with_its_line_and_the_fix(tmp_path: Path) -> None:
    entry = ENTRY.replace(f"digest: '{DIGEST}', ", "")
    path = write(tmp_path, python=f"\n  '3.13':\n    registry: {entry}")
    assert refusal(path) == [
        "4: python.3.13.registry.digest: is missing: a tag alone may be another image tomorrow; "
        "nox -s lock -- images.lock.yaml resolves it"
    ]


@pytest.mark.parametrize("wrong", ["sha256:" + 63 * "a", "sha256:" + 64 * "A", 64 * "a", f"{DIGEST} "])
def test_what_is_no_digest_of_64_hex_digits_is_refused_with_the_fix(tmp_path: Path, wrong: str) -> None:
    path = write(tmp_path, python=f"{{'3.13': {{registry: {ENTRY.replace(DIGEST, wrong)}}}}}")
    assert refusal(path) == [
        f"2: python.3.13.registry.digest: {wrong!r} is not a digest: it is sha256: and 64 hex digits; "
        "nox -s lock -- images.lock.yaml resolves the tag"
    ]


@pytest.mark.parametrize("wrong", ["python", f"python:3.13@{DIGEST}", "127.0.0.1:5000/python", "Python:3", ":3"])
def test_a_reference_is_a_repository_with_a_tag(tmp_path: Path, wrong: str) -> None:
    path = write(tmp_path, python=f"{{'3.13': {{registry: {ENTRY.replace('python:3.13-slim', wrong)}}}}}")
    assert refusal(path) == [
        f"2: python.3.13.registry.reference: {wrong!r} is not a repository with a tag: "
        "write one such as python:3.13-slim-bookworm, its digest below it"
    ]


@pytest.mark.parametrize(
    ("python", "text"),
    [
        (
            f"{{'3.13': {{registry: {ENTRY.replace('pulled', 'puled: 1, pulled')}}}}}",
            "python.3.13.registry.puled: unknown key (did you mean pulled? "
            "known: reference, digest, version, date, pulled, note)",
        ),
        (
            f"{{'3.13': {{registry: {ENTRY.replace('pulled', 'version: 3.10, pulled')}}}}}",
            "python.3.13.registry.version: 3.10 is not text: write it in quotes",
        ),
        (
            f"{{'3.13': {{registry: {ENTRY.replace('2026-11-22', 'today')}}}}}",
            "python.3.13.registry.date: 'today' is not a date: write one such as 2026-11-22",
        ),
        (
            f"{{'3.13': {{registry: {ENTRY.replace('true', 'maybe')}}}}}",
            "python.3.13.registry.pulled: 'maybe' is neither true nor false: write one of them",
        ),
        (
            "{'3.13': {debian: {suite: Trixie 13, packages: {libc6: '2'}, date: 2026-11-22}}}",
            "python.3.13.debian.suite: 'Trixie 13' is not a suite of Debian: write one such as trixie",
        ),
        (
            "{'3.13': {debian: {suite: trixie, packages: {}, date: 2026-11-22}}}",
            "python.3.13.debian.packages: this entry is empty: name at least one",
        ),
        ("{'3.13': {}}", "python.3.13: pins nothing: write registry or debian below it"),
        (
            f"{{'latest': {{registry: {ENTRY}}}}}",
            "python.latest: 'latest' is not a Python version: write major and minor, such as \"3.13\"",
        ),
        ("{3.13: {}}", "python.3.13: this key is not text: put it in quotes"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, python: str, text: str) -> None:
    assert refusal(write(tmp_path, python=python)) == [f"2: {text}"]


def test_a_major_of_postgresql_is_one_number(tmp_path: Path) -> None:
    path = write(tmp_path, postgres=f"{{'17.1': {{registry: {ENTRY}}}}}")
    assert refusal(path) == ["3: postgres.17.1: '17.1' is not a major version of PostgreSQL: write one such as \"17\""]


def test_the_tools_are_pinned_by_suite(tmp_path: Path) -> None:
    path = write(tmp_path, postgres=f"{{}}\ntools: {{'13': {{registry: {ENTRY}}}}}")
    assert refusal(path) == ["4: tools.13: '13' is not a suite of Debian: write one such as trixie"]


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.lock.yaml"
    path.write_text("version: 2\npython: {}\npostgres: {}\n")
    assert refusal(path) == ["1: version: 2 is not valid (expected 1)"]


def test_a_reference_without_a_usable_digest_is_there_to_be_resolved(tmp_path: Path) -> None:
    python = f"{{'3.13': {{registry: {ENTRY}}}, '3.15': {{registry: {{reference: 'python:3.15-rc'}}}}}}"
    path = write(tmp_path, python, postgres="{'19': {registry: {reference: 'postgres:19', digest: '?', date: never}}}")
    lock, unresolved = load_to_resolve(path)
    pin = RegistryPin("python:3.13-slim", DIGEST, None, "2026-11-22", pulled=True)
    assert lock == ImageLock({"3.13": ImagePins(pin)}, {})
    assert unresolved == {("python", "3.15"): "python:3.15-rc", ("postgres", "19"): "postgres:19"}


def test_other_mistakes_are_refused_before_anything_is_resolved(tmp_path: Path) -> None:
    path = write(tmp_path, python="{'3.13': {registry: {reference: python}}}")
    with pytest.raises(
        BadInput, match=r"images\.lock\.yaml:2: python\.3\.13\.registry\.reference: 'python' is not a repos"
    ):
        load_to_resolve(path)


def test_where_there_is_no_file_there_is_nothing_to_resolve_yet(tmp_path: Path) -> None:
    assert load_to_resolve(tmp_path / "none.yaml") == (ImageLock({}, {}), {})
    with pytest.raises(BadInput, match=r"none\.yaml: cannot be read: No such file"):
        load_image_lock(tmp_path / "none.yaml")


def test_the_projects_file_is_called_by_its_place_in_the_project(tmp_path: Path) -> None:
    assert shown(PROJECT / IMAGE_LOCK) == "docker/images.lock.yaml"
    assert shown(tmp_path / "x.yaml") == str(tmp_path / "x.yaml")


def test_the_shipped_lock_pins_an_official_image_for_every_version() -> None:
    lock = load_image_lock()
    assert tuple(lock.python) == ASKED_FOR["python"]
    assert tuple(lock.postgres) == POSTGRESQL_MAJORS
    assert set(lock.tools) == set(DEBIAN_SUITES)
    assert all(pins.debian and set(pins.debian.packages) == {"strace", "valgrind"} for pins in lock.tools.values())
    for kind, entries in (("python", lock.python), ("postgres", lock.postgres)):
        for version, pins in entries.items():
            assert pins.registry is not None
            assert re.fullmatch(rf"{kind}:{re.escape(version)}(-slim)?(-bookworm)?", pins.registry.reference)
            assert pins.registry.version is None or pins.registry.version.startswith(f"{version}.")


def test_the_shipped_lock_is_as_the_program_writes_it(tmp_path: Path) -> None:
    write_image_lock(load_image_lock(), tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_text() == (PROJECT / IMAGE_LOCK).read_text()

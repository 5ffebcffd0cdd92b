from __future__ import annotations

import io
import re
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import ImageNotFound

from experiments.engines.docker import loader_image
from experiments.engines.docker.base_images import Base
from experiments.engines.docker.loader_image import (
    LoaderImage,
    context_files,
    describe_build,
    ensure_loader_image,
    explain,
    image_labels,
    image_tag,
    pack,
)
from experiments.environment.hashes import PROJECT, short_hash, source_hash
from experiments.environment.package_sets import Lock, project_lock
from experiments.environment.requirements import lock_hash, postgresql_lock
from experiments.errors import Failure

BASE = Base("sha256:base", "sha256:base", "debian", "debian trixie: libc6 2.41-12, python3.13 3.13.5-2")
LOCK = project_lock("3.13")
DOCKERFILE = (PROJECT / "docker" / "loader.Dockerfile").read_text()


class FakeEngine:
    """An engine that builds whatever it is asked to, or says why not."""

    def __init__(self, *says: dict[str, str]) -> None:
        self.built: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.says = says
        self.images = SimpleNamespace(get=self.get)
        self.api = SimpleNamespace(build=self.build, images=self.stages, remove_image=self.removed.append)

    def stages(self, filters: dict[str, Any]) -> list[dict[str, str]]:
        assert filters == {"label": "bigdata-matrix.image=stage", "dangling": True}
        return [{"Id": f"sha256:{12 * digit}{52 * '0'}"} for digit in "123"]

    def info(self) -> dict[str, str]:
        return {"Architecture": "x86_64"}

    def get(self, tag: str) -> Any:
        if all(tag != build["tag"] for build in self.built):
            raise ImageNotFound(tag)
        return SimpleNamespace(id="sha256:loader")

    def build(self, **options: Any) -> Iterator[dict[str, str]]:
        self.built.append(options)
        yield from self.says


PROGRAMS = {"postgresql/bin/pgbench": b"program"}


@pytest.fixture(autouse=True)
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheelhouse with one wheel, and a cache whose locks no other process of the test run holds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "aiopg.whl").write_bytes(b"wheel")
    (tmp_path / "complete").touch()
    monkeypatch.setattr(loader_image, "locked_wheels", lambda name, lock, python, architecture, stop: tmp_path)
    monkeypatch.setattr(loader_image, "program_files", lambda architecture, stop, project: dict(PROGRAMS))
    return tmp_path


def test_the_labels_say_what_it_is_made_of() -> None:
    assert image_labels("3.13", BASE, LOCK) == {
        "bigdata-matrix.image": "loader",
        "bigdata-matrix.python": "3.13",
        "bigdata-matrix.base": BASE.identity,
        "bigdata-matrix.base-id": "sha256:base",
        "bigdata-matrix.lock-hash": lock_hash("3.13"),
        "bigdata-matrix.programs": short_hash(postgresql_lock("17").read_text()),
        "bigdata-matrix.source-hash": source_hash(),
    }


def test_an_interpreter_is_told_by_its_base_and_the_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "loader.Dockerfile").write_text("FROM")
    assert describe_build(BASE, tmp_path) == f"{BASE.identity}; loader.Dockerfile {short_hash('FROM')}"
    assert describe_build(BASE) == f"{BASE.identity}; loader.Dockerfile {short_hash(DOCKERFILE)}"


def test_the_tag_changes_with_each_part_and_with_nothing_else() -> None:
    labels = image_labels("3.13", BASE, LOCK)
    tag = image_tag("3.13", labels, b"FROM")
    assert re.fullmatch(r"bigdata-matrix/loader:py3\.13-[0-9a-f]{12}", tag)
    assert image_tag("3.13", dict(reversed(labels.items())), b"FROM") == tag
    others = [image_tag("3.13", labels, b"FROM x")]
    others += [image_tag("3.13", {**labels, name: "other"}, b"FROM") for name in labels]
    assert len({tag, *others}) == 1 + 1 + len(labels)


def test_a_base_that_was_made_anew_from_the_same_packages_has_another_image_built_upon_it() -> None:
    engine: Any = FakeEngine()
    made_anew = replace(BASE, reference="sha256:other", image_id="sha256:other")
    tags = [ensure_loader_image(engine, "3.13", base, threading.Event(), print).tag for base in (BASE, made_anew)]
    assert len({*tags}) == len(engine.built) == 2


def test_the_engine_gets_the_loader_its_lock_and_wheels_and_nothing_else(wheel: Path) -> None:
    files = context_files(LOCK, wheel, PROGRAMS)
    assert files["postgresql/bin/pgbench"] == b"program"
    assert files["wheelhouse/aiopg.whl"] == b"wheel"
    assert files["requirements.txt"] == (PROJECT / "docker" / "requirements" / "py3.13.txt").read_bytes()
    assert files["Dockerfile"].decode() == DOCKERFILE
    others = set(files) - {"Dockerfile", "requirements.txt", "wheelhouse/aiopg.whl", *PROGRAMS}
    assert {"bigdata/cmd.py", "bigdata/census/dictionary/items.csv"} < others
    assert all(name.startswith("bigdata/") and name.endswith((".py", ".csv")) for name in others)


def test_equal_files_give_equal_bytes() -> None:
    files = {"Dockerfile": b"FROM", "bigdata/loaders/aiopg.py": b"pass"}
    assert pack(files) == pack(dict(files))
    with tarfile.open(fileobj=io.BytesIO(pack(files))) as archive:
        members = {member.name: (member.mode, member.mtime, member.uid) for member in archive}
    assert members == {
        "bigdata": (0o755, 0, 0),
        "bigdata/loaders": (0o755, 0, 0),
        "Dockerfile": (0o644, 0, 0),
        "bigdata/loaders/aiopg.py": (0o644, 0, 0),
    }


def test_it_is_built_once_without_a_network() -> None:
    engine: Any = FakeEngine()
    told: list[str] = []
    first = ensure_loader_image(engine, "3.13", BASE, threading.Event(), told.append)
    second = ensure_loader_image(engine, "3.13", BASE, threading.Event(), told.append)
    assert first == LoaderImage("sha256:loader", first.tag, BASE, "3.13", LOCK, made=True)
    assert second == replace(first, made=False)
    assert told == ["adding the packages"]
    (build,) = engine.built
    assert build["network_mode"] == "none"
    assert build["buildargs"] == {"BASE": "sha256:base", "PYTHON": "3.13"}
    assert build["labels"] == image_labels("3.13", BASE, LOCK)


def test_other_packages_make_another_image_whose_lock_names_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "requirements.txt"
    own.write_text("psycopg @ file:///here/psycopg-3.4.0.dev1-py3-none-any.whl \\\n    --hash=sha256:11\n")
    asked: list[tuple[Any, ...]] = []

    def ensure_lock(python: str, packages: Any, architecture: str, *others: Any) -> Lock:
        asked.append((python, packages, architecture))
        return Lock(own, "sha256:own", {"psycopg": "3.4.0.dev1"}) if packages else LOCK

    monkeypatch.setattr(loader_image, "ensure_lock", ensure_lock)
    engine: Any = FakeEngine()
    packages = (("psycopg", "dist/psycopg-3.4.0.dev1-py3-none-any.whl"),)
    usual = ensure_loader_image(engine, "3.13", BASE, threading.Event(), print)
    other = ensure_loader_image(engine, "3.13", BASE, threading.Event(), print, packages=packages)
    assert asked == [("3.13", (), "x86_64"), ("3.13", packages, "x86_64")]
    assert usual.tag != other.tag
    assert other.lock.packages == {"psycopg": "3.4.0.dev1"}
    assert engine.built[1]["labels"]["bigdata-matrix.lock-hash"] == "sha256:own"
    with tarfile.open(fileobj=engine.built[1]["fileobj"]) as context:
        requirements = context.extractfile("requirements.txt")
        assert requirements is not None
        assert requirements.read() == b"psycopg==3.4.0.dev1 \\\n    --hash=sha256:11\n"


def test_of_the_nameless_images_of_a_build_none_stays_and_no_other_goes() -> None:
    engine: Any = FakeEngine({"stream": "Step 2/20 : LABEL"}, *({"stream": f" ---> {12 * digit}\n"} for digit in "139"))
    ensure_loader_image(engine, "3.13", BASE, threading.Event(), print)
    assert [image[:10] for image in engine.removed] == ["sha256:111", "sha256:333"]


def test_a_build_that_fails_is_explained_with_the_builders_last_words() -> None:
    said = ["Step 9/20 : RUN pip", " ---> Running in 0123", "ERROR: No matching distribution found for aiopg\n", "\n"]
    error = {"error": "returned a non-zero code: 1"}
    engine: Any = FakeEngine(*({"stream": line} for line in said), {"status": "done"}, error)
    with pytest.raises(Failure) as caught:
        ensure_loader_image(engine, "3.13", BASE, threading.Event(), print)
    assert str(caught.value).endswith(
        " cannot be built: Step 9/20 : RUN pip; ERROR: No matching distribution found for aiopg; "
        "returned a non-zero code: 1"
    )


def test_the_words_of_a_builder_that_says_a_lot_are_cut() -> None:
    said = (f"line {number}" for number in range(100))
    assert explain(said, "failed") == "; ".join([*(f"line {number}" for number in range(94, 100)), "failed"])


def test_a_build_ends_when_all_is_to_stop() -> None:
    stop = threading.Event()
    stop.set()
    engine: Any = FakeEngine({"stream": "Step 1/20 : FROM"})
    with pytest.raises(Failure, match=r"^building bigdata-matrix/loader:py3\.13-[0-9a-f]{12}: stopped$"):
        ensure_loader_image(engine, "3.13", BASE, stop, print)


def test_the_dockerfile_builds_with_every_builder_and_without_any_index() -> None:
    assert not re.search(r"^# *syntax|<<|--mount|--chmod|--link|https?:|index-url", DOCKERFILE, re.MULTILINE)
    assert {"--no-index", "--require-hashes"} <= set(DOCKERFILE.split())
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert stages == ["${BASE}", "standard-library", "packages", "packages", "standard-library"]
    assert "\nUSER 65532:65532\n" in DOCKERFILE

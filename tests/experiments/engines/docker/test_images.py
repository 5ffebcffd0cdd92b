from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound

from bigdata.registry import LOADERS
from experiments.engines.docker import images as module
from experiments.engines.docker.base_images import Base, NotPulled
from experiments.engines.docker.images import Images
from experiments.engines.docker.loader_image import LoaderImage
from experiments.environment.image_lock import DebianPin, ImageLock, ImagePins, RegistryPin, Source, load_image_lock
from experiments.environment.package_sets import project_lock
from experiments.errors import BadInput, Failure, Unsupported
from experiments.matrix.packages import Packages

OFFICIAL = ImagePins(RegistryPin("python:3-slim", f"sha256:{'a' * 64}", None, "2026-11-22", False))
DEBIAN = ImagePins(OFFICIAL.registry, DebianPin("trixie", {"libc6": "2.41-12"}, "2026-11-22"))
LOCK = ImageLock({"3.9": OFFICIAL, "3.11": DEBIAN, "3.10": OFFICIAL, "3.99": OFFICIAL}, {"17": DEBIAN, "9": OFFICIAL})
LOCKED_UP: dict[str, Any] = {
    "network_mode": "none",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "remove": True,
    "stderr": True,
}


class Kitchen:
    """Stands in for all that makes images; keeps what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.packages: list[Packages] = []
        self.error: Exception | None = None
        self.drift: str | None = None
        self.says: str | None = None
        self.during: Callable[[threading.Event], None] = lambda stop: None

    def get_base(self, client: Any, slot: Any, pins: Any, source: Source, stop: threading.Event, tell: Any) -> Base:
        self.asked.append(slot)
        self.during(stop)
        if self.error:
            raise self.error
        if self.says:
            tell(self.says)
        return Base("ref", f"sha256:{slot[1]}", source, f"{source} {slot[1]}", self.drift, made=True)

    def ensure_loader_image(
        self, client: Any, python: str, base: Base, stop: threading.Event, tell: Any, packages: Packages
    ) -> LoaderImage:
        self.packages.append(packages)
        if self.says:
            tell("adding the packages")
        return LoaderImage(f"sha256:loader-{python}", "tag", base, python, project_lock("3.13"), made=True)


@pytest.fixture
def kitchen(monkeypatch: pytest.MonkeyPatch) -> Kitchen:
    stand_in = Kitchen()
    monkeypatch.setattr(module, "get_base", stand_in.get_base)
    monkeypatch.setattr(module, "ensure_loader_image", stand_in.ensure_loader_image)
    return stand_in


def of(source: Source) -> Images:
    return Images(SimpleNamespace(), LOCK, source)  # type: ignore[arg-type]


def test_a_source_has_the_versions_that_it_pins_oldest_first() -> None:
    # There are no locked packages for 3.99.
    assert of("registry").pythons() == ("3.9", "3.10", "3.11")
    assert of("registry").majors() == ("9", "17")
    assert of("debian").pythons() == ("3.11",)
    assert of("debian").majors() == ("17",)


def test_there_is_no_base_for_a_free_threaded_build() -> None:
    with pytest.raises(Unsupported, match=r"^no base image: neither the official images nor Debian have a free-thre"):
        of("registry").loader("3.13t")


def test_the_shipped_lock_has_every_python_officially_and_three_from_debian() -> None:
    lock, client = load_image_lock(), SimpleNamespace()
    assert len(Images(client, lock, "registry").pythons()) == 8  # type: ignore[arg-type]
    assert Images(client, lock, "debian").pythons() == ("3.11", "3.13", "3.14")  # type: ignore[arg-type]
    assert Images(client, lock, "debian").majors() == ("15", "17", "18")  # type: ignore[arg-type]


def test_what_a_source_does_not_have_is_unsupported_with_what_it_has(kitchen: Kitchen) -> None:
    with pytest.raises(Unsupported, match=r"^Python 3\.9: Debian's packages have 3\.11$"):
        of("debian").loader("3.9")
    with pytest.raises(Unsupported, match=r"^PostgreSQL 16: the pinned official images have 9, 17$"):
        of("registry").postgres("16")
    assert kitchen.asked == []


def test_without_a_registry_only_what_is_in_the_engine_is_offered(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = [("python", "3.10"), ("postgres", "17")]
    monkeypatch.setattr(module, "is_present", lambda client, slot, pins: slot in present)
    offline: Any = SimpleNamespace()
    images = Images(offline, LOCK, "registry", "no registry can be asked (no such host)")
    assert (images.pythons(), images.majors()) == (("3.10",), ("17",))
    images.make(["3.9", "3.10"], ["17"], lambda line: None)
    assert images.loader("3.10").python == "3.10"
    why = r"^Python 3\.9: not in the engine, and no registry can be asked \(no such host\)$"
    with pytest.raises(Unsupported, match=why):
        images.loader("3.9")
    with pytest.raises(Unsupported, match=r"^Python 3\.7: the pinned official images have 3\.10$"):
        images.loader("3.7")
    # What is pulled meanwhile changes nothing.
    present.append(("python", "3.9"))
    assert images.pythons() == ("3.10",)


def test_each_image_is_made_once(kitchen: Kitchen) -> None:
    images = of("registry")
    images.make(["3.9", "3.9", "3.10"], ["17"], lambda line: None)
    assert images.loader("3.9").image_id == "sha256:loader-3.9"
    assert images.loader("3.9").base.image_id == "sha256:3.9"
    assert images.postgres("17").identity == "registry 17"
    assert images.postgres("9").identity == "registry 9"
    expected = [("postgres", "17"), ("postgres", "9"), ("python", "3.10"), ("python", "3.9")]
    assert sorted(kitchen.asked) == expected


@pytest.mark.parametrize("error", [BadInput("no such digest"), Failure("no space"), Unsupported("no arm")], ids=repr)
def test_an_error_is_kept_for_whoever_asks(kitchen: Kitchen, error: Exception) -> None:
    kitchen.error = error
    images = of("registry")
    told: list[str] = []
    images.make(["3.9"], [], told.append)
    for _ in range(2):
        with pytest.raises(type(error), match=str(error)):
            images.loader("3.9")
    assert kitchen.asked == [("python", "3.9")]
    assert told == []


def test_a_registry_that_gives_no_images_is_told_from_a_pin_that_is_wrong(kitchen: Kitchen) -> None:
    limited, wrong = NotPulled("docker: cannot pull it: 429"), BadInput("no such digest")
    for errors, expected in (([limited], limited.reason), ([limited, wrong], None), ([Failure("no space")], None)):
        images = of("registry")
        assert images.not_pulled() is None
        for python, error in zip(images.pythons(), errors, strict=False):
            kitchen.error = error
            images.make([python], [], lambda line: None)
        assert images.not_pulled() == expected
    assert str(limited) == "docker: cannot pull it: 429. Try again, or use --source debian, which pulls nothing"


def test_what_is_ready_is_told_and_once_a_day_what_differs_from_the_lock(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kitchen.drift = "libc6 is 2 (locked: 1)"
    told: list[str] = []
    of("debian").make([], ["17"], told.append)
    assert told == [
        "PostgreSQL 17: ready after 0 s",
        "PostgreSQL 17: Debian's archive differs from the lock: libc6 is 2 (locked: 1)",
    ]
    of("debian").make([], ["17"], told.append)
    assert told[2:] == ["PostgreSQL 17: ready after 0 s"]


def test_each_line_says_of_what_it_is_and_how_many_are_ready(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    kitchen.says = "making its base"
    monkeypatch.setattr(module, "_MOST_AT_ONCE", 1)
    told: list[str] = []
    images = of("registry")
    images.make(["3.9"], ["9", "17"], told.append)
    assert told == [
        "Python 3.9: making its base",
        "Python 3.9: adding the packages",
        "Python 3.9: ready after 0 s; 1 of 3 ready",
        "PostgreSQL 9: making its base",
        "PostgreSQL 9: ready after 0 s; 2 of 3 ready",
        "PostgreSQL 17: making its base",
        "PostgreSQL 17: ready after 0 s; 3 of 3 ready",
    ]


def test_what_failed_is_not_counted_as_ready(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_AT_ONCE", 1)
    told: list[str] = []
    # There is no such version.
    of("registry").make([], ["16", "17"], told.append)
    assert told == ["PostgreSQL 17: ready after 0 s; 1 of 2 ready"]


def test_several_are_made_at_once(kitchen: Kitchen) -> None:
    together = threading.Barrier(2)

    def meet(stop: threading.Event) -> None:
        together.wait(5)

    kitchen.during = meet
    of("registry").make(["3.9"], ["17"], lambda line: None)


def test_an_interruption_stops_what_is_being_made(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()

    def wait_for_stop(stop: threading.Event) -> None:
        if stop.wait(5):
            stopped.set()

    def interrupt(futures: Any) -> Any:
        raise KeyboardInterrupt

    kitchen.during = wait_for_stop
    monkeypatch.setattr(module, "as_completed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        of("registry").make(["3.9"], ["17"], lambda line: None)
    assert stopped.is_set()


def run(client: DockerClient, image: str, command: list[str], **options: Any) -> str:
    output = client.containers.run(image, command, **LOCKED_UP, **options)
    assert isinstance(output, bytes)
    return output.decode()


@pytest.mark.docker
@pytest.mark.timeout(600)
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_the_loader_runs_without_rights_network_or_a_place_to_write(
    docker_client: DockerClient, images: Images, python: str
) -> None:
    image = images.loader(python)
    listed = run(docker_client, image.image_id, ["list"])
    assert listed.count("  yes  ") == len(LOADERS)
    # Wheels count on the C++ library.
    code = "import ctypes, os, sys, bigdata; ctypes.CDLL('libstdc++.so.6')"
    code += "; print(sys.version_info[:2], os.getuid(), os.getgid(), bigdata.__file__)"
    said = run(docker_client, image.image_id, ["-c", code], entrypoint="/opt/loader/bin/python")
    version = tuple(int(part) for part in python.split("."))
    assert said == f"{version} 65532 65532 /opt/project/bigdata/__init__.py\n"


@pytest.mark.docker
@pytest.mark.timeout(600)
def test_the_loaders_image_holds_compiled_modules_and_no_installer(docker_client: DockerClient, images: Images) -> None:
    image = images.loader("3.13")
    code = "import asyncio, aiopg, bigdata.cmd as cmd; print(*(m.__cached__ for m in (asyncio, aiopg, cmd)))"
    entrypoint = ["/bin/sh", "-c"]
    command = f'/opt/loader/bin/python -c "{code}" | xargs ls | wc -l; ls /opt/loader/bin | grep -c pip; ls /build'
    said = run(docker_client, image.image_id, [f"{command} 2>&1 || true"], entrypoint=entrypoint)
    assert said.splitlines()[:2] == ["3", "0"]
    assert "No such file" in said.splitlines()[2]
    assert "http" not in " ".join(str(step["CreatedBy"]) for step in docker_client.images.get(image.tag).history())


@pytest.mark.docker
@pytest.mark.timeout(600)
@pytest.mark.parametrize("major", ["15", "17"])
def test_postgresql_of_debian_makes_a_cluster_as_its_own_user(
    docker_client: DockerClient, images: Images, major: str
) -> None:
    command = "postgres --version && initdb --pgdata=/data/here --locale=C.UTF-8 >&2 && psql --version && pg_isready -V"
    said = run(
        docker_client,
        images.postgres(major).image_id,
        ["/bin/sh", "-ec", f"{command} && cat /data/here/PG_VERSION"],
        user="postgres",
        tmpfs={"/data": "mode=1777"},
    )
    assert f"postgres (PostgreSQL) {major}." in said
    assert f"psql (PostgreSQL) {major}." in said
    assert said.splitlines()[-1] == major


@pytest.mark.docker
@pytest.mark.timeout(600)
def test_what_the_engine_has_is_not_made_again(docker_client: DockerClient, images: Images) -> None:
    told: list[str] = []
    again = Images(docker_client, load_image_lock(), "debian")
    again.make(["3.13"], ["17"], told.append)
    assert [line for line in told if "differs from the lock" not in line] == []
    assert again.loader("3.13") == replace(images.loader("3.13"), base=again.loader("3.13").base, made=False)
    assert again.postgres("17").made is False


def test_each_set_of_packages_has_an_image_of_its_own_upon_the_same_base(kitchen: Kitchen) -> None:
    images = of("debian")
    other = (("asyncpg", "0.29.0"),)
    images.make(["3.11"], [], print)
    assert images.loader("3.11") is images.loader("3.11")
    assert images.loader("3.11", other) is images.loader("3.11", other)
    assert kitchen.packages == [(), other]


@pytest.fixture
def stand_in(docker_client: DockerClient, images: Images, local_registry: str) -> Iterator[RegistryPin]:
    """The pin of an image that a registry has, with Debian's CPython but under a name of its own."""
    repository = f"{local_registry}/stand-in-python"
    docker_client.images.get(images.loader("3.13").base.image_id).tag(repository, "3.13")
    answers = list(docker_client.api.push(repository, tag="3.13", stream=True, decode=True))
    digest = next(answer["aux"]["Digest"] for answer in answers if "aux" in answer)
    pin = RegistryPin(f"{repository}:3.13", digest, None, "2026-11-22", False)
    docker_client.api.remove_image(pin.reference)
    yield pin
    for name in (pin.reference, pin.pinned):
        try:
            docker_client.api.remove_image(name)
        except ImageNotFound:
            continue


@pytest.mark.docker
@pytest.mark.timeout(600)
def test_the_same_dockerfile_builds_upon_an_image_that_is_pulled_by_digest(
    docker_client: DockerClient, stand_in: RegistryPin
) -> None:
    lock = ImageLock({"3.13": ImagePins(stand_in)}, {})
    image = Images(docker_client, lock, "registry").loader("3.13")
    try:
        assert image.base.identity == f"{stand_in.reference}@{stand_in.digest}"
        assert docker_client.images.get(image.tag).labels["bigdata-matrix.base"] == image.base.identity
        assert run(docker_client, image.image_id, ["list"]).count("  yes  ") == len(LOADERS)
    finally:
        docker_client.api.remove_image(image.tag)

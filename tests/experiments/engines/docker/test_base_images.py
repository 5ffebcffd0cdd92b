from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import APIError, ImageNotFound, NotFound

from experiments.engines.docker import base_images as bases
from experiments.engines.docker.base_images import (
    Base,
    Choice,
    NotPulled,
    choose_source,
    describe_drift,
    get_base,
    has_pin,
    name_of_pulled,
    pull_base,
)
from experiments.engines.docker.debian.base_image import DebianBase
from experiments.environment.image_lock import DebianPin, ImageLock, ImagePins, RegistryPin, Slot
from experiments.errors import BadInput, Failure

REGISTRY = RegistryPin("python:3.13-slim-bookworm", f"sha256:{'a' * 64}", None, "2026-11-22", False)
DEBIAN = DebianPin("trixie", {"libc6": "2.41-12", "python3.13": "3.13.5-2"}, "2026-11-22")
BOTH = ImagePins(REGISTRY, DEBIAN)
LOCK = ImageLock({"3.13": BOTH}, {"17": replace(BOTH, registry=replace(REGISTRY, reference="postgres:17-bookworm"))})
SLOT: Slot = ("python", "3.13")
NO_ANSWER = APIError("no such host", SimpleNamespace(status_code=500), "no such host")  # type: ignore[arg-type]
UNKNOWN = NotFound("404", SimpleNamespace(status_code=404), "manifest unknown")  # type: ignore[arg-type]


class FakeEngine:
    """An engine that has some images, and a registry behind it that answers, or does what ``answer`` says."""

    def __init__(self, *present: str, answer: Exception | float | None = None, pull: Any = ()) -> None:
        self.present = set(present)
        self.answer = answer
        self.pulled = pull
        self.labels: dict[str, str] = {}
        self.images = SimpleNamespace(get=self.get)
        self.api = SimpleNamespace(inspect_distribution=self.ask, pull=self.pull, tag=self.tag)

    def get(self, name: str) -> Any:
        if name not in self.present:
            raise ImageNotFound(name)
        return SimpleNamespace(id="sha256:image", labels=self.labels)

    def ask(self, reference: str) -> dict[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        time.sleep(self.answer or 0)
        return {"Descriptor": {"digest": "", "mediaType": ""}, "Platforms": []}

    def tag(self, image: str, repository: str, tag: str) -> None:
        self.present.add(f"{repository}:{tag}")

    def pull(self, repository: str, *, tag: str, stream: bool, decode: bool) -> Iterator[dict[str, str]]:
        assert stream
        assert decode
        if isinstance(self.pulled, Exception):
            raise self.pulled
        if not self.pulled:
            self.present.add(f"{repository}@{tag}")
        yield from self.pulled


@pytest.fixture
def mmdebstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bases, "mmdebstrap_missing", lambda: None)


@pytest.fixture
def no_mmdebstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bases, "mmdebstrap_missing", lambda: "mmdebstrap is not installed")


def choose(engine: FakeEngine, asked: Any, lock: ImageLock = LOCK) -> Choice:
    return choose_source(engine, lock, asked, patience_s=0.1)  # type: ignore[arg-type]


def pull(engine: FakeEngine) -> Base:
    return pull_base(engine, SLOT, REGISTRY, threading.Event(), lambda line: None)  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [None, UNKNOWN], ids=["has the image", "has another one"])
def test_a_registry_that_answers_is_the_source(answer: Exception | None, mmdebstrap: None) -> None:
    assert choose(FakeEngine(answer=answer), "auto") == Choice("registry")


def test_images_that_are_in_the_engine_need_no_registry(mmdebstrap: None) -> None:
    both = (f"python@{REGISTRY.digest}", f"postgres@{REGISTRY.digest}")
    assert choose(FakeEngine(*both, answer=AssertionError("asked")), "auto") == Choice("registry")


def test_without_a_registry_those_that_are_in_the_engine_are_used_and_that_is_said(mmdebstrap: None) -> None:
    other = ImagePins(replace(REGISTRY, digest=f"sha256:{'b' * 64}"), DEBIAN)
    lock = replace(LOCK, python={**LOCK.python, "3.14": other})
    both = (f"python@{REGISTRY.digest}", f"postgres@{REGISTRY.digest}")
    assert choose(FakeEngine(*both), "auto", lock) == Choice("registry")
    why = "no registry can be asked (no such host)"
    notice = f"{why}: of the pinned official images, those that are in the engine are used"
    for asked in ("auto", "registry"):
        assert choose(FakeEngine(*both, answer=NO_ANSWER), asked, lock) == Choice("registry", notice, why)
    # Of one kind there is none: nothing could run.
    assert choose(FakeEngine(*both[:1], answer=NO_ANSWER), "auto", lock).source == "debian"
    with pytest.raises(BadInput, match="no base images from source registry"):
        choose(FakeEngine(*both[:1], answer=NO_ANSWER), "registry", lock)


def test_without_a_registry_it_is_debians_packages_and_that_is_said(mmdebstrap: None) -> None:
    notice = (
        "no registry can be asked (no such host): base images are made from Debian's packages, "
        "in place of the pinned official images"
    )
    assert choose(FakeEngine(answer=NO_ANSWER), "auto") == Choice("debian", notice)


def test_a_registry_that_never_answers_is_not_waited_for(mmdebstrap: None) -> None:
    choice = choose(FakeEngine(answer=1.0), "auto")
    assert choice.source == "debian"
    assert str(choice.notice).startswith("no registry answered within 0 s: ")


def test_debians_packages_that_were_asked_for_need_no_notice_and_no_registry(mmdebstrap: None) -> None:
    assert choose(FakeEngine(answer=AssertionError("asked")), "debian") == Choice("debian")


def test_a_registry_that_was_asked_for_is_never_replaced(mmdebstrap: None) -> None:
    with pytest.raises(BadInput, match=r"^no base images from source registry: .*no such host.*use --source debian$"):
        choose(FakeEngine(answer=NO_ANSWER), "registry")


def test_without_either_both_reasons_are_given(no_mmdebstrap: None) -> None:
    with pytest.raises(BadInput, match=r"no such host\); mmdebstrap is not installed\. Let the Docker engine"):
        choose(FakeEngine(answer=NO_ANSWER), "auto")
    with pytest.raises(BadInput, match=r"source debian: mmdebstrap is not installed\. .*--source registry$"):
        choose(FakeEngine(), "debian")


def test_bases_from_debian_that_are_in_the_engine_need_no_mmdebstrap(no_mmdebstrap: None) -> None:
    both = ("bigdata-matrix/debian-python:3.13", "bigdata-matrix/debian-postgres:17")
    engine = FakeEngine(*both, answer=NO_ANSWER)
    engine.labels = {"bigdata-matrix.packages": "{}", "bigdata-matrix.suite": "trixie"}
    assert choose(engine, "debian") == Choice("debian")
    assert choose(engine, "auto").source == "debian"
    engine.present.remove(both[1])
    with pytest.raises(BadInput, match=r"mmdebstrap is not installed\. .*--engine local$"):
        choose(engine, "auto")


def test_a_lock_that_pins_nothing_of_a_source_is_a_reason(mmdebstrap: None) -> None:
    official = ImageLock({"3.13": ImagePins(REGISTRY)}, {"17": ImagePins(REGISTRY)})
    own = ImageLock({"3.13": ImagePins(None, DEBIAN)}, {"17": ImagePins(None, DEBIAN)})
    assert choose(FakeEngine(), "auto", own).source == "debian"
    with pytest.raises(BadInput, match=r"docker/images\.lock\.yaml pins no official images"):
        choose(FakeEngine(), "registry", own)
    with pytest.raises(BadInput, match=r"docker/images\.lock\.yaml has no versions of Debian's packages: nox -s lock"):
        choose(FakeEngine(), "debian", official)


def test_a_source_has_what_is_pinned_and_debian_only_what_its_suites_have() -> None:
    assert has_pin(SLOT, BOTH, "registry")
    assert has_pin(SLOT, BOTH, "debian")
    assert not has_pin(SLOT, ImagePins(REGISTRY), "debian")
    assert not has_pin(SLOT, ImagePins(None, DEBIAN), "registry")
    assert not has_pin(("python", "3.9"), BOTH, "debian")


def test_an_official_image_is_pulled_once_by_digest() -> None:
    engine = FakeEngine()
    pinned = f"python@{REGISTRY.digest}"
    identity = f"python:3.13-slim-bookworm@{REGISTRY.digest}"
    assert pull(engine) == Base(pinned, "sha256:image", "registry", identity, made=True)
    assert pull(engine) == Base(pinned, "sha256:image", "registry", identity, made=False)


def test_an_official_image_that_was_there_already_gets_its_name() -> None:
    engine = FakeEngine(f"python@{REGISTRY.digest}")
    assert not pull(engine).made
    assert name_of_pulled("python", REGISTRY) in engine.present


def test_an_official_image_is_found_by_its_name_here_when_saving_and_loading_took_its_digest() -> None:
    engine = FakeEngine(answer=NO_ANSWER)
    pull(engine)
    engine.present.remove(f"python@{REGISTRY.digest}")
    name = f"bigdata-matrix/official-python:sha256-{'a' * 64}"
    identity = f"python:3.13-slim-bookworm@{REGISTRY.digest}"
    assert pull(engine) == Base(name, "sha256:image", "registry", identity)
    engine.present.add(f"bigdata-matrix/official-postgres:sha256-{'a' * 64}")
    assert choose(engine, "registry") == Choice("registry")


@pytest.mark.parametrize("answer", [UNKNOWN, [{"error": "manifest unknown"}]], ids=["at once", "in the stream"])
def test_a_digest_that_the_registry_does_not_have_is_bad_input(answer: Any) -> None:
    with pytest.raises(BadInput) as caught:
        pull(FakeEngine(pull=answer))
    assert str(caught.value) == (
        f"docker/images.lock.yaml: python.3.13.registry.digest: the registry has no python:3.13-slim-bookworm with "
        f"{REGISTRY.digest} (manifest unknown); nox -s lock -- images.lock.yaml resolves it"
    )


@pytest.mark.parametrize("answer", [NO_ANSWER, [{"error": "no such host"}]], ids=["at once", "in the stream"])
def test_a_registry_that_cannot_be_asked_is_a_failure(answer: Any) -> None:
    with pytest.raises(
        NotPulled, match=rf"^docker: cannot pull python@{REGISTRY.digest}: no such host\. .*--source debian"
    ):
        pull(FakeEngine(pull=answer))


def test_a_certificate_that_is_not_trusted_says_nothing_of_the_digest() -> None:
    reason = "error pulling image configuration: x509: certificate signed by unknown authority"
    with pytest.raises(NotPulled, match="signed by unknown authority"):
        pull(FakeEngine(pull=[{"error": reason}]))


def test_a_pull_ends_when_all_is_to_stop() -> None:
    stop = threading.Event()
    stop.set()
    engine: Any = FakeEngine(pull=[{"status": "Downloading"}])
    with pytest.raises(Failure, match=r"stopped$"):
        pull_base(engine, SLOT, REGISTRY, stop, print)


def test_a_base_from_debian_says_what_it_is_and_in_what_it_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = {"libc6": "2.41-12", "python3.13": "3.13.5-3"}
    found = DebianBase("sha256:made", "tag", "trixie", newer, "3fa2c1", made=True)
    monkeypatch.setattr(bases, "make_base", lambda *arguments: found)
    engine: Any = FakeEngine()
    identity = "debian trixie: libc6 2.41-12, python3.13 3.13.5-3 (recipe 3fa2c1)"
    drift = "python3.13 is 3.13.5-3 (locked: 3.13.5-2)"
    made = get_base(engine, SLOT, BOTH, "debian", threading.Event(), print)
    assert made == Base("sha256:made", "sha256:made", "debian", identity, drift, made=True)


def test_drift_names_each_difference_and_is_none_without_any() -> None:
    assert describe_drift(DEBIAN, "trixie", DEBIAN.packages) is None
    assert describe_drift(DEBIAN, "forky", {"libc6": "2.43-7"}) == (
        "the suite is forky (locked: trixie), libc6 is 2.43-7 (locked: 2.41-12), "
        "python3.13 is missing (locked: 3.13.5-2)"
    )


@pytest.fixture
def pushed(docker_client: DockerClient, local_registry: str) -> Iterator[RegistryPin]:
    """The pin of a small image in a registry, which is not in the engine."""
    repository = f"{local_registry}/stand-in-python"
    changes = ["LABEL bigdata-matrix.image=test"]
    docker_client.api.import_image_from_data(b"\0" * 10240, repository=repository, tag="3.13", changes=changes)
    answers = list(docker_client.api.push(repository, tag="3.13", stream=True, decode=True))
    digest = next(answer["aux"]["Digest"] for answer in answers if "aux" in answer)
    docker_client.api.remove_image(f"{repository}:3.13")
    pin = RegistryPin(f"{repository}:3.13", digest, None, "2026-11-22", False)
    yield pin
    for name in (pin.pinned, pin.reference, name_of_pulled("python", pin)):
        try:
            docker_client.api.remove_image(name)
        except ImageNotFound:
            continue


@pytest.mark.docker
def test_a_registry_gives_an_image_by_digest_and_refuses_a_wrong_one(
    docker_client: DockerClient, pushed: RegistryPin
) -> None:
    lock = ImageLock({"3.13": ImagePins(pushed)}, {"17": ImagePins(pushed)})
    assert choose_source(docker_client, lock, "auto") == Choice("registry")
    wrong = replace(pushed, digest=f"sha256:{'0' * 64}")
    broken = ImageLock({"3.13": ImagePins(wrong)}, lock.postgres)
    assert choose_source(docker_client, broken, "auto").source == "registry"
    with pytest.raises(BadInput, match=rf"python\.3\.13\.registry\.digest: the registry has no .* with {wrong.digest}"):
        pull_base(docker_client, SLOT, wrong, threading.Event(), print)
    told: list[str] = []
    first, second = (pull_base(docker_client, SLOT, pushed, threading.Event(), told.append) for _ in range(2))
    assert told == [f"pulling the official image {pushed.reference}"]
    assert (first.made, second.made) == (True, False)
    assert first.identity == f"{pushed.reference}@{pushed.digest}"
    assert docker_client.images.get(first.reference).id == first.image_id
    saved = b"".join(docker_client.api.get_image(name_of_pulled("python", pushed)))
    for name in (name_of_pulled("python", pushed), pushed.pinned):
        docker_client.api.remove_image(name)
    docker_client.images.load(saved)
    loaded = pull_base(docker_client, SLOT, pushed, threading.Event(), told.append)
    assert (loaded.image_id, loaded.identity, loaded.made) == (first.image_id, first.identity, False)


@pytest.mark.docker
def test_a_registry_that_nobody_serves_is_told_from_one_that_says_no(docker_client: DockerClient) -> None:
    nobody = ImagePins(replace(REGISTRY, reference="127.0.0.1:9/python:3.13"))
    with pytest.raises(BadInput, match="no registry can be asked"):
        choose_source(docker_client, ImageLock({"3.13": nobody}, {"17": nobody}), "registry")
    assert nobody.registry is not None
    with pytest.raises(Failure, match=r"^docker: cannot pull 127\.0\.0\.1:9/python@"):
        pull_base(docker_client, SLOT, nobody.registry, threading.Event(), print)

"""What a registry says through the engine: exact answers of a fake engine, and one real registry on loopback."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, ImageNotFound, NotFound
from requests import Response

from experiments.engines.docker.registry import Answer, NoAnswer, NoSuchImage, Registry, declared_version

INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DIGEST = "sha256:" + 64 * "a"
BOTH = frozenset({"linux/amd64", "linux/arm64"})


def api_error(status: int, words: str) -> APIError:
    kind = NotFound if status == 404 else APIError
    response = Response()
    response.status_code = status
    return kind("error", response=response, explanation=words)


class FakeEngine:
    """Answers from a dictionary; what is an exception is raised. Notes what it was asked."""

    def __init__(self, answers: dict[str, Any], images: dict[str, Any] | None = None) -> None:
        self.asked: list[str] = []
        self.pulled: list[str] = []
        self._answers = answers
        self._images = images or {}
        self.api = SimpleNamespace(inspect_distribution=self._inspect)
        self.images = SimpleNamespace(pull=self._pull)

    def _inspect(self, reference: str) -> Any:
        self.asked.append(reference)
        return self._raise_or_return(self._answers[reference])

    def _pull(self, pinned: str) -> Any:
        self.pulled.append(pinned)
        return self._raise_or_return(self._images[pinned])

    def _raise_or_return(self, answer: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer


def distribution(media_type: str = INDEX, *platforms: tuple[str, str]) -> dict[str, Any]:
    return {
        "Descriptor": {"mediaType": media_type, "digest": DIGEST, "size": 555},
        "Platforms": [{"architecture": architecture, "os": system} for architecture, system in platforms] or None,
    }


def image(*environment: str) -> Any:
    return SimpleNamespace(attrs={"Config": {"Env": list(environment) or None}})


def test_the_answer_is_digest_media_type_and_platforms() -> None:
    engine = FakeEngine({"python:3.13": distribution(INDEX, ("amd64", "linux"), ("arm64", "linux"))})
    assert Registry(engine).ask("python:3.13") == Answer(DIGEST, INDEX, BOTH)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(DIGEST, INDEX, BOTH | {"linux/s390x"}), None),
        (Answer(DIGEST, "application/vnd.oci.image.index.v1+json", BOTH), None),
        (Answer(DIGEST, MANIFEST, frozenset({"linux/amd64"})), f"is not a multi-arch index but {MANIFEST}"),
        (Answer(DIGEST, INDEX, frozenset({"linux/amd64"})), "has no linux/arm64"),
        (Answer(DIGEST, INDEX, frozenset({"windows/amd64"})), "has no linux/amd64 and no linux/arm64"),
    ],
)
def test_only_an_index_for_both_architectures_will_do(answer: Answer, fault: str | None) -> None:
    assert answer.fault() == fault


def test_an_image_that_the_registry_does_not_have_is_told_apart_from_silence() -> None:
    answers = {"a:1": api_error(404, "manifest unknown: manifest unknown"), "h.example/b:1": api_error(500, "no route")}
    registry = Registry(FakeEngine(answers))
    with pytest.raises(NoSuchImage, match=r"^manifest unknown: manifest unknown$"):
        registry.ask("a:1")
    with pytest.raises(NoAnswer, match=r"^no route$"):
        registry.ask("h.example/b:1")


@pytest.mark.parametrize("words", ["Not Found", "page not found"])
def test_an_engine_that_cannot_ask_is_no_registry_that_says_no(words: str) -> None:
    with pytest.raises(NoAnswer, match=words):
        Registry(FakeEngine({"a:1": api_error(404, words)})).ask("a:1")


def test_a_registry_that_is_silent_is_not_asked_again_but_others_are() -> None:
    silence = api_error(500, "Get https://a:\n  no such host")
    both = distribution(INDEX, ("amd64", "linux"), ("arm64", "linux"))
    engine = FakeEngine({"a:1": silence, "b/c:2": silence, "127.0.0.1:5000/a:1": both})
    registry = Registry(engine)
    for reference in ("a:1", "b/c:2"):
        with pytest.raises(NoAnswer, match=r"^Get https://a: no such host$"):
            registry.ask(reference)
    assert registry.ask("127.0.0.1:5000/a:1").digest == DIGEST
    assert engine.asked == ["a:1", "127.0.0.1:5000/a:1"]


def test_a_refusal_is_about_one_image_only() -> None:
    engine = FakeEngine({"a:1": api_error(403, "denied"), "b:1": api_error(401, "unauthorized")})
    registry = Registry(engine)
    for reference, words in (("a:1", "denied"), ("b:1", "unauthorized")):
        with pytest.raises(NoAnswer, match=words):
            registry.ask(reference)
    assert engine.asked == ["a:1", "b:1"]


def test_a_connection_that_breaks_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match="it did not answer in time"):
        Registry(FakeEngine({"a:1": TimeoutError("timed out")})).ask("a:1")


def test_without_an_engine_the_reason_is_the_engines() -> None:
    registry = Registry(None, "permission denied")
    for ask in (registry.ask, registry.pull_version):
        with pytest.raises(NoAnswer, match=r"^permission denied$"):
            ask("a:1")


@pytest.mark.parametrize(
    ("environment", "version"),
    [
        (["PATH=/bin", "PYTHON_VERSION=3.13.16", "PYTHON_SHA256=x"], "3.13.16"),
        (["PG_MAJOR=17", "PG_VERSION=17.11-1.pgdg12+1"], "17.11"),
        (["PYTHON_VERSION=3.15.0rc1"], "3.15.0rc1"),
        (["PATH=/bin", "PYTHON_VERSION="], None),
        ([], None),
    ],
)
def test_official_images_say_their_version_in_their_environment(environment: list[str], version: str | None) -> None:
    pinned = f"python@{DIGEST}"
    engine = FakeEngine({}, {pinned: image(*environment)})
    assert declared_version(environment) == version
    assert Registry(engine).pull_version(pinned) == version
    assert engine.pulled == [pinned]


def test_an_image_that_cannot_be_pulled_has_a_reason() -> None:
    engine = FakeEngine({}, {"a@x": ImageNotFound("error", explanation="gone")})
    with pytest.raises(NoAnswer, match=r"^gone$"):
        Registry(engine).pull_version("a@x")


class RegistryWriter:
    """Puts images into an empty registry over its HTTP interface."""

    def __init__(self, address: str, repository: str) -> None:
        self._root = f"http://{address}/v2/{repository}"

    def image(self, architecture: str, environment: list[str]) -> dict[str, Any]:
        """An image of one architecture with one empty layer; returns its entry in an index."""
        layer = io.BytesIO()
        tarfile.open(fileobj=layer, mode="w").close()
        rootfs = {"type": "layers", "diff_ids": [digest_of(layer.getvalue())]}
        config = {"architecture": architecture, "os": "linux", "config": {"Env": environment}, "rootfs": rootfs}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob("application/vnd.docker.container.image.v1+json", json.dumps(config).encode()),
            "layers": [
                self._blob("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip.compress(layer.getvalue()))
            ],
        }
        content = json.dumps(manifest).encode()
        self.manifest(digest_of(content), manifest)
        platform = {"architecture": architecture, "os": "linux"}
        return {"mediaType": MANIFEST, "size": len(content), "digest": digest_of(content), "platform": platform}

    def index(self, tag: str, *images: dict[str, Any]) -> str:
        """A multi-arch index under a tag; returns its digest."""
        return self.manifest(tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(images)})

    def manifest(self, reference: str, manifest: dict[str, Any]) -> str:
        content = json.dumps(manifest).encode()
        self._send("PUT", f"{self._root}/manifests/{reference}", content, manifest["mediaType"])
        return digest_of(content)

    def _blob(self, media_type: str, content: bytes) -> dict[str, Any]:
        place = self._send("POST", f"{self._root}/blobs/uploads/", b"", "application/octet-stream")
        separator = "&" if "?" in place else "?"
        self._send("PUT", f"{place}{separator}digest={digest_of(content)}", content, "application/octet-stream")
        return {"mediaType": media_type, "size": len(content), "digest": digest_of(content)}

    def _send(self, method: str, url: str, content: bytes, media_type: str) -> str:
        request = urllib.request.Request(url, content, {"Content-Type": media_type}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.headers.get("Location") or "")


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.mark.docker
def test_a_real_registry_is_asked_through_the_engine(docker_client: Any, local_registry: str) -> None:
    repository = f"{local_registry}/matrix-test/asked"
    writer = RegistryWriter(local_registry, "matrix-test/asked")
    amd64, arm64 = (writer.image(name, ["PYTHON_VERSION=3.13.99"]) for name in ("amd64", "arm64"))
    digest = writer.index("both", amd64, arm64)
    writer.index("one", amd64)
    registry = Registry(docker_client)
    assert registry.ask(f"{repository}:both") == Answer(digest, INDEX, BOTH)
    assert registry.ask(f"{repository}@{digest}").fault() is None
    assert registry.ask(f"{repository}:one").fault() == "has no linux/arm64"
    assert registry.ask(f"{repository}@{amd64['digest']}").fault() == f"is not a multi-arch index but {MANIFEST}"
    for missing in (f"{repository}:none", f"{repository}@{DIGEST}"):
        with pytest.raises(NoSuchImage, match="manifest unknown"):
            registry.ask(missing)
    try:
        assert registry.pull_version(f"{repository}@{digest}") == "3.13.99"
    finally:
        docker_client.images.remove(f"{repository}@{digest}", force=True)
    with pytest.raises(NoAnswer, match="not found"):
        registry.pull_version(f"{repository}@{DIGEST}")


@pytest.mark.docker
def test_a_port_that_nobody_listens_on_is_no_answer(docker_client: Any) -> None:
    with pytest.raises(NoAnswer, match="connection refused"):
        Registry(docker_client).ask("127.0.0.1:9/x:1")

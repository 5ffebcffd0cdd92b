"""Resolving the image lock and checking it, with registries and an archive made of dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from experiments.engines.docker import resolve_images as image_resolve
from experiments.engines.docker.registry import PLATFORMS, Answer, NoAnswer, NoSuchImage
from experiments.engines.docker.resolve_images import (
    Outcome,
    Sources,
    check_digests,
    check_entries,
    join_entries,
    resolve,
)
from experiments.environment.image_lock import DebianPin, ImageLock, ImagePins, Kind, RegistryPin, Slot
from experiments.errors import Failure

INDEX = "application/vnd.oci.image.index.v1+json"
OLD, NEW = ("sha256:" + 64 * digit for digit in "ab")
TODAY = "2026-12-01"
PYTHON = RegistryPin("python:3.13-slim-bookworm", OLD, "3.13.15", "2026-11-22", pulled=True)
POSTGRES = RegistryPin("postgres:17-bookworm", OLD, None, "2026-11-22", pulled=False, note="seen elsewhere")
DEBIAN = DebianPin("trixie", {"python3.13": "3.13.5-2"}, "2026-11-22")
LOCK = ImageLock({"3.13": ImagePins(PYTHON, DEBIAN)}, {"17": ImagePins(POSTGRES)})
SUITES: Mapping[Slot, str] = {("python", "3.13"): "trixie"}


@pytest.fixture(autouse=True)
def two_images_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_resolve, "ASKED_FOR", {"python": ("3.13",), "postgres": ("17",), "tools": ()})


class FakeRegistry:
    """Answers from a dictionary: digests, whole answers, or exceptions; silent about anything else."""

    def __init__(self, answers: dict[str, Any], versions: dict[str, str] | None = None) -> None:
        self.pulled: list[str] = []
        self._answers = answers
        self._versions = versions or {}

    def ask(self, reference: str) -> Answer:
        answer = self._answers.get(reference, NoAnswer("no such host"))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(answer, INDEX, frozenset(PLATFORMS))

    def pull_version(self, pinned: str) -> str | None:
        self.pulled.append(pinned)
        if pinned not in self._versions:
            raise NoAnswer("no space left")
        return self._versions[pinned]


def sources(registry: FakeRegistry, packages: Mapping[str, str] | None = None) -> Sources:
    def debian(kind: Kind, version: str) -> Mapping[str, str]:
        assert (kind, version) == ("python", "3.13")
        if packages is None:
            raise Failure("mmdebstrap is not here")
        return packages

    return Sources(registry, SUITES, debian)  # type: ignore[arg-type]


def test_where_nobody_answers_everything_stays_and_is_named_once_per_reason() -> None:
    found, outcome = resolve(LOCK, {}, sources(FakeRegistry({})), TODAY)
    assert found == LOCK
    assert outcome == Outcome(
        unanswered={
            "no such host": ["python 3.13", "postgres 17"],
            "mmdebstrap is not here": ["python 3.13 of Debian trixie"],
        }
    )


def test_a_tag_that_has_moved_is_pulled_for_its_version() -> None:
    registry = FakeRegistry({PYTHON.reference: NEW}, {f"python@{NEW}": "3.13.16"})
    found, outcome = resolve(LOCK, {}, sources(registry), TODAY)
    moved = RegistryPin(PYTHON.reference, NEW, "3.13.16", TODAY, pulled=True)
    assert found.python == {"3.13": ImagePins(moved, DEBIAN)}
    assert registry.pulled == [f"python@{NEW}"]
    assert outcome.changes == ["python 3.13: python:3.13-slim-bookworm is now 3.13.16"]


def test_a_moved_tag_that_cannot_be_pulled_is_pinned_all_the_same_and_says_so() -> None:
    found, outcome = resolve(LOCK, {}, sources(FakeRegistry({PYTHON.reference: NEW})), TODAY)
    assert found.python["3.13"].registry == RegistryPin(PYTHON.reference, NEW, None, TODAY, pulled=False)
    assert outcome.changes == [
        f"python 3.13: python:3.13-slim-bookworm is now {NEW}, which was not pulled: no space left"
    ]


def test_a_tag_that_has_not_moved_is_not_pulled_and_its_entry_stays() -> None:
    registry = FakeRegistry({PYTHON.reference: OLD})
    found, outcome = resolve(LOCK, {}, sources(registry, DEBIAN.packages), TODAY)
    assert (found, registry.pulled, outcome.changes) == (LOCK, [], [])


def test_what_was_only_seen_elsewhere_loses_its_note_when_the_registry_says_the_same() -> None:
    registry = FakeRegistry({POSTGRES.reference: OLD})
    found, _ = resolve(LOCK, {}, sources(registry), TODAY)
    assert found.postgres["17"].registry == replace(POSTGRES, note=None, date=TODAY)
    assert registry.pulled == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (NoSuchImage("manifest unknown"), "is not in the registry (manifest unknown)"),
        (Answer(NEW, "x/manifest", frozenset()), "is not a multi-arch index but x/manifest"),
        (Answer(NEW, INDEX, frozenset({"linux/amd64"})), "has no linux/arm64"),
    ],
)
def test_a_tag_that_cannot_serve_keeps_the_old_digest_and_is_a_problem(answer: object, words: str) -> None:
    found, outcome = resolve(LOCK, {}, sources(FakeRegistry({PYTHON.reference: answer})), TODAY)
    assert found == LOCK
    assert outcome.problems == [
        f"docker/images.lock.yaml: python.3.13: python:3.13-slim-bookworm {words}: "
        "name another tag as its reference, then run nox -s lock -- images.lock.yaml"
    ]


def test_a_reference_that_was_written_by_hand_is_resolved() -> None:
    registry = FakeRegistry({"python:3.13-alpine": NEW}, {f"python@{NEW}": "3.13.16"})
    lock = ImageLock({}, LOCK.postgres)
    found, _ = resolve(lock, {("python", "3.13"): "python:3.13-alpine"}, sources(registry), TODAY)
    assert found.python["3.13"].registry == RegistryPin("python:3.13-alpine", NEW, "3.13.16", TODAY, pulled=True)


@pytest.mark.parametrize("answer", [NoAnswer("no such host"), NoSuchImage("manifest unknown")])
def test_a_reference_without_digest_that_cannot_be_resolved_fails_before_the_file_loses_it(answer: Exception) -> None:
    registry = FakeRegistry({"python:3.13-alpine": answer})
    with pytest.raises(Failure, match=r"python\.3\.13: python:3\.13-alpine (has no digest|is not in the registry)"):
        resolve(LOCK, {("python", "3.13"): "python:3.13-alpine"}, sources(registry), TODAY)


def test_a_version_that_is_new_gets_the_usual_tag() -> None:
    registry = FakeRegistry({PYTHON.reference: NEW, POSTGRES.reference: NEW}, {f"postgres@{NEW}": "17.12"})
    found, _ = resolve(ImageLock({}, {}), {}, sources(registry, {"python3.13": "3.13.6-1"}), TODAY)
    assert found.postgres == {"17": ImagePins(RegistryPin(POSTGRES.reference, NEW, "17.12", TODAY, pulled=True))}
    assert found.python["3.13"].debian == DebianPin("trixie", {"python3.13": "3.13.6-1"}, TODAY)


def test_a_version_that_nothing_asks_for_is_removed() -> None:
    lock = ImageLock(LOCK.python | {"3.6": ImagePins(PYTHON)}, LOCK.postgres)  # type: ignore[operator]
    found, outcome = resolve(lock, {("postgres", "9"): "postgres:9"}, sources(FakeRegistry({})), TODAY)
    assert found == LOCK
    assert outcome.changes == ["postgres 9: removed: nothing asks for it", "python 3.6: removed: nothing asks for it"]


def test_debians_new_versions_are_taken_with_their_day() -> None:
    found, outcome = resolve(LOCK, {}, sources(FakeRegistry({}), {"python3.13": "3.13.6-1", "libc6": "2"}), TODAY)
    assert found.python["3.13"].debian == DebianPin("trixie", {"python3.13": "3.13.6-1", "libc6": "2"}, TODAY)
    assert outcome.changes == ["python 3.13: Debian trixie now has libc6 2, python3.13 3.13.6-1"]


def test_the_tools_that_count_are_debians_and_no_registry_is_asked_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_resolve, "ASKED_FOR", {"python": (), "postgres": (), "tools": ("trixie",)})
    slot: Slot = ("tools", "trixie")
    versions = {"strace": "6.13+ds-1", "valgrind": "1:3.24.0-3"}
    asked = Sources(FakeRegistry({}), {slot: "trixie"}, lambda kind, version: versions)  # type: ignore[arg-type]
    found, outcome = resolve(ImageLock({}, {}), {}, asked, TODAY)
    assert found.tools == {"trixie": ImagePins(None, DebianPin("trixie", versions, TODAY))}
    assert outcome == Outcome(["tools trixie: Debian trixie now has strace 6.13+ds-1, valgrind 1:3.24.0-3"])
    assert check_entries(found, asked.suites) == []
    assert check_entries(ImageLock({}, {}), asked.suites) == [
        "docker/images.lock.yaml: tools.trixie names no suite of Debian, but Debian trixie has it: "
        "run nox -s lock -- images.lock.yaml"
    ]


def test_the_versions_of_a_suite_that_is_used_no_more_are_dropped() -> None:
    lock = LOCK.replaced(("python", "3.13"), ImagePins(PYTHON, replace(DEBIAN, suite="sid")))
    found, _ = resolve(lock, {}, sources(FakeRegistry({})), TODAY)
    assert found.python["3.13"].debian is None


def test_a_lock_that_has_what_is_asked_for_has_no_problem() -> None:
    assert check_entries(LOCK, SUITES) == []


def test_what_a_lock_lacks_or_has_too_much_is_named_with_the_fix() -> None:
    lock = ImageLock({"3.13": ImagePins(debian=replace(DEBIAN, suite="sid")), "3.6": ImagePins(PYTHON)}, {})
    fix = "run nox -s lock -- images.lock.yaml"
    assert check_entries(lock, SUITES) == [
        f"docker/images.lock.yaml: python.3.13 has no registry entry: {fix}",
        f"docker/images.lock.yaml: python.3.13 names sid, but Debian trixie has it: {fix}",
        f"docker/images.lock.yaml: postgres.17 has no registry entry: {fix}",
        f"docker/images.lock.yaml: python.3.6 is more than is asked for: {fix}, which removes it",
    ]


def test_a_suite_is_missing_or_one_too_much() -> None:
    fix = "run nox -s lock -- images.lock.yaml"
    without = LOCK.replaced(("python", "3.13"), ImagePins(PYTHON))
    assert check_entries(without, SUITES) == [
        f"docker/images.lock.yaml: python.3.13 names no suite of Debian, but Debian trixie has it: {fix}"
    ]
    assert check_entries(LOCK, {}) == [
        f"docker/images.lock.yaml: python.3.13 names trixie, but no suite of Debian that is used has it: {fix}"
    ]


def test_digests_that_are_there_are_no_problem() -> None:
    assert check_digests(LOCK, FakeRegistry({PYTHON.pinned: OLD, POSTGRES.pinned: OLD})) == Outcome()  # type: ignore[arg-type]


def test_a_digest_that_is_gone_is_a_problem_and_silence_is_none() -> None:
    registry = FakeRegistry({PYTHON.pinned: NoSuchImage("manifest unknown")})
    assert check_digests(LOCK, registry) == Outcome(  # type: ignore[arg-type]
        problems=[
            f"docker/images.lock.yaml: python.3.13: the registry has no python@{OLD} (manifest unknown): "
            "run nox -s lock -- images.lock.yaml, which resolves python:3.13-slim-bookworm anew"
        ],
        unanswered={"no such host": ["postgres 17"]},
    )


def test_a_digest_of_one_architecture_is_a_problem() -> None:
    registry = FakeRegistry({PYTHON.pinned: Answer(OLD, INDEX, frozenset({"linux/arm64"})), POSTGRES.pinned: OLD})
    assert check_digests(LOCK, registry).problems == [  # type: ignore[arg-type]
        f"docker/images.lock.yaml: python.3.13: python@{OLD} has no linux/amd64: "
        "run nox -s lock -- images.lock.yaml, which resolves python:3.13-slim-bookworm anew"
    ]


def test_entries_are_listed_by_kind() -> None:
    entries = ["python 3.13", "postgres 17", "python 3.14 of Debian forky", "postgres 18"]
    assert join_entries(entries) == "python 3.13, 3.14 of Debian forky; postgres 17, 18"

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, ImageNotFound

from experiments.engines.docker.image_labels import MadeImage, list_images, remove_images
from experiments.errors import Failure


class FakeEngine:
    """Images by id; each may have one that it was made from, which cannot be removed before."""

    def __init__(self, *images: tuple[str, str | None, str | None]) -> None:
        self.tags = {image_id: tag for image_id, tag, _ in images}
        self.parents = {image_id: parent for image_id, _, parent in images}
        self.in_use: set[str] = set()
        self.pulled: list[dict[str, Any]] = []
        self.api = SimpleNamespace(images=self.list, remove_image=self.remove)

    def list(self, *, all: bool = False, filters: dict[str, str]) -> list[dict[str, Any]]:
        if filters == {"reference": "bigdata-matrix/official-*"}:
            return self.pulled
        assert all
        assert filters == {"label": "bigdata-matrix.image"}
        return [
            {"Id": image_id, "RepoTags": [tag or "<none>:<none>"], "Labels": {"bigdata-matrix.image": "x"}, "Size": 7}
            for image_id, tag in self.tags.items()
        ]

    def remove(self, name: str) -> None:
        image_id = next((image_id for image_id, tag in self.tags.items() if name in (image_id, tag)), None)
        if image_id is None:
            raise ImageNotFound(name)
        if image_id in self.parents.values() or image_id in self.in_use:
            raise APIError("conflict", SimpleNamespace(status_code=409))  # type: ignore[arg-type]
        del self.tags[image_id], self.parents[image_id]


def test_images_are_listed_by_tag() -> None:
    engine: Any = FakeEngine(("sha256:2", None, None), ("sha256:1", "made:b", None), ("sha256:3", "made:a", None))
    assert list_images(engine) == [
        MadeImage("sha256:3", ("made:a",), "x", 7),
        MadeImage("sha256:1", ("made:b",), "x", 7),
        MadeImage("sha256:2", (), "x", 7),
    ]


def test_an_official_image_that_was_pulled_is_known_by_its_name_and_loses_no_other() -> None:
    engine: Any = FakeEngine()
    names = ["bigdata-matrix/official-python:sha256-a", "python:3.13"]
    engine.pulled = [{"Id": "sha256:4", "RepoTags": names, "RepoDigests": ["python@sha256:a"], "Size": 7}]
    assert list_images(engine) == [MadeImage("sha256:4", (names[0], "python@sha256:a"), "official", 7)]


def test_all_are_removed_whichever_was_made_from_which() -> None:
    engine: Any = FakeEngine(("base", "made:base", None), ("stage", None, "base"), ("loader", "made:loader", "stage"))
    assert sorted(remove_images(engine)) == ["made:base", "made:loader"]
    assert engine.tags == {}


def test_a_name_that_went_with_another_one_is_no_failure() -> None:
    engine: Any = FakeEngine()
    names = ["bigdata-matrix/official-python:sha256-a"]
    engine.pulled = [{"Id": "sha256:4", "RepoTags": names, "RepoDigests": ["python@sha256:a"], "Size": 7}]

    def remove(name: str) -> None:
        if not engine.pulled or name != names[0]:
            raise ImageNotFound(name)
        engine.pulled = []

    engine.api.remove_image = remove
    assert remove_images(engine) == [*names, "python@sha256:a"]


def test_one_that_a_container_uses_stays_with_what_it_was_made_from() -> None:
    engine: Any = FakeEngine(("base", "made:base", None), ("used", "made:used", "base"), ("free", "made:free", None))
    engine.in_use = {"used"}
    assert remove_images(engine) == ["made:free"]
    assert set(engine.tags) == {"base", "used"}


def test_an_engine_that_fails_is_not_taken_for_an_image_in_use() -> None:
    engine: Any = FakeEngine(("base", "made:base", None))

    def fail(name: str) -> None:
        raise APIError("500", SimpleNamespace(status_code=500), "it is broken")  # type: ignore[arg-type]

    engine.api.remove_image = fail
    with pytest.raises(Failure, match=r"^docker: cannot remove the image made:base: it is broken$"):
        remove_images(engine)

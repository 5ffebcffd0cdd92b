from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from experiments.engines.docker.base_images import NoBaseImages
from experiments.engines.select import Engines


@pytest.mark.parametrize(
    ("answers", "images", "chosen", "notice"),
    [
        (None, None, "docker", None),
        ("no Docker engine answers", None, "local", "engine auto: local, as no Docker engine answers"),
        (
            None,
            NoBaseImages("auto", "no registry can be asked (no such host); mmdebstrap is missing"),
            "local",
            "engine auto: local, as no base images from source auto: "
            "no registry can be asked (no such host); mmdebstrap is missing",
        ),
    ],
)
def test_auto_is_docker_only_where_an_engine_answers_that_can_have_images(
    answers: str | None, images: Exception | None, chosen: str, notice: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pythons() -> Any:
        if images is not None:
            raise images

    monkeypatch.setattr("experiments.engines.docker.connect.docker_answers", lambda: answers)
    monkeypatch.setattr("experiments.engines.select.open_engine", lambda *_, **__: SimpleNamespace(pythons=pythons))
    engines = Engines()
    assert engines.resolve_engine("auto") == engines.resolve_engine("auto") == chosen
    assert engines.notice == notice
    assert engines.resolve_engine("docker") == "docker"

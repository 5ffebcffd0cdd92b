"""Settings that cannot be used, told so that a command can add the line of matrix.yaml where they stand."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.errors import BadInput, Failure


class RefusedSettings(BadInput):
    """Settings of a named PostgreSQL configuration that harness or server refuse.

    ``path`` is the way to them in matrix.yaml, ``text`` what is wrong with them.
    """

    def __init__(self, path: tuple[str, ...], text: str) -> None:
        super().__init__(f"{'.'.join(path)}: {text}")
        self.path = path
        self.text = text


def refused(name: str, version: str, settings: Mapping[str, str], words: str) -> RefusedSettings | Failure:
    """The error for the configuration ``name``, with which a PostgreSQL of ``version`` ended with ``words``.

    Where the configuration has ``settings`` of its own, they are what it refuses: of several the one that its words
    name.
    """
    if not settings:
        return Failure(f"PostgreSQL {version} did not start: {words}")
    named = [setting for setting in settings if setting.lower() in words.lower()]
    culprits = named if len(named) == 1 else list(settings)
    listed = ", ".join(f"{setting}={settings[setting]}" for setting in culprits)
    path = ("postgres", name, "settings", *(named if len(named) == 1 else ()))
    return RefusedSettings(path, f"PostgreSQL {version} does not start with {listed}: {words}")

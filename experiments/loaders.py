"""Loaders by the names that a user gives. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bigdata.registry import LOADERS, Loader
from experiments.axis_types import suggest
from experiments.errors import BadInput


def choose_loaders(names: Sequence[str]) -> list[Loader]:
    """The loaders of these names in the registry's order, all where none is named. Raises BadInput for no loader."""
    for name in names:
        if name not in LOADERS:
            raise BadInput(f"{name!r} is no loader {suggest(name, list(LOADERS))}")
    return [loader for loader in LOADERS.values() if not names or loader.name in names]

"""What a user asks for by name or leaves out: loaders, and the Python that they run on. Pure."""

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


def default_python(pythons: Sequence[str]) -> str:
    """The newest of these, oldest first; a free-threaded build is only used where it is asked for.

    Raises BadInput where there is none.
    """
    locked = [python for python in pythons if not python.endswith("t")]
    if not locked:
        raise BadInput("no Python here has locked packages; install one that docker/requirements/ has a file for")
    return locked[-1]

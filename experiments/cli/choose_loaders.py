"""What a user asks for by name or leaves out: loaders, and the Python that they run on. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bigdata.registry import CONTESTANTS, LOADERS, Loader
from experiments.errors import BadInput, suggest


def choose_loaders(names: Sequence[str]) -> list[Loader]:
    """The contestants of these names in the registry's order, all where none is named.

    Raises BadInput for what is no loader, and for a ceiling: what it sends is nobody's driver's doing.
    """
    for name in names:
        if name in LOADERS and LOADERS[name].ceiling:
            raise BadInput(f"{name} is a ceiling, a program of PostgreSQL's; expected one of {', '.join(CONTESTANTS)}")
        if name not in CONTESTANTS:
            raise BadInput(f"{name!r} is no loader {suggest(name, list(CONTESTANTS))}")
    return [loader for loader in CONTESTANTS.values() if not names or loader.name in names]

"""Choice of loaders by name."""

from collections.abc import Sequence

from bigdata.registry import CONTESTANTS, LOADERS, Loader
from experiments.errors import BadInput, suggest


def choose_loaders(names: Sequence[str]) -> list[Loader]:
    """Return the loaders of these names in the registry's order, all without names.

    Raises BadInput for an unknown loader, and for a ceiling, which has no driver.
    """
    for name in names:
        if name in LOADERS and LOADERS[name].ceiling:
            raise BadInput(
                f"{name} is a ceiling, not a loader with a driver (expected one of {', '.join(CONTESTANTS)})"
            )
        if name not in CONTESTANTS:
            raise BadInput(f"unknown loader {name!r} {suggest(name, list(CONTESTANTS))}")
    return [loader for loader in CONTESTANTS.values() if not names or loader.name in names]

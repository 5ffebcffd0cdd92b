"""Statement behind an error, for drivers whose errors do not carry it."""

from __future__ import annotations

from traceback import walk_tb


def statement_with_values(error: BaseException, values_name: str) -> str | None:
    """Return the ``query`` of a frame in the error's traceback, preferably one that also has the values."""
    frames = [frame.f_locals for frame, _ in walk_tb(error.__traceback__)]
    found = [names for names in frames if isinstance(names.get("query"), str)]
    for names in found:
        if names.get(values_name):
            return f"{names['query']} with {tuple(names[values_name])}"
    return str(found[0]["query"]) if found else None

"""Which statement an error is about, for drivers that send it apart from its values and do not keep the two."""

from __future__ import annotations

from traceback import walk_tb


def statement_with_values(error: BaseException, values_name: str) -> str | None:
    """The ``query`` of a frame that the error came through, of one that has the values beside it if there is one."""
    frames = [frame.f_locals for frame, _ in walk_tb(error.__traceback__)]
    found = [names for names in frames if isinstance(names.get("query"), str)]
    for names in found:
        if names.get(values_name):
            return f"{names['query']} with {tuple(names[values_name])}"
    return str(found[0]["query"]) if found else None

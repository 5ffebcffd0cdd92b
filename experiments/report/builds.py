"""Marks and footnotes about interpreters and drivers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import axis_value
from experiments.records.record import Cell

PLAIN = "†"
GIL_BACK = "‡"
GIL_OFF = "§"

# Who calls libpq, by the name under which its version is recorded.
_LIBPQ_DRIVERS = ("psycopg2", "psycopg")
_WHERE = ("engine", "python", "implementation")


def marks_of(cell: CellSummary, axes: Sequence[str]) -> list[tuple[str, str]]:
    """Return the marks of a row, each with its column."""
    marks = [(PLAIN, "python")] if "python" in axes and not cell.optimized_build else []
    column = next((axis for axis in ("python", "loader") if axis in axes), axes[0])
    state = _gil_mark(cell)
    return marks if state is None else [*marks, (state, column)]


def build_lines(summary: ExperimentSummary, axes: Sequence[str]) -> list[str]:
    """Explain the marks, and name the libpq of each driver."""
    return _plain(summary, axes) + _gil(summary) + _libpq(summary, axes)


def _gil_mark(cell: CellSummary) -> str | None:
    """Return the mark of a free-threaded build's GIL; None for others, and where it is unknown."""
    if not cell.client_fact("free_threaded"):
        return None
    return {True: GIL_BACK, False: GIL_OFF, None: None}[cell.client_fact("gil_enabled")]


def _plain(summary: ExperimentSummary, axes: Sequence[str]) -> list[str]:
    plain = ", ".join(dict.fromkeys(cell.shown.cell.python for cell in summary.cells if not cell.optimized_build))
    mark = f"{PLAIN} " if "python" in axes else ""
    text = (
        "does not say that it was built with optimizations (`--enable-optimizations`), so it may be slower than "
        "others. Debian's interpreters are built with them, but do not say so."
    )
    return [f"{mark}Python {plain} {text}"] if plain else []


def _gil(summary: ExperimentSummary) -> list[str]:
    marks = [_gil_mark(cell) for cell in summary.cells]
    back = [cell for cell, mark in zip(summary.cells, marks, strict=True) if mark == GIL_BACK]
    again = f"{GIL_BACK} Free-threaded build, but a module switched the GIL on again: each of these rows imports"
    lines = [f"{again} {_modules(back)}."] if back else []
    return [*lines, *([f"{GIL_OFF} Free-threaded build, and the GIL was off to the end."] if GIL_OFF in marks else [])]


def _modules(cells: Sequence[CellSummary]) -> str:
    """Name the modules that the rows import, the fewest in common; no record knows which of them it was."""
    imported = {frozenset(cell.clients[0].packages) for cell in cells}
    fewest = [modules for modules in imported if not any(other < modules for other in imported)]
    return ", or ".join(sorted(" and ".join(sorted(modules)) for modules in fewest))


def _libpq(summary: ExperimentSummary, axes: Sequence[str]) -> list[str]:
    """Name each driver's libpq, with the rows of each where it has several."""
    found: dict[str, dict[str, list[str]]] = {}
    for cell in summary.cells:
        version, bundled = cell.client_fact("libpq"), cell.client_fact("libpq_bundled")
        # Records from before it was known whether it is bundled say nothing here.
        if version is not None and bundled is not None:
            driver = next((name for name in _LIBPQ_DRIVERS if name in cell.clients[0].packages), "driver")
            which = f"{describe_libpq(version)} {'bundled' if bundled else 'of the system'}"
            found.setdefault(driver, {}).setdefault(which, []).append(_where(cell.shown.cell, axes))
    told = [f"{driver} {_versions(versions)}" for driver, versions in found.items()]
    between = ", " if all(len(versions) == 1 for versions in found.values()) else "; "
    return [f"libpq: {between.join(told)}."] if told else []


def _versions(versions: Mapping[str, Sequence[str]]) -> str:
    if len(versions) == 1:
        return next(iter(versions))
    return ", ".join(f"{which} ({', '.join(dict.fromkeys(where))})" for which, where in versions.items())


def _where(cell: Cell, axes: Sequence[str]) -> str:
    """Return what distinguishes rows with different libpq: '3.8', 'local 3.13, python'."""
    return " ".join(axis_value(cell.value(axis)) for axis in _WHERE if axis in axes and cell.value(axis) is not None)


def describe_libpq(number: int) -> str:
    """Format libpq's version number: 170011 is 17.11, 90624 is 9.6.24."""
    if number >= 100_000:
        return f"{number // 10_000}.{number % 10_000}"
    return f"{number // 10_000}.{number // 100 % 100}.{number % 100}"

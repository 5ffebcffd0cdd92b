"""Facts of the heat map: the throughput of event loops relative to threads over pool size, PostgreSQL and cores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.stats import Ratio
from experiments.analysis.summary import ExperimentSummary
from experiments.formatting import axis_name, axis_value, count, format_span
from experiments.report.answer.facts import ANY_LOADER, Setting, find_settings
from experiments.report.labels import join_label

_FEWEST_SETTINGS = 4


@dataclass(frozen=True)
class Grid:
    """One panel: the ratios of one loop to threads with the same driver, by row and pool size."""

    loop: str
    driver: str
    ratios: Mapping[tuple[str, int], Ratio]

    @property
    def title(self) -> str:
        """Return 'asyncio ÷ threads (psycopg 3)'."""
        return f"{self.loop} ÷ threads ({self.driver})"


@dataclass(frozen=True)
class Heat:
    """All panels, with the same rows and pool sizes; ``heading`` names the axes of the rows."""

    grids: tuple[Grid, ...]
    heading: str
    rows: tuple[str, ...]
    pools: tuple[int, ...]

    @property
    def tested(self) -> list[tuple[str, Ratio]]:
        """Return each ratio that was tested, with the name of its loop."""
        return [(grid.loop, one) for grid in self.grids for one in grid.ratios.values() if one.noise is not None]

    @property
    def significant(self) -> list[tuple[str, Ratio]]:
        """Return those that differ, the most different first."""
        found = [(loop, one) for loop, one in self.tested if not one.noise]
        return sorted(found, key=lambda one: -abs(math.log(one[1].value.value)))

    @property
    def finding(self) -> str:
        """Return what one sees."""
        values = [one.value.value for _, one in self.tested]
        compared = f"{len(self.significant) or 'none'} of {count(len(values), 'comparison')}"
        differ = f"Event loops differ significantly from threads in {compared}"
        if not self.significant:
            return f"{differ} ({format_span(values, '.2f')}x)"
        loop, most = self.significant[0]
        return f"{differ}; most: {loop}, {most.value.value:.2f}x"


def find_heat(summary: ExperimentSummary) -> Heat | None:
    """Return the ratios to threads of an experiment; None if fewer than four settings were tested, or of open loops."""
    settings = [one for one in find_settings(summary) if any(ratio.noise is not None for ratio in one.ratios.values())]
    if len(settings) < _FEWEST_SETTINGS or summary.is_open:
        return None
    axes = [axis for axis in settings[0].axes if axis not in (*ANY_LOADER, "poolsize") and _varies(axis, settings)]
    grids: dict[tuple[str, str], dict[tuple[str, int], Ratio]] = {}
    for one in settings:
        for loop, ratio in one.ratios.items():
            grids.setdefault((one.driver, loop), {})[_row(one, axes), one.pool] = ratio
    return Heat(
        tuple(Grid(loop, driver, ratios) for (driver, loop), ratios in grids.items()),
        ", ".join(map(axis_name, axes)),
        tuple(sorted({_row(one, axes): None for one in settings}, key=_places(settings, axes).__getitem__)),
        tuple(sorted({one.pool for one in settings})),
    )


def _row(setting: Setting, axes: Sequence[str]) -> str:
    return join_label([axis_value(setting.axes[axis]) for axis in axes])


def _places(settings: Sequence[Setting], axes: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the order of the rows: values of each axis as they first appear."""
    values = {axis: list(dict.fromkeys(one.axes[axis] for one in settings)) for axis in axes}
    return {_row(one, axes): tuple(values[axis].index(one.axes[axis]) for axis in axes) for one in settings}


def _varies(axis: str, settings: Sequence[Setting]) -> bool:
    return len({one.axes[axis] for one in settings}) > 1

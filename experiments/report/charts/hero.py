"""Hero of the project: rows/s of each client over its connections, and CPU time per row, Python beside PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes

from experiments.analysis.stats import Estimate
from experiments.report.charts.canvas import (
    BODY,
    BOLD,
    PADDING,
    SMALL,
    WIDTH,
    Key,
    Lines,
    Sheet,
    draw_sheet,
    text_width,
    wrap,
)
from experiments.report.charts.colors import BLACK, BLUE, CONTEXT, GREEN, GREY, ORANGE, PAPER
from experiments.report.charts.hero_facts import NO_WAIT, WAITS, Client, Hero
from experiments.report.charts.panels import TICKS_LEFT, nice_top, set_heights, set_pool_axis

_LOOKS: tuple[Mapping[str, Any], ...] = (
    {"color": BLUE, "marker": "o"},
    {"color": ORANGE, "marker": "s"},
    {"color": GREEN, "marker": "^"},
)
_BOUND: Mapping[str, Any] = {"color": GREY, "marker": "D"}
_LINE: Mapping[str, Any] = {"linewidth": 1.4, "markersize": 4.5}
_SIDES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("Python", {"facecolor": BLUE}),
    ("PostgreSQL", {"facecolor": CONTEXT}),
)
_STYLES: Mapping[str, Any] = {WAITS: "-", NO_WAIT: (0, (4, 2))}
_TITLE = 10.5
_PLOT_HEIGHT = 160.0
_KEY_HEIGHT = 35.0
_BELOW = SMALL * 3.6
_LEFT_SHARE = 0.53
_BAR = 0.62


@dataclass(frozen=True)
class HeroPanels:
    """Both panels beside each other, each below a title."""

    hero: Hero

    @property
    def height(self) -> float:
        """Return the height with titles, keys and texts below the axes."""
        return self._titles_height + _KEY_HEIGHT + _PLOT_HEIGHT + _BELOW

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw rows/s on the left, CPU time on the right."""
        for left, lines in zip((PADDING, self._middle), self._titles, strict=True):
            for number, line in enumerate(lines):
                sheet.write(line, left, top + _TITLE * (1 + 1.3 * number), _TITLE, weight="bold")
        top += self._titles_height
        self._draw_rates(sheet, top)
        self._draw_costs(sheet, top)

    @property
    def _middle(self) -> float:
        return PADDING + (WIDTH - 2 * PADDING) * _LEFT_SHARE + 8

    @property
    def _titles(self) -> tuple[tuple[str, ...], ...]:
        rooms = (self._middle - PADDING - 16, WIDTH - PADDING - self._middle)
        return tuple(
            wrap(text, room / BOLD, _TITLE) for text, room in zip((self.hero.limit, self.hero.cost), rooms, strict=True)
        )

    @property
    def _titles_height(self) -> float:
        return max(map(len, self._titles)) * _TITLE * 1.3 + 5

    def _draw_rates(self, sheet: Sheet, top: float) -> None:
        entries = [(_told(one), {**_LINE, **looks}) for one, looks in self._looks()]
        Key(tuple(entries), self._middle).draw(sheet, top)
        left = PADDING + TICKS_LEFT + SMALL * 1.3
        width = self._middle - left - 18
        axes = sheet.axes(left, top + _KEY_HEIGHT, width, _PLOT_HEIGHT)
        estimates = [one for client in self.hero.clients for rates in client.rates.values() for one in rates.values()]
        set_heights(axes, nice_top(max(one.value for one in estimates)), steps=4)
        set_pool_axis(axes, self.hero.pools, width)
        axes.set_xlabel("connections (log scale)", fontsize=SMALL)
        axes.set_ylabel("rows/s", fontsize=SMALL)
        for number, (client, looks) in enumerate(self._looks()):
            for kind, rates in client.rates.items():
                x, y = sorted(rates), [rates[pool].value for pool in sorted(rates)]
                gid = f"line-{kind.replace(' ', '-')}-{number}"
                axes.plot(x, y, gid=gid, zorder=3, linestyle=_STYLES[kind], **_LINE, **looks)
        self._name_kinds(axes, width)

    def _name_kinds(self, axes: Axes, width: float) -> None:
        """Write each kind of commit at the right end of its lines: one that does not wait above them."""
        first, last = axes.get_xlim()
        for kind, end, shift, side in ((NO_WAIT, max, 4, "bottom"), (WAITS, min, -4, "top")):
            # The text must not touch the lines where it begins.
            begin = last / (last / first) ** ((text_width(kind) + 12) / width)
            near = [height for one in self.hero.clients for height in _heights(one.rates.get(kind, {}), begin)]
            if near:
                looks: dict[str, Any] = {"ha": "right", "va": side, "color": BLACK, "fontsize": SMALL}
                axes.annotate(kind, (self.hero.pools[-1], end(near)), (0, shift), textcoords="offset points", **looks)

    def _draw_costs(self, sheet: Sheet, top: float) -> None:
        rows = [one for one in self.hero.clients if one.cpu_us]
        left = self._middle + max((text_width(one.name) for one in rows), default=0.0) + 8
        width = WIDTH - PADDING - left
        axes = sheet.axes(left, top + _KEY_HEIGHT, width, _PLOT_HEIGHT)
        longest = nice_top(max((sum(one.cpu_us) for one in rows if one.cpu_us), default=1.0))
        axes.set_xlim(0, longest)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks([])
        axes.set_xlabel(f"CPU µs per row ({self.hero.beside})", fontsize=SMALL)
        Key(_SIDES, WIDTH - self._middle + PADDING).draw(sheet, top, self._middle)
        for number, client in enumerate(rows):
            middle = top + _KEY_HEIGHT + _PLOT_HEIGHT * (number + 0.5) / len(rows)
            sheet.write(client.name, left - 6, middle + SMALL * 0.36, ha="right")
            begin = 0.0
            for (name, looks), color, us in zip(_SIDES, (PAPER, BLACK), client.cpu_us or (), strict=True):
                axes.barh(number, us, left=begin, height=_BAR, gid=f"{name}-{number}", **looks)
                place: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": BODY}
                axes.text(begin + us / 2, number, f"{us:.0f}", color=color, **place)
                begin += us

    def _looks(self) -> list[tuple[Client, Mapping[str, Any]]]:
        loaders = iter(_LOOKS)
        return [(one, _BOUND if one.is_bound else next(loaders)) for one in self.hero.clients]


def draw_hero(hero: Hero, foot: str, described: str) -> bytes:
    """Return the chart as SVG, at most 420 pixels high where it is shown 900 pixels wide."""
    lines = Lines(wrap(foot, WIDTH - 2 * PADDING, SMALL), color=GREY)
    return draw_sheet([HeroPanels(hero), lines], WIDTH, hero.limit, described)


def _heights(rates: Mapping[int, Estimate], begin: float) -> list[float]:
    """Return the heights of a line right of ``begin``, and there."""
    pools = sorted(rates)
    right = [rates[pool].value for pool in pools if pool >= begin]
    between = [(low, high) for low, high in pairwise(pools) if low < begin < high]
    for low, high in between:
        part = math.log(begin / low) / math.log(high / low)
        right.append(rates[low].value ** (1 - part) * rates[high].value ** part)
    return right


def _told(client: Client) -> str:
    return f"{client.name}, the bound" if client.is_bound else client.name

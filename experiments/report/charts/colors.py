"""Colours of charts on white paper, and what a reader with a dark screen sees in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping

PAPER = "#ffffff"
BLACK = "#1a1a1a"
GREY = "#666666"
SHADE = "#e2e2e2"
RULE = "#d9d9d9"
CONTEXT = "#c4c4c4"
EDGE = "#555555"
BLUE = "#0b4f8a"
ORANGE = "#c2410c"
GREEN = "#00694e"
PURPLE = "#93246f"
BROWN = "#7a5b00"
PALE_BLUE = "#7fb2dd"
PALEST_BLUE = "#dbe9f6"
PALE_ORANGE = "#f6c9b0"
SAND = "#fbd9b5"
LILAC = "#b79ad1"
LEAF = "#4d7c4a"
PEARL = "#ececec"

DARK: Mapping[str, str] = {
    PAPER: "#0d1117",
    BLACK: "#e6edf3",
    GREY: "#9aa4af",
    SHADE: "#2b323b",
    RULE: "#2b3139",
    CONTEXT: "#4a525c",
    EDGE: "#8b949e",
    BLUE: "#6cb2ff",
    ORANGE: "#ff9a57",
    GREEN: "#4cc38a",
    PURPLE: "#e07bb9",
    BROWN: "#d8ab3a",
    PALE_BLUE: "#1f4f7d",
    PALEST_BLUE: "#16283c",
    PALE_ORANGE: "#5a2d16",
    SAND: "#55401f",
    LILAC: "#4f3a68",
    LEAF: "#7cc576",
    PEARL: "#252b33",
}
"""Each colour's counterpart, as light as the other is dark, so that texts keep their contrast with what they are on."""

_STYLED = re.compile(r' style="([^"]*)"')
_COLORED = re.compile(r"\b(fill|stroke): (#[0-9a-f]{6})")


def name_styles(svg: str) -> tuple[str, str]:
    """Return a file with a class for each style, and the sheet of these: with the colours that the reader's scheme has.

    In marks of a chart the same style stands hundreds of times.
    """
    classes = {style: f"s{number}" for number, style in enumerate(dict.fromkeys(_STYLED.findall(svg)))}
    light = [f".{name}{{{style}}}" for style, name in classes.items()]
    dark = [f".{name}{{{colors}}}" for style, name in classes.items() if (colors := _dark_colors(style))]
    # The ground of hatches has its colour in an attribute.
    dark += [f'[fill="{color}"]{{fill: {shown}}}' for color, shown in DARK.items() if f'fill="{color}"' in svg]
    marks = _STYLED.sub(lambda match: f' class="{classes[match[1]]}"', svg)
    return marks, f"{' '.join(light)} @media (prefers-color-scheme: dark){{{' '.join(dark)}}}"


def _dark_colors(style: str) -> str:
    return "; ".join(f"{name}: {DARK[color]}" for name, color in _COLORED.findall(style) if color in DARK)

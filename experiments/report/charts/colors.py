"""Colours of charts on white paper, and what a reader with a dark screen sees in their place."""

from __future__ import annotations

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


def dark_style(svg: str) -> str:
    """Return the style sheet by which the colours of a file follow the reader's colour scheme."""
    # Marks have their colours in a style, the ground of hatches in an attribute.
    forms = {'[style*="{name}: {color}"]': "{name}: {color}", '[{name}="{color}"]': '{name}="{color}"'}
    rules = [
        f"{form.format(name=name, color=color)}{{{name}: {dark} !important}}"
        for color, dark in DARK.items()
        for name in ("fill", "stroke")
        for form, written in forms.items()
        if written.format(name=name, color=color) in svg
    ]
    return f"@media (prefers-color-scheme: dark){{{' '.join(rules)}}}"

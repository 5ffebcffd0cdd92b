"""Flame graph as a static SVG, as Markdown's viewers run no scripts: boxes by share of the samples, above callers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape

from experiments.profiling.stacks import DRIVER, HOT, LIBRARY, LOOP, OTHER, Frame, Stacks, kind_of

WIDTH = 1000
ROW = 19
HEAD = 34
LEAST_SHARE = 0.004
DEEPEST = 40
_CHARACTER = 6.7
_PADDING = 4
# Light enough for black letters, and distinct in greyscale, too.
COLOURS = {HOT: "#f4a582", DRIVER: "#fddbc7", LOOP: "#92c5de", LIBRARY: "#d1e5f0", OTHER: "#e0e0e0"}


@dataclass
class _Node:
    frame: Frame | None
    samples: int = 0
    inside: dict[tuple[str, str], "_Node"] = field(default_factory=dict)


@dataclass(frozen=True)
class _Box:
    frame: Frame
    samples: int
    begin: int
    depth: int


def draw_flame_graph(stacks: Stacks, modules: Iterable[str], title: str, *, has_loop: bool) -> str:
    """Return the SVG, without functions of less than 0.4% of the samples and calls deeper than 40."""
    modules = tuple(modules)
    root = _grow(stacks)
    boxes = [box for box in _boxes(root, 0, 0) if box.samples >= LEAST_SHARE * root.samples and box.depth < DEEPEST]
    depth = max((box.depth for box in boxes), default=0) + 1
    shown = {box.frame: kind_of(box.frame, modules, has_loop=has_loop) for box in boxes}
    height = HEAD + depth * ROW + 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" font-family="monospace" font-size="11"><title>{escape(title)}</title>'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        *_legend([kind for kind in COLOURS if kind in shown.values()]),
        *(_drawn(box, root.samples, COLOURS[shown[box.frame]]) for box in boxes),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _grow(stacks: Stacks) -> _Node:
    root = _Node(None)
    for stack, number in stacks.items():
        node = root
        node.samples += number
        for frame in stack:
            node = node.inside.setdefault((frame.function, frame.file), _Node(frame))
            node.samples += number
    return root


def _boxes(node: _Node, begin: int, depth: int) -> Iterator[_Box]:
    """Yield the widest first, so that similar profiles look alike."""
    for child in sorted(node.inside.values(), key=lambda one: -one.samples):
        if child.frame is not None:
            yield _Box(child.frame, child.samples, begin, depth)
        yield from _boxes(child, begin, depth + 1)
        begin += child.samples


def _legend(kinds: Iterable[str]) -> Iterator[str]:
    x = 0.0
    for kind in kinds:
        yield f'<rect x="{x:.0f}" y="6" width="14" height="14" fill="{COLOURS[kind]}" stroke="#666"/>'
        yield f'<text x="{x + 19:.0f}" y="17" font-family="sans-serif" font-size="12">{escape(kind)}</text>'
        x += 40 + len(kind) * 6.6


def _drawn(box: _Box, samples: int, colour: str) -> str:
    x, width = box.begin / samples * WIDTH, box.samples / samples * WIDTH
    y = HEAD + box.depth * ROW
    function = box.frame.function.rpartition("<locals>.")[2]
    label = f"{function} ({box.frame.file})"
    tooltip = f"{label}: {box.samples / samples:.1%}"
    return (
        f'<g><title>{escape(tooltip)}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" '
        f'fill="{colour}" stroke="white" stroke-width="0.6"/>{_text(_clip(label, function, width), x, y)}</g>'
    )


def _clip(label: str, function: str, width: float) -> str:
    room = int((width - 2 * _PADDING) / _CHARACTER)
    for text in (label, function):
        if len(text) <= room:
            return text
    return f"{function[: room - 1]}…" if room > 3 else ""


def _text(text: str, x: float, y: int) -> str:
    return f'<text x="{x + _PADDING:.1f}" y="{y + 13}">{escape(text)}</text>' if text else ""

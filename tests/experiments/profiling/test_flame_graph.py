from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from experiments.profiling.flame_graph import draw_flame_graph
from experiments.profiling.stacks import DRIVER, HOT, Frame

SVG = "{http://www.w3.org/2000/svg}"
LOAD = Frame("load_data", "bigdata/loaders/aiopg.py", 50)
EXECUTE = Frame("f.<locals>.execute", "aiopg/connection.py", 421)
RARE = Frame("rare", "aiopg/connection.py", 1)


def boxes(svg: str) -> dict[str, tuple[float, float, float]]:
    """Of each function's box: left side, top, width."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert rect is not None
        found[str(title.text)] = tuple(float(rect.get(name, "nan")) for name in ("x", "y", "width"))
    return found  # type: ignore[return-value]


def test_a_box_is_as_wide_as_its_share_and_lies_below_what_called_it() -> None:
    svg = draw_flame_graph({(LOAD, EXECUTE): 3, (LOAD,): 1}, ("aiopg",), "a < b", has_loop=True)
    assert boxes(svg) == {
        "load_data (bigdata/loaders/aiopg.py): 100.0%": (0.0, 34.0, 1000.0),
        "execute (aiopg/connection.py): 75.0%": (0.0, 53.0, 750.0),
    }
    assert HOT in svg
    assert DRIVER in svg
    assert "a &lt; b" in svg


def test_what_is_too_narrow_to_see_is_left_out() -> None:
    svg = draw_flame_graph({(LOAD, EXECUTE): 999, (LOAD, RARE): 1}, ("aiopg",), "title", has_loop=True)
    assert "rare" not in svg


def test_a_narrow_box_has_a_shorter_text_or_none() -> None:
    svg = draw_flame_graph({(LOAD, EXECUTE): 90, (LOAD, RARE): 10}, ("aiopg",), "title", has_loop=True)
    assert ">rare</text>" in svg
    narrow = draw_flame_graph({(LOAD, EXECUTE): 98, (LOAD, RARE): 2}, ("aiopg",), "title", has_loop=True)
    assert ">rare</text>" not in narrow

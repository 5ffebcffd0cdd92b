"""Script that writes the charting library of the page, ``vega.js``; ``nox -s library`` runs it.

Vega-Lite draws charts as SVG from a description, offline, in 0.9 MB; Plotly's library alone is above the 3 MB of the
page, and Bokeh's charts are bitmaps. The library is kept as a file, since its package is 84 MB, and takes seconds.
"""

from importlib.metadata import distribution
from pathlib import Path

import vl_convert

PACKAGE = "vl-convert-python"
COPYRIGHTS = """\
Vega, Vega-Lite, Vega-Embed: Copyright (c) 2015-2025, University of Washington Interactive Data Lab; licence as below.
D3 modules in them: Copyright 2010-2025 Mike Bostock, ISC licence."""


def main() -> None:
    """Write the file, with the version of the package at its head."""
    package = distribution(PACKAGE)
    licence = str(package.read_text("licenses/LICENSE")).strip()
    head = f"/* Made by nox -s library from {PACKAGE} {package.version}: do not edit.\n{COPYRIGHTS}\n\n{licence}\n*/\n"
    library = vl_convert.javascript_bundle()
    if "</script" in library.lower():
        raise SystemExit("the library would end its script element; it cannot be part of a page")
    Path(__file__).with_name("vega.js").write_text(head + library + "\n", encoding="utf-8")


main()

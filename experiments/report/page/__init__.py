"""The page: a self-contained HTML file to explore campaigns in a browser.

- ``data``, ``cells``, ``model``: what it shows, as dataclasses that become JSON
- ``html``: the file, from ``page.html``, ``style.css``, the scripts and the charting library
- ``scripts``: ``queueing.js`` is the twin of ``analysis.queueing``; ``state.js`` reads and writes the address;
  ``table.js``, ``charts.js``, ``cell.js``, ``model.js`` each draw a part, and ``app.js`` joins them
- ``vega.js``: Vega, Vega-Lite and Vega-Embed in one file, as ``nox -s library`` makes it from a locked package
"""

"""Charts of a campaign as SVG.

- ``catalog``: charts of an experiment, their alternative texts and images
- ``figures``: sheets of an experiment's charts
- ``titles``: what one sees on a chart
- ``rows``: which cells have a row, and their order
- ``hero``, ``hero_facts``: throughput of each client, and CPU time of both sides
- ``heatmap``, ``heat_facts``: event loops relative to threads
- ``forest``: ratios to the baseline
- ``curves``: medians over pool size or interpreter
- ``time_bars``: time breakdown of the workers
- ``latency``: response times over load
- ``queueing``: predictions of the queueing model
- ``panels``: axes of curves, and log axes
- ``canvas``, ``columns``, ``colors``: paper, texts, keys and colours
"""

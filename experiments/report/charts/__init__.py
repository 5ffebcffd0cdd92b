"""Charts of a campaign as SVG.

- ``catalog``: names and alternative texts of an experiment's charts
- ``figures``: sheets of an experiment's charts
- ``forest``: ratios to the baseline
- ``curves``: medians over pool size or interpreter
- ``time_bars``: time breakdown of the workers
- ``queueing``: predictions of the queueing model
- ``panels``: axes of curves, and log axes
- ``canvas``: paper, texts and keys
"""

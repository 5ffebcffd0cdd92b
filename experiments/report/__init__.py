"""Pages from numbers.

- ``publish``, ``front_page``: the files of a campaign, and the pages of a results folder
- ``tables``, ``captions``, ``footnotes``, ``builds``, ``labels``, ``csv_columns``: tables of an experiment
- ``bottlenecks``, ``effects``, ``queueing``: what limits each row, what each factor explains, the model
- ``comparison``, ``reproduction``, ``pooling``: two campaigns side by side, several combined
- ``answer``, ``charts``, ``page``: the answer to the project's question, the charts, and the page to explore
"""

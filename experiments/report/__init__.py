"""Pages from numbers.

- ``publish``, ``front_page``: the files of a campaign, and the pages of a results folder
- ``publishing``: rules for published campaigns, their check, and the text that contributes one
- ``tables``, ``captions``, ``footnotes``, ``builds``, ``labels``, ``settings``: tables of an experiment
- ``terminal``, ``csv_columns``: tables that fit a terminal, and columns for programs
- ``bottlenecks``, ``effects``, ``queueing``: what limits each row, what each factor explains, the model
- ``machines``: those of a cluster, and the spread between them
- ``comparison``, ``reproduction``, ``pooling``: two campaigns side by side, several combined
- ``answer``, ``charts``, ``page``: the answer to the project's question, the charts, and the page to explore
"""

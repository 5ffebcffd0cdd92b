"""What publishes a campaign.

- ``admission``: the rules that it has to keep
- ``check_published``: whether all published campaigns keep them, and the pages are those of the records
- ``pull_request``: the text that contributes it
- ``make_parquet``: the cells of all published campaigns in one file, a script for an environment of its own
"""

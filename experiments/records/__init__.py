"""Files of campaigns.

- ``record``: one attempted run, a line of ``runs.jsonl``
- ``description``: the plan, the machine and the software, ``campaign.json``
- ``counts``: instructions and system calls of one cell, a line of ``counts.jsonl``
- ``facts``: what the names in a cell stand for: placement, interpreter, server, data
- ``reading``: validation of both
- ``campaign``: both together, as commands load them; the published cells of a reproduction
- ``folder``: the files of one campaign, and the lock of the results folder
- ``packed``: the records of a published campaign, as xz
- ``redaction``: removal of absolute paths
"""

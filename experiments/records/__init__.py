"""Files of campaigns.

- ``record``: one attempted run, a line of ``runs.jsonl``
- ``description``: the plan, the machine and the software, ``campaign.json``
- ``facts``: what the names in a cell stand for: placement, interpreter, server, data
- ``campaign``: both together, as commands load them
- ``folder``: the files of one campaign, and the lock of the results folder
- ``published``: the published cells that a reproduction keeps
- ``redaction``: removal of absolute paths
"""

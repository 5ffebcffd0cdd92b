"""Campaigns on the machines of a Dask cluster: whole blocks, one at a time on each machine.

- start: a campaign from order to end; hand_out: blocks to machines, and their records to disk; pure
- agreement: what has to be the same on all machines, and its differences
- dask: the cluster, as the harness sees it; ssh, host: one that is started by ssh
- plugin: the harness's part in a Dask worker; machine: the process below it that prepares and measures

Only ``dask``, ``ssh``, ``host`` and ``plugin`` import ``distributed``, and only a command with --cluster imports them.
"""

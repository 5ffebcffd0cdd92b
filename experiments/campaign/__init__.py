"""Campaigns: prepare, run, resume, stop.

- start: a campaign from order to end; resume: search for an unfinished one; reproduce: a published one again
- prepare, datasets: cells with their interpreters, servers and data; progress: display
- loop: planned runs, one after the other; stopping_rule: number of blocks; quiet_gate: wait for quiet cores
- run: measurement of one run; equal_work: verification of its work; neighbours: busy processes beside it
- monitoring: observation of one run
- cluster: blocks on the machines of a Dask cluster
"""

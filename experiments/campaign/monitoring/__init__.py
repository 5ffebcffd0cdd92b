"""Observation of the machine, the server and the connections during a run.

- monitor: everything observed of one run
- host: load of the machine, from the kernel's counters
- counters: CPU time and run-queue wait of the server in each phase
- run_queue: time that the server's backends waited for a core
- connections: connection states, cut to the phases
- time_slice: a short scheduler time slice for the connection sampler
"""

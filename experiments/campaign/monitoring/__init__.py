"""Observation of the machine, the server and the connections during a run.

- monitor: everything observed of one run
- host: load of the machine, from the kernel's counters
- server_cpu: CPU time of the server in each phase
- connections: connection states, cut to the phases
- time_slice: a short scheduler time slice for the connection sampler
"""

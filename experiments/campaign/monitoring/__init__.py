"""Observing the machine, the server and the connections during a run."""

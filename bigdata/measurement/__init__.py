"""Measurements of a run: clocks, CPU time, workers, connections, profiles."""

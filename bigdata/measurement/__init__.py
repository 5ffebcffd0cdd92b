"""Measuring a run: clocks, CPU time, workers, connections, profiles."""

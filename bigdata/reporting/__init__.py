"""Reports of a run: a JSON line for programs, a summary for people."""

"""Building CPython interpreters that this machine lacks."""

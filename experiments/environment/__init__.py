"""This machine: cores, interpreters, locked packages, the cache folder."""

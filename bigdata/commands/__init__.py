"""Verbs of the command line, one file each: ``add_arguments`` and ``run``, which returns the exit code."""

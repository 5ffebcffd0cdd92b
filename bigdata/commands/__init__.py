"""One file per verb of the command line: ``add_arguments`` and ``run``, which returns the exit code."""

"""The verbs of ``python -m experiments``, one thin module each.

A verb's module has a docstring whose first line is its help, ``add_arguments(parser)`` which declares its options, and
``run(options)`` which does the work and returns the exit code. ``BadInput`` and ``Failure`` may leave ``run``;
``__main__`` turns them into a message and the exit codes 2 and 1.
"""

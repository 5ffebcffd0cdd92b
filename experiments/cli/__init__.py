"""Verbs of ``python -m experiments``, one thin module each.

The first line of a verb's docstring is its help; ``add_arguments(parser)`` declares its options, ``run(options)`` does
the work and returns the exit code. ``__main__`` turns ``BadInput`` and ``Failure`` into a message and exit codes 2 and
1. Shared: options (declarations, selection, loaders by name), output (text or JSON, apart from progress), announce
(plan and outcome), listing (experiments and cells).
"""

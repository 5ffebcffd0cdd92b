"""The hand-written hot loops, one module per driver; ``*_tools`` and the like hold what drivers share besides them.

Each driver's module has the same names: ``connect``, ``close``, ``cancel``, ``abandon``, ``hot_loops``, ``Error`` and
``statement_of``, blocking ones ``use_greenlets``, too; ``bigdata.runtimes.job`` describes them.
"""

"""Hand-written hot loops, one module per driver; ``*_tools`` and the like hold the code that drivers share.

Each driver's module has the same names: ``connect``, ``close``, ``cancel``, ``abandon``, ``hot_loops``, ``Error`` and
``statement_of``, blocking ones ``use_greenlets``, too; ``bigdata.runtimes.job`` describes them.
"""

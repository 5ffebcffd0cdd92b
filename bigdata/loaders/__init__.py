"""The hand-written hot loops, one module per driver.

Each module has the same names: ``connect``, ``close``, ``cancel``, ``hot_loops``, ``Error`` and ``statement_of``;
``bigdata.runtimes.job`` describes them.
"""

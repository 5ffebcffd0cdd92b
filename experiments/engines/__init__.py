"""Engines: each launches loaders and serves PostgreSQL in its own way, behind one protocol.

- ``protocol``: ``Engine``, ``LoaderHost``, ``Launch``, ``Server``, ``Companion``: all that campaigns know of an engine
- ``select``: the engine, interpreter and implementation for a matrix that names none
- ``docker``, ``local``: the two engines
- ``postgres``, ``settings``: options, settings and log messages of every PostgreSQL
- ``loader_report``: the loader's report, or why there is none
- ``profilers``: profilers of a running loader, for ``explain``
- ``processes``: processes in /proc: identity, children, CPU time, cores
"""

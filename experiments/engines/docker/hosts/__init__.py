"""Loaders on the Docker engine of one host, PostgreSQL on that of another.

- ``two_hosts``: both engines as one
- ``access``, ``certificate``: the published address, TLS, and who may connect
- ``keeper``: a process that removes what a killed harness has on either host
"""

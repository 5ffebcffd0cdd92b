"""This machine and what is installed on it: cores, interpreters, locked packages, the cache folder.

- ``affinity``: cores of loader and server; ``host``: facts of the machine and the checkout; ``mounts``: file systems
- ``cache``: folders of what can be made again
- ``interpreters``: CPython interpreters of this machine; ``cpython``: those that it lacks
- ``requirements``, ``requirements_file``, ``resolve``: locks of packages, their contents, their resolution by uv
- ``image_lock``: pinned base images; ``hashes``: identity of the loader's source
- ``install``: runs of pip and of other programs that install
"""

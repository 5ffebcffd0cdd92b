"""Base images from Debian's packages, for machines that reach no registry: nothing else needs mmdebstrap.

- ``base_image``: the suites, and the image of one CPython or PostgreSQL, found in the engine or made
- ``mmdebstrap``: the command line that makes a root file system from ``docker/debian/``
"""

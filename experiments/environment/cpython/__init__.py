"""CPython interpreters that this machine lacks; only ``nox -s interpreters`` needs them.

- ``install``: an interpreter in the cache, by uv or built from source
- ``sources``: an archive of sources: the user's, or Debian's source package
- ``build``: the build
"""

"""The docker engine: pinned images for interpreters and PostgreSQL, containers for every run.

- ``engine``: the engine; ``connect``: the Docker engine that the user means; ``errors``: the SDK's errors in one line
- ``loader``, ``profilers``: one container per run; ``server``, ``postgres_container``: PostgreSQL in a container
- ``limits``, ``cgroup``, ``out_of_memory``: cores and memory of containers, their CPU time, and their end by memory
- ``resources``, ``owner``, ``cleanup``: labelled containers, network and volumes, removed when their owner has died
- ``probes``: short-lived containers that find out what an interpreter is and whether the kernel has netem
- ``volumes``: files in volumes of an engine that may be remote; ``interrupts``: waits that end at an interruption
- ``hosts``: loaders on one engine, PostgreSQL on another

Images:

- ``images``: all of a campaign; ``image_labels``: the project's own images, listed and removed
- ``base_images``, ``registry``, ``debian``: base images by digest from a registry, or of Debian's packages
- ``loader_image``, ``wheelhouse``: a base with the loader's locked packages
- ``resolve_images``: a new docker/images.lock.yaml
"""

"""Images that this project made, found and removed by their labels."""

import contextlib
from collections.abc import Container
from dataclasses import dataclass

from docker import DockerClient
from docker.errors import APIError, ImageNotFound

from experiments.engines.docker.errors import docker_errors

IMAGE_LABEL = "bigdata-matrix.image"
"""What an image is, such as 'loader' or 'debian-python'; a 'stage' is a step on the way to another."""

SHORT_ID = 12
"""Digits of an id in what the builder says."""

PULLED = "bigdata-matrix/official"
"""How the names begin that official images get when they are pulled: they have no label of this project's."""


@dataclass(frozen=True)
class MadeImage:
    """An image that this project made or pulled. ``size_bytes`` counts layers that it shares with others."""

    image_id: str
    tags: tuple[str, ...]
    kind: str
    size_bytes: int


def list_images(client: DockerClient) -> list[MadeImage]:
    """List the images that this project made or pulled, by tag."""
    with docker_errors("list images"):
        found = client.api.images(all=True, filters={"label": IMAGE_LABEL})
        pulled = client.api.images(filters={"reference": f"{PULLED}-*"})
    images = [
        MadeImage(image["Id"], _tags(image["RepoTags"]), image["Labels"][IMAGE_LABEL], image["Size"]) for image in found
    ]
    # Of the others only what carries such a name, and what it was pulled as: other names are somebody else's.
    for image in pulled:
        own = [name for name in _tags(image["RepoTags"]) if name.startswith(f"{PULLED}-")]
        names = (*own, *(image["RepoDigests"] or ()))
        images.append(MadeImage(image["Id"], names, "official", image["Size"]))
    return sorted(images, key=lambda image: (not image.tags, image.tags, image.image_id))


def remove_images(client: DockerClient) -> list[str]:
    """Remove all that no container uses; return the removed tags."""
    removed: list[str] = []
    # An image goes when those made from it are gone, so: as long as there is one that goes.
    while images := [image for image in list_images(client) if _remove(client, image)]:
        removed += [tag for image in images for tag in image.tags]
    return removed


def remove_stages(client: DockerClient, built: Container[str]) -> None:
    """Remove the nameless images that a build leaves, of the ids that it ``built``; their layers go with them."""
    filters = {"label": f"{IMAGE_LABEL}=stage", "dangling": True}
    for image in client.api.images(filters=filters):
        if image["Id"].removeprefix("sha256:")[:SHORT_ID] in built:
            # Somebody may build upon it just now.
            with contextlib.suppress(APIError):
                client.api.remove_image(image["Id"])


def _remove(client: DockerClient, image: MadeImage) -> bool:
    """Remove the image; return whether that worked."""
    removed = False
    with docker_errors(f"remove the image {image.tags[0] if image.tags else image.image_id}"):
        for name in image.tags or (image.image_id,):
            try:
                client.api.remove_image(name)
                removed = True
            except ImageNotFound:
                # One of its names may go with another one.
                continue
            except APIError as error:
                if error.status_code != 409:
                    raise
    return removed


def _tags(names: list[str] | None) -> tuple[str, ...]:
    """Sort tags, without the placeholder of an untagged image."""
    return tuple(sorted(name for name in names or () if name != "<none>:<none>"))

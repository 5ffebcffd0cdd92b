"""show what the project keeps in the user's cache folder and as images, and remove it"""

import contextlib
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from docker import DockerClient

from experiments.engines.docker.cleanup import check_unused as check_engine_unused
from experiments.engines.docker.cleanup import sweep as sweep_docker
from experiments.engines.docker.connect import connect
from experiments.engines.docker.image_labels import MadeImage, list_images, remove_images
from experiments.engines.local.cleanup import owners, sweep
from experiments.environment.cache import cache_folders, remove_cache, size_bytes, sole_use_of_cache
from experiments.errors import BadInput, Failure
from experiments.formatting import count


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--show", action="store_true", help="only show what is there")


def run(options: Namespace) -> int:
    """Show cache and images and, unless only asked to show, remove them. Raises Failure while a campaign uses them."""
    folders = cache_folders()
    with engine() as client:
        images = [] if client is None else list_images(client)
        for folder in folders:
            show(folder)
        show_images(images)
        if options.show or not (folders or images):
            print("" if folders or images else "the cache is empty")
            return 0
        with sole_use_of_cache() as alone:
            remove_all(client, alone)
    return 0


def remove_all(client: DockerClient | None, alone: bool) -> None:
    """Remove images and the folders of the cache. Raises Failure where somebody uses them."""
    running = ", ".join(f"process {owner.pid}" for owner in owners())
    if running or not alone:
        raise Failure(
            f"a campaign or a test run is using the cache ({running or 'it holds it'}): wait until it has ended"
        )
    if client is not None:
        # Such as by another user's campaign, or one with another cache.
        check_engine_unused(client)
    for line in [*sweep(), *([] if client is None else sweep_docker(client))]:
        print(line)
    for name in [] if client is None else remove_images(client):
        print(f"removed image {name}")
    for folder in cache_folders():
        remove_cache(folder)
        print(f"removed {folder}")


@contextlib.contextmanager
def engine() -> Iterator[DockerClient | None]:
    """Connect to the user's Docker engine; None if none answers."""
    try:
        client = connect()
    except BadInput:
        yield None
        return
    with contextlib.closing(client):
        yield client


def show(folder: Path) -> None:
    """Print a folder of the cache and the size of everything right below its parts."""
    print(f"{folder}  {_megabytes(size_bytes(folder))}")
    for part in sorted(path for path in folder.iterdir() if path.is_dir()):
        for entry in sorted(path for path in part.iterdir() if path.is_dir()):
            print(f"  {entry.relative_to(folder)}  {_megabytes(size_bytes(entry))}")


def show_images(images: Sequence[MadeImage]) -> None:
    """Print the images with a name, and the number of those without, which share nearly all layers with the others."""
    for image in images:
        if image.tags:
            print(f"image {', '.join(image.tags)}  {_megabytes(image.size_bytes)}")
    nameless = sum(not image.tags for image in images)
    if nameless:
        print(f"{count(nameless, 'image')} without a name: intermediate steps and older versions")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"

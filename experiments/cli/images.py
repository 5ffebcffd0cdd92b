"""build the images of the docker engine: the loader's for each Python, and the base of each PostgreSQL"""

import contextlib
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from typing import get_args

from docker import DockerClient
from tabulate import tabulate

from experiments.engines.docker.base_images import Base, choose_source
from experiments.engines.docker.connect import connect
from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.images import NAMES, SOURCE_NAMES, Images
from experiments.engines.docker.loader_image import LoaderImage
from experiments.environment.cache import cache_in_use
from experiments.environment.image_lock import Asked, Kind, load_image_lock
from experiments.errors import BadInput, Failure, Unsupported

HEADINGS = ("image", "base", "size", "state")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--source",
        choices=get_args(Asked),
        default="auto",
        help="where base images come from: the pinned official images of a registry, or Debian's packages "
        "(default: auto, the registry where one answers)",
    )
    parser.add_argument(
        "--python", metavar="X.Y", action="extend", nargs="+", help="only the loader's images for these (default: all)"
    )
    parser.add_argument(
        "--postgres", metavar="N", action="extend", nargs="+", help="only these PostgreSQLs (default: all)"
    )


def run(options: Namespace) -> int:
    """Build the images and list them; return 1 if one failed. Raises BadInput for a version that the source lacks."""
    lock = load_image_lock()
    with contextlib.closing(connect()) as client, cache_in_use():
        choice = choose_source(client, lock, options.source)
        if choice.notice:
            print(choice.notice, flush=True)
        images = Images(client, lock, choice.source, choice.offline)
        # Versions of one kind alone mean none of the other.
        named = options.python is not None or options.postgres is not None
        pythons = chosen("python", options.python, images.pythons(), images, all_of_them=not named)
        majors = chosen("postgres", options.postgres, images.majors(), images, all_of_them=not named)
        images.make(pythons, majors, lambda line: print(line, flush=True))
        return show(client, images, pythons, majors)


def chosen(
    kind: Kind, asked: list[str] | None, known: tuple[str, ...], images: Images, *, all_of_them: bool
) -> tuple[str, ...]:
    """Return the versions to build. Raises BadInput for one that the source does not have."""
    for version in asked or ():
        if version not in known:
            source = SOURCE_NAMES[images.source]
            raise BadInput(f"--{kind}: {NAMES[kind]} {version} is not among {source}; known: {', '.join(known)}")
    if asked is None:
        return known if all_of_them else ()
    return tuple(version for version in known if version in asked)


def show(client: DockerClient, images: Images, pythons: Iterable[str], majors: Iterable[str]) -> int:
    """Print the table, and below it the reasons of failed images; return 1 if there are any."""
    rows, problems = [], []
    asked: list[tuple[str, Callable[[str], LoaderImage | Base], str]] = [
        *((f"Python {python}", images.loader, python) for python in pythons),
        *((f"PostgreSQL {major}", images.postgres, major) for major in majors),
    ]
    for name, get, version in asked:
        try:
            rows.append(row(client, name, get(version)))
        except (BadInput, Failure, Unsupported) as error:
            rows.append((name, "", "", "failed"))
            problems.append(f"{name}: {error}")
    print(tabulate(rows, headers=HEADINGS, colalign=("left", "left", "right", "left"), disable_numparse=True))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def row(client: DockerClient, name: str, image: LoaderImage | Base) -> tuple[str, str, str, str]:
    """Return a row of the table."""
    base = image if isinstance(image, Base) else image.base
    with docker_errors(f"look at the image for {name}"):
        size_bytes = client.images.get(image.image_id).attrs["Size"]
    return name, base.identity, f"{size_bytes / 1e6:.0f} MB", "made" if image.made else "there already"

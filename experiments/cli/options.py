"""Command-line options that several verbs share, and the selection that they make."""

import sys
import tomllib
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from bigdata.registry import CONTESTANTS, LOADERS, Loader
from experiments.environment.image_lock import Asked
from experiments.errors import BadInput, suggest
from experiments.matrix.cell import AXES, ENGINES
from experiments.matrix.selection import Selection, parse_selection
from experiments.records.campaign import LOCAL

MATRIX = Path("matrix.yaml")


class _PrintVersion(Action):
    """Prints the version of the checkout that runs; its file is read only then."""

    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        project = Path(__file__).resolve().parents[2] / "pyproject.toml"
        print("bigdata-matrix", tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
        parser.exit()


def add_version(parser: ArgumentParser) -> None:
    """Declare --version."""
    parser.add_argument("--version", action=_PrintVersion, nargs=0, help="print the version")


def add_results(parser: ArgumentParser, folder: Path = LOCAL) -> None:
    """Declare --results with this default."""
    text = f"folder of results (default: {folder})"
    parser.add_argument("--results", metavar="DIR", type=Path, default=folder, help=text)


def add_python(parser: ArgumentParser) -> None:
    """Declare --python, for verbs that need no matrix."""
    parser.add_argument("--python", metavar="X.Y", help="the loader's Python (default: the newest that has a lock)")


def add_selection(parser: ArgumentParser) -> None:
    """Declare the options that choose cells, and the engine's programs and images for them."""
    option = parser.add_argument
    option("--profile", metavar="NAME", help="a profile of the matrix, such as smoke")
    option("--experiment", metavar="NAME", action="append", default=[], help="only this experiment; may be repeated")
    option(
        "--only",
        metavar="AXIS=VALUE[,...]",
        action="append",
        default=[],
        help=f"only cells with these values; axes: {', '.join(AXES)}",
    )
    option("--engine", metavar="NAME", help=f"auto or one of: {', '.join(ENGINES)}")
    option("--matrix", metavar="FILE", type=Path, help=f"default: {MATRIX}")
    option("--records", metavar="N", help="the first N records of each state (default: as many as the data set says)")
    option("--data", metavar="NAME|DIRECTORY", help="a data set of the matrix, or a folder of SF1 files")
    option(
        "--packages",
        metavar="NAME=VERSION[,...]",
        action="append",
        default=[],
        help="run with each of these: a version, a wheel or a source folder of a driver, or NAME=locked",
    )
    option(
        "--source",
        choices=get_args(Asked),
        default="auto",
        help="source of the docker engine's base images: a registry, Debian's packages, or whichever is available",
    )
    option("--pg-bin", metavar="DIR", type=Path, help="PostgreSQL programs for the local engine")


def read_selection(options: Namespace) -> Selection:
    """Return what the options choose of the matrix. Raises BadInput for a text that cannot be understood."""
    return parse_selection(
        profile=options.profile,
        experiments=options.experiment,
        only=options.only,
        engine=options.engine,
        repeats=getattr(options, "repeats", None),
        records=options.records,
        data=options.data,
        packages=options.packages,
    )


def choose_loaders(names: Sequence[str]) -> list[Loader]:
    """Return these loaders, or all, in the registry's order. Raises BadInput for an unknown name, and for a ceiling."""
    for name in names:
        if name in LOADERS and LOADERS[name].ceiling:
            raise BadInput(
                f"{name} is a ceiling, not a loader with a driver (expected one of {', '.join(CONTESTANTS)})"
            )
        if name not in CONTESTANTS:
            raise BadInput(f"unknown loader {name!r} {suggest(name, list(CONTESTANTS))}")
    return [loader for loader in CONTESTANTS.values() if not names or loader.name in names]


def show_progress(text: str) -> None:
    """Print a line of progress on standard error."""
    print(text, file=sys.stderr)

"""matrix.yaml as types: every section, what it means, and how to load it.

An experiment's ``matrix``, ``include`` and ``exclude`` are those of GitHub Actions; other axes are as in ``defaults``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from typing_extensions import TypedDict

from experiments.cpuset import REST
from experiments.matrix import values
from experiments.matrix.cell import LOOPBACK
from experiments.matrix.messages import describe_errors
from experiments.matrix.network import Host, Network
from experiments.matrix.packages import LOCKED
from experiments.matrix.references import check_document
from experiments.matrix.yaml_document import read_document, refuse

_STRICT = values.STRICT
_SOME = Field(min_length=1)

_NEEDED_BY_SOURCE = {"synthetic": ("state",), "directory": ("path",), "census": ("state",)}

DataSource = Annotated[str, values.one_of("source of data", tuple(_NEEDED_BY_SOURCE), "Where the files come from.")]
Storage = Annotated[str, values.one_of("storage", ("disk", "tmpfs"), "Where PostgreSQL keeps its data.")]


class AxisValues(TypedDict, total=False):
    """One value for some of the axes."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    engine: values.Engine
    python: values.Python
    gil: values.Gil
    loader: values.LoaderName
    loop: values.Loop
    protocol: values.SpokenProtocol
    implementation: values.Implementation
    poolsize: values.Poolsize
    postgres: values.PostgresName
    data: values.DataName
    transaction: values.Transaction
    inserts: values.Inserts
    resources: values.ResourcesName
    sampling: values.Sampling
    workload: values.Workload
    packages: values.PackagesName
    network: values.NetworkName
    arrivals: values.Arrivals
    checkout: values.Checkout


class Exclusion(AxisValues, total=False):
    """Combinations to leave out: those that have all of these values."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    why: Annotated[values.Text, Field(description="Shown in the table, as a row; without it there is no row.")]


class AxisLists(TypedDict, total=False):
    """Several values for some of the axes: the combinations are all that can be made of them."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    engine: Annotated[tuple[values.Engine, ...], _SOME]
    python: Annotated[tuple[values.Python, ...], _SOME]
    gil: Annotated[tuple[values.Gil, ...], _SOME]
    loader: Annotated[tuple[values.LoaderName, ...], _SOME]
    loop: Annotated[tuple[values.Loop, ...], _SOME]
    protocol: Annotated[tuple[values.SpokenProtocol, ...], _SOME]
    implementation: Annotated[tuple[values.Implementation, ...], _SOME]
    poolsize: Annotated[tuple[values.Poolsize, ...], _SOME]
    postgres: Annotated[tuple[values.PostgresName, ...], _SOME]
    data: Annotated[tuple[values.DataName, ...], _SOME]
    transaction: Annotated[tuple[values.Transaction, ...], _SOME]
    inserts: Annotated[tuple[values.Inserts, ...], _SOME]
    resources: Annotated[tuple[values.ResourcesName, ...], _SOME]
    sampling: Annotated[tuple[values.Sampling, ...], _SOME]
    workload: Annotated[tuple[values.Workload, ...], _SOME]
    packages: Annotated[tuple[values.PackagesName, ...], _SOME]
    network: Annotated[tuple[values.NetworkName, ...], _SOME]
    arrivals: Annotated[tuple[values.Arrivals, ...], _SOME]
    checkout: Annotated[tuple[values.Checkout, ...], _SOME]


@dataclass(frozen=True, config=_STRICT)
class DataSet:
    """A named data set: files to load."""

    source: DataSource
    """synthetic: made here, the same bytes everywhere; directory: files that are there; census: fetched once."""
    state: values.State | None = None
    """Of synthetic and census: the state, such as NY or New_York."""
    segments: Annotated[tuple[values.Segment, ...], _SOME] = ("01",)
    """The segments of the Summary File 1 to load, in quotes."""
    records: values.Records = values.AUTO
    """The number of logical records of each state to load; auto: as many as keep the largest pool busy; or all."""
    path: values.Folder | None = None
    """Of directory: the folder with the files, as seen from the folder where the command runs."""
    seed: int = Field(default=2014, strict=True)
    """Of synthetic: other seeds make other records."""

    @model_validator(mode="after")
    def _check_source(self) -> "DataSet":
        needed = _NEEDED_BY_SOURCE[self.source]
        for key in needed:
            if getattr(self, key) is None:
                raise values.problem(
                    f"lacks {key!r}: a data set with source {self.source} needs {' and '.join(needed)}"
                )
        if self.source == "synthetic" and self.records == values.ALL:
            raise values.problem("has 'records: all', but source synthetic has no end: write a number, or auto")
        for key in ("state", "path"):
            if key not in needed and getattr(self, key) is not None:
                raise values.problem(f"has {key!r}, which means nothing with source {self.source}: take it out")
        return self


@dataclass(frozen=True, config=_STRICT)
class PostgresConfiguration:
    """A named PostgreSQL: major version, where its data lies, settings."""

    version: values.Major
    """The major version, in quotes."""
    storage: Storage
    """disk, or tmpfs for memory: it matters as much as settings do."""
    settings: Mapping[str, values.Setting] = Field(default_factory=dict)
    """Settings as in postgresql.conf; they come after those of the harness."""
    shm_size: values.Memory | None = None
    """Shared memory of its container, such as 1GB; 256MB where this is left out. Means nothing without containers."""


@dataclass(frozen=True, config=_STRICT)
class Resources:
    """Cores of loader and server. Numbers count within the cores that the harness may use; left out: all of them."""

    loader_cpuset: values.Cpuset | None = None
    """Cores of the loader: numbers and ranges such as "0-2,5", or rest."""
    server_cpuset: values.Cpuset | None = None
    """Cores of PostgreSQL, all its processes. rest: what the loader and its hyperthreads leave."""
    loader_cpus: values.Cores | None = None
    """At most so much CPU time for the loader, in cores: 0.25 is a quarter of one. Needs the docker engine."""
    server_cpus: values.Cores | None = None
    """At most so much CPU time for PostgreSQL, in cores, all its processes together. Needs the docker engine."""
    loader_memory: values.Memory | None = None
    """At most so much memory for the loader, such as 64MB; one that needs more is killed. Needs the docker engine."""
    server_memory: values.Memory | None = None
    """At most so much memory for PostgreSQL, all its processes and what it caches. Needs the docker engine."""
    loader_neighbours: values.Neighbours = 0
    """So many processes that do nothing but compute run beside the loader, on its cores: a noisy neighbour."""
    server_neighbours: values.Neighbours = 0
    """The same on the server's cores."""

    @model_validator(mode="after")
    def _check_rest(self) -> "Resources":
        sides = (self.loader_cpuset, self.server_cpuset)
        if REST in sides and (None in sides or sides[0] == sides[1]):
            raise values.problem(
                "asks for the rest of nothing: where one cpuset is 'rest', give the other side numbers"
            )
        return self


@dataclass(frozen=True, config=_STRICT)
class Defaults:
    """The value of every axis that an experiment does not name."""

    loader: values.LoaderName
    poolsize: values.Poolsize
    postgres: values.PostgresName
    data: values.DataName
    resources: values.ResourcesName
    engine: values.Engine = "auto"
    python: values.Python = "default"
    gil: values.Gil = "default"
    loop: values.Loop = "asyncio"
    protocol: values.SpokenProtocol = "default"
    implementation: values.Implementation = "default"
    transaction: values.Transaction = "autocommit"
    inserts: values.Inserts = "execute"
    sampling: values.Sampling = "on"
    workload: values.Workload = "ingest"
    packages: values.PackagesName = LOCKED
    network: values.NetworkName = LOOPBACK
    arrivals: values.Arrivals = values.CLOSED
    checkout: values.Checkout = "per_worker"


@dataclass(frozen=True, config=_STRICT)
class Experiment:
    """One question, and the cells that answer it."""

    question: values.Text
    """Shown above the table."""
    matrix: AxisLists = Field(default_factory=AxisLists)
    """Lists of values: every combination of them is a cell."""
    include: tuple[AxisValues, ...] = ()
    """Each adds its values to all combinations whose values of the matrix it does not change, else a new cell."""
    exclude: tuple[Exclusion, ...] = ()
    """Combinations to leave out, before include."""
    baseline: AxisValues = Field(default_factory=AxisValues)
    """The cell to compare with, if it is not the baseline of the whole matrix."""
    count: Annotated[bool, Field(strict=True)] = False
    """If true, the instructions and system calls of a row are counted after the timed blocks, for each cell."""
    explain: Annotated[bool, Field(strict=True)] = False
    """If true, its cells run once more after the timed blocks, with instruments, for a page each that explains them."""


@dataclass(frozen=True, config=_STRICT)
class Profile:
    """A named way to run less, or more: --profile NAME. The one named default is what runs without that."""

    repeats: values.Repeats | None = None
    """Instead of the repeats above."""
    records: values.Count | None = None
    """Instead of the records of every data set."""
    experiments: Annotated[tuple[values.Name, ...], _SOME] | None = None
    """Only these."""


@dataclass(frozen=True, config=_STRICT)
class Matrix:
    """The whole of matrix.yaml."""

    version: Literal[1]
    """Of this format."""
    repeats: values.Repeats
    """The number of blocks; each runs every cell once, in its own shuffled order."""
    seed: Annotated[int, Field(strict=True)]
    """Decides the orders."""
    timeout_s: values.Seconds
    """A run that takes longer is ended."""
    data: Mapping[values.Name, DataSet]
    """Data sets by name."""
    postgres: Mapping[values.Name, PostgresConfiguration]
    """Configurations of PostgreSQL by name."""
    resources: Mapping[values.Name, Resources]
    """Divisions of the cores by name."""
    defaults: Defaults
    """Values of axes that an experiment does not name."""
    experiments: Annotated[Mapping[values.Name, Experiment], _SOME]
    """Questions by name."""
    packages: Mapping[values.Name, Mapping[values.Distribution, values.Package]] = Field(default_factory=dict)
    """Sets of packages by name: a version, a wheel or a source folder of distributions, in the place of the locked."""
    network: Mapping[values.Name, Network] = Field(default_factory=dict)
    """Networks between loader and server by name."""
    hosts: Mapping[values.Name, Host] = Field(default_factory=dict)
    """Machines by name, for networks between two of them."""
    patience_s: values.Patience = 60.0
    """A block waits so long for other work to leave its cores, a campaign ten times as long; 0: not at all."""
    baseline: AxisValues = Field(default_factory=AxisValues)
    """The cell that all others are compared with, where it differs from the defaults. It runs twice per block."""
    profiles: Mapping[values.Name, Profile] = Field(default_factory=dict)
    """Ways to run less, by name."""


def matrix_adapter() -> TypeAdapter[Matrix]:
    """Return what validates, dumps and describes a ``Matrix``."""
    return TypeAdapter(Matrix)


def load_matrix(path: Path) -> Matrix:
    """Load a matrix.yaml. Raises BadInput with a line for each fault: ``matrix.yaml:LINE: path.to[1].key: what``."""
    document = read_document(path)
    adapter = matrix_adapter()
    findings = check_document(document.data)
    try:
        matrix = adapter.validate_python(document.data)
    except ValidationError as error:
        findings += describe_errors(error, adapter, document)
        raise refuse(document, findings) from error
    if findings:
        raise refuse(document, findings)
    return matrix

"""Agreement of the machines of a cluster: sources, locks, and the parts that cells are made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import combinations
from pathlib import Path

from experiments.cpuset import format_cpuset
from experiments.environment.affinity import allowed_cpus
from experiments.environment.hashes import PROJECT, short_hash, text_hash, tree_hash
from experiments.environment.host import identify_machine
from experiments.errors import BadInput, shorten
from experiments.matrix.cell import canonical_json
from experiments.records.description import Description

HERE = "this machine"

_SOURCES = ("bigdata", "experiments")
_SUFFIXES = {".py", ".csv", ".json"}
_PINS = ("docker", "experiments/requirements")
_SHOWN_DIGITS = 19
"""Of a hash in a message: 'sha256:' and twelve digits."""
_CONTEXT = 40
_NOTHING = "nothing"


@dataclass(frozen=True)
class Machine:
    """A machine with its checkout: what it is, the cores that it may use, and hashes of sources and locks by name."""

    identity: str
    cpus: frozenset[int]
    hashes: Mapping[str, str]

    @property
    def name(self) -> str:
        """Return its name in the records, which tells nothing of it."""
        return short_hash(self.identity, format_cpuset(self.cpus))


@cache
def name_machine() -> str:
    """Return the name of this machine."""
    return Machine(identify_machine(), allowed_cpus(), {}).name


def describe_machine(project: Path = PROJECT) -> Machine:
    """Describe the machine and the checkout of this process."""
    return Machine(identify_machine(), allowed_cpus(), _hash_sources(project))


def _hash_sources(project: Path) -> dict[str, str]:
    """Return a hash of the sources of each package, and of each file that pins or makes what they run on."""
    files = [path for name in _PINS for path in sorted((project / name).rglob("*")) if path.is_file()]
    hashes = {path.relative_to(project).as_posix(): text_hash(path) for path in files}
    for name in _SOURCES:
        paths = [path for path in (project / name).rglob("*") if path.suffix in _SUFFIXES]
        hashes[f"{name}/"] = tree_hash({path.relative_to(project).as_posix(): path.read_bytes() for path in paths})
    return hashes


def check_machines(machines: Mapping[str, Machine]) -> None:
    """Raise BadInput for sources or locks that differ, and for two workers that share cores."""
    here = describe_machine()
    refuse({HERE: here.hashes, **{address: machine.hashes for address, machine in machines.items()}})
    for (one, a), (other, b) in combinations(machines.items(), 2):
        if a.identity == b.identity and (shared := a.cpus & b.cpus):
            raise BadInput(
                f"--cluster: the workers {one} and {other} share the cores {format_cpuset(shared)} of one machine, so "
                "that their blocks would disturb each other; start one worker on a machine, or give each its own cores "
                "(taskset)"
            )


def check_parts(described: Mapping[str, Description]) -> None:
    """Raise BadInput where cells are made of other parts on some machines, by the addresses of the machines."""
    if len({one.fingerprint for one in described.values()}) > 1:
        refuse({address: parts_of(one) for address, one in described.items()})
        refuse({address: _keys_of(one) for address, one in described.items()})


def parts_of(described: Description) -> dict[str, str]:
    """Return what cells are made of, by name: interpreters with their locks, servers, data, cores, sources."""
    found = {"source": described.source_hash or _NOTHING}
    for name, interpreter in described.interpreters.items():
        # Equal images that were built twice have two ids.
        found[f"Python {name}"] = canonical_json(asdict(replace(interpreter, image=None)))
    for name, server in described.postgres.items():
        found[f"PostgreSQL {name}"] = canonical_json(asdict(replace(server, image_id=None)))
    for name, data in described.data.items():
        found[f"data {name}"] = canonical_json(asdict(data))
    for name, placement in described.placements.items():
        found[f"cores {name}"] = canonical_json(placement.facts())
    for shown in described.cells:
        found[f"cell {shown.cell.label()}"] = shown.unsupported or "can run"
    return found


def _keys_of(described: Description) -> dict[str, str]:
    """Return the keys of the cells, whose parts may be equal but for their drivers."""
    return {f"driver, limits or settings of cell {shown.cell.label()}": shown.cell_key for shown in described.cells}


def refuse(found: Mapping[str, Mapping[str, str]]) -> None:
    """Raise BadInput with the differences between machines, if there are any."""
    differences = list(find_differences(found))
    if differences:
        listed = "\n".join(f"- {line}" for line in differences)
        todo = "give them the same commit and locks, and start their workers again"
        raise BadInput(f"--cluster: the machines differ; {todo}:\n{listed}")


def find_differences(found: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield 'docker/requirements/py3.13.txt: sha256:1a on this machine; sha256:2b on tcp://10.0.0.1:4000'."""
    for name in dict.fromkeys(name for parts in found.values() for name in parts):
        machines = defaultdict(list)
        for machine, parts in found.items():
            machines[parts.get(name, _NOTHING)].append(machine)
        if len(machines) > 1:
            sides = (f"{_shown(value, [*machines])} on {', '.join(names)}" for value, names in machines.items())
            yield f"{name}: {'; '.join(sides)}"


def _shown(value: str, values: Sequence[str]) -> str:
    """Return one of the values for a message, from shortly before they differ; of a hash its beginning."""
    if value == _NOTHING or value.startswith("sha256:"):
        return value[:_SHOWN_DIGITS]
    letters = zip(*(one for one in values if one != _NOTHING), strict=False)
    begin = max(0, next((place for place, some in enumerate(letters) if len({*some}) > 1), 0) - _CONTEXT)
    return f"{'...' if begin else ''}{shorten(value[begin:])}"

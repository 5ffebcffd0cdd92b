"""Contents of a requirements lock as text: notes at its head, and entries, some for one processor only."""

import platform
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

ARCHITECTURES = ("x86_64", "aarch64")
"""The processors that locks are made for, by their names in wheels, and in ``platform_machine`` on Linux."""

BUILDS_WITH = ("setuptools",)
"""What building from source needs; a lock with something to build has it, too."""

_OTHER_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}
_LEFT_OUT = re.compile(r"# left out(?: on (\w+))?: ([\w.-]+): (.*)")
_FROM_SOURCE = "# from source: "
# An entry is a line that pins or names a wheel, with the lines of hashes that it is continued on.
_ENTRY = re.compile(r"^([\w.-]+)(?:==| @ ).*(?:\n +.*)*\n?", re.MULTILINE)
# A wheel of this machine, as pip and uv name it.
_OWN_WHEEL = re.compile(r"^([\w.-]+) @ file:\S*/[^-/]+-([^-/]+)-[^/\s]*\.whl", re.MULTILINE)
_MARKER = re.compile(r" ; platform_machine == '(\w+)'")


@dataclass(frozen=True)
class Notes:
    """The notes at a lock's head: what could not be had, by processor and with reason, and what has to be built."""

    left_out: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    from_source: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Return the comment lines."""
        return [*self._lines_of_left_out(), *([_FROM_SOURCE + ", ".join(self.from_source)] if self.from_source else [])]

    def _lines_of_left_out(self) -> Iterator[str]:
        seen: set[tuple[str, str]] = set()
        for architecture, reasons in self.left_out.items():
            for name, reason in reasons.items():
                everywhere = all(others.get(name) == reason for others in self.left_out.values())
                if everywhere and (name, reason) in seen:
                    continue
                seen.add((name, reason))
                yield f"# left out{'' if everywhere else f' on {architecture}'}: {name}: {reason}"


def architecture_of(machine: str) -> str:
    """Return the name in wheels of a processor: 'aarch64' for 'arm64'."""
    return _OTHER_NAMES.get(machine.lower(), machine)


def read_left_out(text: str, architecture: str | None = None) -> dict[str, str]:
    """Return the distributions that the lock leaves out for a processor (None: this one), with reasons."""
    asked = architecture_of(architecture or platform.machine())
    matches = (_LEFT_OUT.fullmatch(line) for line in text.splitlines())
    return {match[2]: match[3] for match in matches if match and match[1] in (None, asked)}


def read_from_source(text: str) -> tuple[str, ...]:
    """Return the distributions without wheels."""
    lines = (line for line in text.splitlines() if line.startswith(_FROM_SOURCE))
    return tuple(name for line in lines for name in line.removeprefix(_FROM_SOURCE).split(", "))


def merge(texts: Mapping[str, str]) -> str:
    """Merge the entries of all processors; one that differs says which processor it is for."""
    entries = {architecture: read_entries(text) for architecture, text in texts.items()}
    merged = []
    for name in sorted({name for found in entries.values() for name in found}):
        of_each = {architecture: found.get(name) for architecture, found in entries.items()}
        if len(set(of_each.values())) == 1:
            merged.append(next(iter(entries.values()))[name])
        else:
            merged += [_for_one(entry, architecture) for architecture, entry in of_each.items() if entry is not None]
    return "".join(merged)


def for_architecture(text: str, architecture: str) -> str:
    """Select the entries for one processor, without markers: pip judges those by its own machine."""
    kept = (entry for entry in _ENTRY.finditer(text) if _holds(entry[0], architecture))
    return "".join(_MARKER.sub("", entry[0]) for entry in kept)


def entries_of(text: str, names: Collection[str]) -> str:
    """Return the entries of some packages."""
    return "".join(entry for name, entry in read_entries(text).items() if name in names)


def with_versions(text: str) -> str:
    """Return the requirements with the versions of this machine's wheels in the place of their paths."""
    return _OWN_WHEEL.sub(lambda match: f"{match[1]}=={unquote(match[2])}", text)


def read_entries(text: str) -> dict[str, str]:
    """Return the entries by name."""
    return {match[1]: match[0] for match in _ENTRY.finditer(text)}


def _for_one(entry: str, architecture: str) -> str:
    first, separator, rest = entry.partition(" \\\n")
    return f"{first} ; platform_machine == '{architecture}'{separator}{rest}"


def _holds(entry: str, architecture: str) -> bool:
    marker = _MARKER.search(entry)
    return marker is None or marker[1] == architecture

"""Reproduction of a published campaign: its matrix, cells and order, from its ``campaign.json``."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bigdata.registry import LOADERS
from experiments.analysis.differences import Difference, describe_difference, find_differences_between
from experiments.analysis.stats import FEWEST_BLOCKS, format_floor
from experiments.analysis.summary import summarize_all
from experiments.environment.package_sets import content_hash, short_content
from experiments.errors import BadInput, suggest
from experiments.formatting import count
from experiments.matrix.cell import LOOPBACK
from experiments.matrix.expand import PlannedCell, find_obstacle
from experiments.matrix.messages import describe_errors
from experiments.matrix.packages import LOCKED, is_package, is_path, packages_of
from experiments.matrix.settings import check_settings
from experiments.matrix.spec import AxisValues, Matrix, matrix_adapter
from experiments.matrix.yaml_document import Document, Finding, refuse, write_path
from experiments.records.campaign import Campaign, select_published
from experiments.records.description import Description, ShownCell, part_of
from experiments.records.folder import CampaignFolder
from experiments.records.reading import find_line
from experiments.report.reproduction import LARGEST_FLOOR

_HASH = "sha256:"
_AXES = TypeAdapter(AxisValues)


@dataclass(frozen=True)
class Reproduction:
    """The part of a published campaign that is to run again: ``published`` has no other cells."""

    published: Campaign
    matrix: Matrix
    cells: tuple[PlannedCell, ...]
    force: bool
    """Run even if pins differ, or if no cell can get a verdict."""

    @property
    def max_connections(self) -> int | None:
        """Connections that its servers allowed, which follow from the largest pool of all its cells."""
        allowed = {part.settings.get("max_connections") for part in self.published.description.postgres.values()}
        only = allowed.pop() if len(allowed) == 1 else None
        return int(only) if only and re.fullmatch("[0-9]{1,6}", only) else None

    def check_verdicts(self) -> None:
        """Raise BadInput if no cell could get a verdict however it runs, unless forced."""
        then = self.published
        summaries, advice = summarize_all(then), "choose another campaign"
        judged = [cell for one in summaries for cell in one.cells if not cell.baseline and cell.shown.arm == "a"]
        floors = [summary.floor for summary in summaries if summary.floor is not None]
        if self.matrix.repeats < FEWEST_BLOCKS:
            why = f"{count(self.matrix.repeats, 'block')} planned, and a noise floor needs {FEWEST_BLOCKS}"
            advice = f"use --repeats {FEWEST_BLOCKS} or more"
        elif not floors:
            most = count(max((summary.floor_blocks for summary in summaries), default=0), "good block")
            why = f"{then.name} has {most} of its baseline, and a noise floor needs {FEWEST_BLOCKS}"
        elif min(floors) > LARGEST_FLOOR:
            why = f"the noise floor of {then.name} is {format_floor(min(floors))}, which hides even a change by half"
        elif judged and all(cell.disturbed_ground for cell in judged):
            why = f"too many runs of {then.name} were disturbed"
        else:
            return
        if not self.force:
            raise BadInput(
                f"--reproduce: no cell could get a verdict: {why}; {advice}, or use --force to run without verdicts"
            )

    def check(self, now: Description) -> list[str]:
        """Return what differs from the campaign about to begin. Raises BadInput if pins differ, unless forced."""
        then = self.published.description
        pairs = [(shown.cell, shown.cell) for shown in now.cells if not shown.unsupported]
        found = find_differences_between(then, now, pairs)
        pins = [one for one in found if one.pin]
        if pins and not self.force:
            raise BadInput(_refuse_pins(then, pins))
        return [
            f"{'warning' if one.pin else 'notice'}: not as published: {describe_difference(one, 'then', 'now')}"
            for one in found
        ]


def read_reproduction(
    folder: CampaignFolder, *, keys: Sequence[str], repeats: int | None, data: str | None, force: bool
) -> Reproduction:
    """Return the part of the campaign in this folder that the options ask for.

    ``keys`` are prefixes of cell keys, none for all; ``data`` is the folder of SF1 files of a data set whose path was
    not published. Raises BadInput, with the place, for what cannot be used.
    """
    description, file = folder.description(), folder.path / "campaign.json"
    matrix = _read_matrix(description, file)
    chosen = _choose(description, keys)
    cells = tuple(_planned(shown, matrix, description, file) for shown in chosen)
    _check_packages(matrix, cells, description, file)
    matrix = replace(_with_data(matrix, cells, data, file), repeats=repeats or description.repeats)
    return Reproduction(select_published(folder, tuple(chosen)), matrix, cells, force)


def _check_out(then: Description) -> str:
    commit, changes = then.environment.commit, then.environment.uncommitted_changes
    advice = f"git checkout {commit}" if commit else "check out the commit that it ran with"
    return advice + (" (it had uncommitted changes)" if changes else "")


def _find_archived(pins: Sequence[Difference]) -> list[Difference]:
    """Return the pins of images whose packages Debian's archive has in other versions now."""
    packages = {one: [side.partition(" (recipe")[0] for side in (one.a, one.b)] for one in pins}
    moved = {
        one.where for one, (a, b) in packages.items() if a.startswith("debian ") and b.startswith("debian ") and a != b
    }
    return [one for one in pins if one.where in moved and one.what != "lock"]


def _refuse_pins(then: Description, pins: Sequence[Difference]) -> str:
    listed = "\n".join(f"- {describe_difference(one, 'then', 'now')}" for one in pins)
    archived = _find_archived(pins)
    parts = ", ".join(dict.fromkeys(one.where for one in archived))
    lost = f"no commit brings back {parts}, as Debian's archive has other versions now" if archived else ""
    if len(archived) == len(pins):
        return f"--reproduce: {then.campaign} ran with other pins:\n{listed}\n{lost}; use --force to run with those"
    advice = _check_out(then)
    own = then.selection.get("pg_bin")
    advice += f", name the programs of PostgreSQL {own} that it ran with by --pg-bin" if own else ""
    if then.source_hash is None:
        # It was recorded before this option existed.
        advice += ", run it there with the selection in its campaign.json, and use nox -s compare"
    else:
        advice += ", and repeat this"
    return (
        f"--reproduce: {then.campaign} ran with other pins:\n{listed}\n{advice}; {lost and lost + '; '}"
        "or use --force to run with the present ones"
    )


def _read_matrix(description: Description, file: Path) -> Matrix:
    """Return the recorded matrix, which is the selected part; so its profiles mean nothing any more."""
    recorded = json.loads(json.dumps({**description.matrix, "profiles": {}}))
    for wanted in _mappings_in(recorded.get("packages")):
        # Of an absolute path only the last part is published.
        cut = {name: f"./{text}" for name, text in wanted.items() if isinstance(text, str) and not is_package(text)}
        wanted.update(cut)
    adapter = matrix_adapter()
    # Untrusted input: a published campaign must not reach this machine through the settings of its servers.
    if refused := [*check_settings(recorded.get("postgres"))]:
        raise _refuse(file, refused)
    try:
        return adapter.validate_python(recorded)
    except ValidationError as error:
        numbers = {tuple(one["loc"]): str(one["input"]) for one in error.errors() if one["input"] is not None}
        raise _refuse(file, describe_errors(error, adapter, Document(str(file), recorded, {}, numbers))) from error


def _mappings_in(section: object) -> list[dict[str, object]]:
    return [one for one in section.values() if isinstance(one, dict)] if isinstance(section, dict) else []


def _refuse(file: Path, found: Sequence[Finding]) -> BadInput:
    # Not as a YAML document, which has bounds that a large campaign goes beyond.
    content, inside = file.read_bytes(), [Finding(("matrix", *one.path), one.text) for one in found]
    return refuse(Document(str(file), None), [replace(one, line=find_line(content, one.path)) for one in inside])


def _choose(description: Description, keys: Sequence[str]) -> list[ShownCell]:
    """Return the cells with these keys and the baselines of their experiments; all cells without a key."""
    if not keys:
        return list(description.cells)
    wanted = {_find_key(description, key) for key in keys}
    chosen = [shown for shown in description.cells if shown.cell_key in wanted]
    experiments = {name for shown in chosen for name in shown.experiments}
    # The second arm is in just those experiments whose baseline it is.
    baselines = {shown.cell_key: shown.experiments for shown in description.cells if shown.arm == "b"}
    return list(_with_baselines(description, wanted, experiments, baselines))


def _with_baselines(
    description: Description, wanted: set[str], experiments: set[str], baselines: dict[str, tuple[str, ...]]
) -> Iterator[ShownCell]:
    for shown in description.cells:
        needed = [name for name in baselines.get(shown.cell_key, ()) if name in experiments]
        if shown.cell_key in wanted:
            yield shown
        elif needed:
            yield replace(shown, experiments=tuple(name for name in shown.experiments if name in needed))


def _find_key(description: Description, text: str) -> str:
    beginning = _HASH + text.removeprefix(_HASH)
    found = {shown.cell_key: shown for shown in description.cells if shown.cell_key.startswith(beginning)}
    if not found:
        raise BadInput(
            f"--cell: no cell key of {description.campaign} begins with {text!r}; "
            "see cell_key in its campaign.json or runs.jsonl"
        )
    if len(found) > 1:
        listed = "".join(f"\n- {key}: {_describe(shown)}" for key, shown in list(found.items())[:10])
        raise BadInput(f"--cell: {text!r} is ambiguous ({len(found)} cell keys match); give more characters:{listed}")
    ((key, shown),) = found.items()
    if shown.unsupported:
        raise BadInput(f"--cell: {text!r} has no published result, as it cannot run: {shown.unsupported}")
    return key


def _describe(shown: ShownCell) -> str:
    return ", ".join(f"{axis} {value}" for axis, value in shown.cell.axes().items() if value is not None)


def _planned(shown: ShownCell, matrix: Matrix, then: Description, file: Path) -> PlannedCell:
    """Return the cell as this version knows it. Raises BadInput for an unknown one."""
    cell = shown.cell
    if cell.loader not in LOADERS:
        raise BadInput(
            f"{file}: {shown.cell_key}: the loader {cell.loader} is not known to this version of the program; "
            f"{_check_out(then)}, or choose other cells with --cell"
        )
    given = {axis: value for axis, value in cell.axes().items() if value is not None}
    try:
        _AXES.validate_python(given)
    except ValidationError as error:
        first = describe_errors(error, _AXES, Document(str(file), given))[0]
        raise BadInput(f"{file}: {shown.cell_key}: {write_path(first.path)}{first.text}") from error
    sections: dict[str, Mapping[str, object]] = {
        "postgres": matrix.postgres,
        "data": matrix.data,
        "resources": matrix.resources,
        "packages": {LOCKED: {}, **matrix.packages},
        "network": {LOOPBACK: {}, **matrix.network},
    }
    for axis, section in sections.items():
        name = str(cell.value(axis))
        if name not in section:
            raise BadInput(f"{file}: {shown.cell_key}: {axis}: {name!r} is not in its matrix {suggest(name, section)}")
    return PlannedCell(cell, shown.arm, shown.experiments, shown.unsupported or find_obstacle(cell))


def _check_packages(matrix: Matrix, cells: Sequence[PlannedCell], then: Description, file: Path) -> None:
    """Raise BadInput for a wheel or folder that is not the published one: nothing else is installed or built."""
    for cell in (one.cell for one in cells if one.unsupported is None):
        facts = part_of(then.interpreters, cell, "python")
        for name, text in packages_of(matrix.packages, cell.packages):
            published = facts.packages.get(name, "") if facts else ""
            if is_path(text) and short_content(content_hash(name, text)) not in published:
                raise BadInput(
                    f"{file}: packages {cell.packages}: {text!r} is not what was published ({name} {published}); "
                    "put that there, or choose other cells with --cell"
                )


def _with_data(matrix: Matrix, cells: Sequence[PlannedCell], folder: str | None, file: Path) -> Matrix:
    """Return the matrix with the folder of SF1 files instead of the path that was cut."""
    used = {one.cell.data for one in cells if one.unsupported is None}
    names = [name for name in used if matrix.data[name].source == "directory"]
    if folder is None:
        for name in names:
            path = str(matrix.data[name].path)
            # A bare name is the rest of an absolute path: a local folder of that name is another one.
            if "/" not in path or not Path(path).is_dir():
                raise BadInput(
                    f"{file}: data {name}: {path!r} is not a known folder (only the last part of an absolute path "
                    "is published); name it with --data DIRECTORY"
                )
        return matrix
    if not Path(folder).is_dir():
        raise BadInput(f"--data: {folder!r} is not a folder; name the folder of SF1 files that the campaign used")
    if len(names) != 1:
        found = f"{len(names)} of them" if names else "generated or fetched data"
        raise BadInput(f"--data: it replaces the only folder of SF1 files that the cells use, but they use {found}")
    changed = replace(matrix.data[names[0]], path=folder)
    return replace(matrix, data={**matrix.data, names[0]: changed})

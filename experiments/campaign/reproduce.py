"""A published campaign run again: its matrix, its cells and its order, from its own ``campaign.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from bigdata.registry import LOADERS
from experiments.analysis.differences import describe_difference, find_differences_between
from experiments.analysis.stats import FEWEST_BLOCKS
from experiments.analysis.summary import summarize
from experiments.errors import BadInput, suggest
from experiments.formatting import count
from experiments.matrix.expand import Arm, PlannedCell, find_obstacle
from experiments.matrix.messages import describe_errors
from experiments.matrix.spec import Matrix, matrix_adapter
from experiments.matrix.yaml_document import Document, Finding, read_document, refuse
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.records.folder import CampaignFolder
from experiments.records.published import select_published

_HASH = "sha256:"


@dataclass(frozen=True)
class Reproduction:
    """What of a published campaign is to run again: ``published`` has no other cells."""

    published: Campaign
    matrix: Matrix
    cells: tuple[PlannedCell, ...]
    anyway: bool
    """Whether it runs even where the pins are not those of then, or where no cell can get a verdict."""

    @property
    def max_connections(self) -> int | None:
        """What its servers allowed; that follows from the largest pool of all its cells."""
        allowed = {part["settings"].get("max_connections") for part in self.published.description.postgres.values()}
        return int(allowed.pop()) if len(allowed) == 1 and None not in allowed else None

    def check_verdicts(self) -> None:
        """Raise BadInput where no cell could get a verdict however it runs, unless anyway."""
        then = self.published
        summaries = [summarize(then.description, then.records, one) for one in then.description.experiments]
        if self.matrix.repeats < FEWEST_BLOCKS:
            why = f"it is to run {count(self.matrix.repeats, 'block')}"
            advice = f"add --repeats {FEWEST_BLOCKS} or more"
        elif not any(summary.floor is not None for summary in summaries):
            most = max((summary.floor_blocks for summary in summaries), default=0)
            why, advice = f"{then.name} has {count(most, 'good block')} of its baseline", "name another campaign"
        else:
            return
        if not self.anyway:
            raise BadInput(
                f"--reproduce: no cell could get a verdict: {why}, and a noise floor needs {FEWEST_BLOCKS}; {advice}, "
                "or add --anyway to run without"
            )

    def check(self, now: Description) -> list[str]:
        """What of host and software is not as it was, to be told. Raises BadInput where pins are not, unless anyway.

        ``now`` is the description of the campaign that is about to begin.
        """
        then = self.published.description
        found = find_differences_between(then, now, [shown.cell for shown in now.cells if not shown.unsupported])
        pins = [describe_difference(one, "then", "now") for one in found if one.pin]
        if pins and not self.anyway:
            raise BadInput(_refuse_pins(then, pins))
        return [
            f"{'warning' if one.pin else 'notice'}: not as published: {describe_difference(one, 'then', 'now')}"
            for one in found
        ]


def read_reproduction(
    folder: CampaignFolder, *, keys: Sequence[str], repeats: int | None, data: str | None, anyway: bool
) -> Reproduction:
    """What the command's options ask for of the campaign in this folder.

    ``keys`` are beginnings of keys of cells, none for all; ``data`` is the folder of SF1 files that a data set names
    whose path was not published. Raises BadInput, with the place, for what cannot be used.
    """
    description, file = folder.description(), folder.path / "campaign.json"
    matrix = _read_matrix(description, file)
    chosen = _choose(description, keys)
    cells = tuple(_planned(shown, matrix, description, file) for shown in chosen)
    matrix = replace(_with_data(matrix, cells, data, file), repeats=repeats or description.repeats)
    return Reproduction(select_published(folder, tuple(chosen)), matrix, cells, anyway)


def _check_out(then: Description) -> str:
    commit, changes = then.environment.get("commit"), then.environment.get("uncommitted_changes")
    advice = f"git checkout {commit}" if commit else "check out the commit that it ran with"
    return advice + (" (it had uncommitted changes)" if changes else "")


def _refuse_pins(then: Description, pins: Sequence[str]) -> str:
    listed = "\n".join(f"- {pin}" for pin in pins)
    advice = _check_out(then)
    own = then.selection.get("pg_bin")
    advice += f", name the programs of PostgreSQL {own} that it ran with by --pg-bin" if own else ""
    if then.source_hash is None:
        # It was recorded before there was this option.
        advice += ", run it there with the options that its campaign.json has as selection, and let nox -s compare tell"
    else:
        advice += ", and repeat this"
    return (
        f"--reproduce: {then.campaign} ran with other pins than there are here:\n{listed}\n{advice}; "
        "or add --anyway to run with what is here"
    )


def _read_matrix(description: Description, file: Path) -> Matrix:
    """The matrix as it was recorded, which the command line had changed already; its profiles mean nothing any more."""
    recorded = json.loads(json.dumps({**description.matrix, "profiles": {}}))
    adapter = matrix_adapter()
    try:
        return adapter.validate_python(recorded)
    except ValidationError as error:
        written = read_document(file)
        part = Document(
            str(file),
            recorded,
            {path[1:]: line for path, line in written.lines.items() if path[:1] == ("matrix",)},
            {path[1:]: text for path, text in written.texts.items() if path[:1] == ("matrix",)},
        )
        found = describe_errors(error, adapter, part)
        raise refuse(written, [Finding(("matrix", *one.path), one.text) for one in found]) from error


def _choose(description: Description, keys: Sequence[str]) -> list[ShownCell]:
    """The cells with these keys, with the baselines of their experiments; all cells where no key is given."""
    if not keys:
        return list(description.cells)
    wanted = {_find_key(description, key) for key in keys}
    chosen = [shown for shown in description.cells if shown.cell_key in wanted]
    experiments = {name for shown in chosen for name in shown.experiments}
    # The second arm shows in just those experiments that it is the baseline of.
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
            f"--cell: no cell of {description.campaign} has a key that begins with {text!r}; the keys are in its "
            "campaign.json and in each line of its runs.jsonl, as cell_key"
        )
    if len(found) > 1:
        listed = "".join(f"\n- {key}: {_describe(shown)}" for key, shown in list(found.items())[:10])
        raise BadInput(f"--cell: {text!r} begins {len(found)} keys; write more of one of them:{listed}")
    ((key, shown),) = found.items()
    if shown.unsupported:
        raise BadInput(f"--cell: {text!r} has no published number: it cannot run: {shown.unsupported}")
    return key


def _describe(shown: ShownCell) -> str:
    return ", ".join(f"{axis} {value}" for axis, value in shown.cell.axes().items() if value is not None)


def _planned(shown: ShownCell, matrix: Matrix, then: Description, file: Path) -> PlannedCell:
    """The cell as this version knows it. Raises BadInput where it does not."""
    cell = shown.cell
    if cell.loader not in LOADERS:
        raise BadInput(
            f"{file}: {shown.cell_key}: the loader {cell.loader} is not known to this version of the program; "
            f"{_check_out(then)}, or choose other cells with --cell"
        )
    sections = {"postgres": matrix.postgres, "data": matrix.data, "resources": matrix.resources}
    for axis, section in sections.items():
        name = str(cell.value(axis))
        if name not in section:
            raise BadInput(f"{file}: {shown.cell_key}: {axis}: {name!r} is not in its matrix {suggest(name, section)}")
    return PlannedCell(cell, cast(Arm, shown.arm), shown.experiments, shown.unsupported or find_obstacle(cell))


def _with_data(matrix: Matrix, cells: Sequence[PlannedCell], folder: str | None, file: Path) -> Matrix:
    """The matrix with the folder of SF1 files in the place of the path that was cut."""
    used = {one.cell.data for one in cells if one.unsupported is None}
    names = [name for name in used if matrix.data[name].source == "directory"]
    if folder is None:
        for name in names:
            path = str(matrix.data[name].path)
            # A bare name is what is left of an absolute path: a folder that has it here is not the one that was meant.
            if "/" not in path or not Path(path).is_dir():
                raise BadInput(
                    f"{file}: data {name}: {path!r} is no folder that is known here (of an absolute path only the last "
                    "part is published); name it with --data DIRECTORY"
                )
        return matrix
    if not Path(folder).is_dir():
        raise BadInput(f"--data: {folder!r} is no folder; with --reproduce it is the one with the SF1 files of then")
    if len(names) != 1:
        there = f"they use {len(names)}" if names else "what they use is made or fetched by itself"
        raise BadInput(f"--data: it stands for the one folder of SF1 files that the cells use, and {there}")
    changed = replace(matrix.data[names[0]], path=folder)
    return replace(matrix, data={**matrix.data, names[0]: changed})

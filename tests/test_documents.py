"""Documents: commands, options, links, paths, YAML snippets and names in README, CONTRIBUTING and docs/ are real."""

from __future__ import annotations

import argparse
import csv
import json
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from bigdata.cmd import parse
from bigdata.registry import CONTESTANTS, LOADERS, short_name
from experiments.__main__ import make_parser
from experiments.analysis.response_times import PERCENTS
from experiments.matrix.cell import AXES
from experiments.matrix.spec import load_matrix
from experiments.matrix.yaml_document import read_document
from experiments.records.record import Record
from tests.fuzz import __main__ as fuzzing
from tests.project import ROOT

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")
PUBLISHED = ROOT / "results/published"

FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# [text](target) and ![text](target) with a target that is no address.
LINK = re.compile(r"\]\((?!\w+:)([^)#]*)(?:#([^)]+))?\)")
# A link to a page of results, whose text has numbers of it.
RESULT = re.compile(r"\[([^]]*)\]\(([^)]*results/published/[^)]*\.md)\)")
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w,]|\.\d)")
CAMPAIGN = re.compile(r"\d{4}-\d\d-\d\dT\d{4}[-a-z]*")
# Of the repository, and no pattern or made-up name such as docker/NAME.
PATH = re.compile(r"`((?:bigdata|docker|docs|experiments|results|tests)/[a-z0-9_./-]*)`")
NOT_IN_GIT = {"results/local/", "results/local", "bigdata/loaders/psycopg_raw.py"}
"""What a campaign writes, and what the example of adding a loader does."""


def blocks(language: str, pages: dict[str, str]) -> list[str]:
    return [text for page in pages.values() for name, text in FENCED.findall(page) if name == language]


def without_blocks(page: str) -> str:
    return FENCED.sub("", page)


COMMANDS = [
    command.split("#")[0].strip()
    for block in blocks("console", PAGES)
    for line in block.splitlines()
    for command in line.split(" && ")
]
NOX = [shlex.split(command.partition(".venv/bin/nox")[2]) for command in COMMANDS if ".venv/bin/nox" in command]
LOADER = [shlex.split(command)[3:] for command in COMMANDS if "-m bigdata.cmd" in command]


def test_the_readme_has_at_most_150_lines() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 150


def test_the_readme_has_every_loader_with_its_short_names_and_event_loops() -> None:
    rows = {line for line in PAGES["README.md"].splitlines() if line.startswith("| ")}
    for loader in CONTESTANTS.values():
        loops: list[str | None] = [loop for loop in loader.loops if loop != "rloop"] or [None]
        names = ", ".join(short_name(loader.name, loop) for loop in loops)
        assert f"| {names} | `{loader.name}` | {', '.join(loader.loops)}{' ' * bool(loader.loops)}|" in rows


def test_the_documents_show_commands_of_both_programs() -> None:
    assert ["-s", "matrix", "--", "--profile", "smoke"] in NOX
    assert {"list", "generate", "run"} <= {word for command in LOADER for word in command}


@pytest.mark.parametrize("command", NOX, ids=" ".join)
def test_a_nox_command_names_sessions_and_options_that_exist(command: list[str]) -> None:
    sessions = command[1 : command.index("--") if "--" in command else None] if command[:1] == ["-s"] else []
    for session in sessions:
        assert re.search(rf"^def {session}\(session", NOXFILE, re.MULTILINE)
    options = command[2 + len(sessions) :]
    if sessions == ["fuzz"]:
        fuzzing.make_parser().parse_args(options)
    elif options and sessions not in (["tests"], ["worker"]):
        make_parser().parse_args([*sessions, *options])


@pytest.mark.parametrize("command", LOADER, ids=" ".join)
def test_a_command_of_the_loader_parses(command: list[str]) -> None:
    assert parse(command).verb in command


def test_the_offline_commands_of_the_loader_run_as_they_stand(tmp_path: Path) -> None:
    offline = [command for command in LOADER if command[0] in ("list", "generate")]
    assert len(offline) == 2
    for command in offline:
        program = [sys.executable, "-m", "bigdata.cmd", *command]
        environment = {"PYTHONPATH": str(ROOT)}
        assert subprocess.run(program, cwd=tmp_path, env=environment, check=False).returncode == 0
    assert (tmp_path / "data/ny/nygeo_uf1.zip").is_file()


def test_the_table_of_options_has_those_of_nox_matrix() -> None:
    section = PAGES["docs/cli.md"].partition("## Options of matrix")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(--[a-z-]+)", section)) == options_of("matrix") - {"--help"}


def test_every_verb_of_the_harness_is_on_the_page_of_commands() -> None:
    table = PAGES["docs/cli.md"].partition("## Options of matrix")[0]
    assert set(re.findall(r"`(?:nox -s )?([a-z]+)`", table)) >= verbs().keys()


@pytest.mark.parametrize("page", PAGES)
def test_its_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    for target, anchor in LINK.findall(without_blocks(PAGES[page])):
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.is_file(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_the_numbers_of_a_link_are_in_the_table_that_it_leads_to(page: str) -> None:
    for text, target in RESULT.findall(PAGES[page]):
        there = NUMBER.findall(((ROOT / page).parent / target).read_text(encoding="utf-8"))
        missing = [number for number in NUMBER.findall(CAMPAIGN.sub("", text)) if number not in there]
        assert missing == [], (text, target)


@pytest.mark.parametrize("page", PAGES)
def test_its_paths_of_the_repository_exist(page: str) -> None:
    paths = set(PATH.findall(PAGES[page])) - NOT_IN_GIT
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_it_names_no_loader_that_is_unknown(page: str) -> None:
    others = {"row_by_row_psycopg_raw", "ceiling_share"}  # the example of adding a loader, and a column
    assert set(re.findall(r"`((?:row_by_row|ceiling)_\w+)", PAGES[page])) - others <= LOADERS.keys()


@pytest.mark.parametrize("snippet", blocks("yaml", PAGES))
def test_a_snippet_of_yaml_is_part_of_a_matrix_that_loads(snippet: str, tmp_path: Path) -> None:
    matrix = read_document(ROOT / "matrix.yaml").data
    for section, entries in yaml.safe_load(snippet).items():
        matrix[section].update(entries)
    file = tmp_path / "matrix.yaml"
    # JSON is YAML, and written in no time.
    file.write_text(json.dumps(matrix), encoding="utf-8")
    load_matrix(file)


def test_every_axis_is_described() -> None:
    assert set(AXES) == first_cells("docs/matrix-yaml.md", "Axes")


def test_every_field_of_a_record_is_described() -> None:
    assert {field.name for field in fields(Record)} == first_cells("docs/data.md", "Fields of a record")


def test_every_column_of_the_csv_is_described() -> None:
    headers = {column for file in PUBLISHED.glob("*/tables/*.csv") for column in next(csv.reader(file.open()))}
    described = first_cells("docs/data.md", "Columns of the CSV")
    for column in first_cells("docs/data.md", "Columns of open loops"):
        # What one row says of all percentiles.
        described |= {column.replace("_p50_", f"_{percentile}_") for percentile in PERCENTS}
    assert headers - {"experiment", *AXES} == described


def test_the_snippets_of_pandas_read_files_and_columns_that_exist() -> None:
    snippets = blocks("python", PAGES)
    assert len(snippets) == 3
    columns = {*AXES, *(field.name for field in fields(Record)), *first_cells("docs/data.md", "Columns of the CSV")}
    for snippet in snippets:
        compile(snippet, "snippet", "exec")
        (file,) = re.findall(r'"(results/[^"]+)"', snippet)
        assert (ROOT / file).is_file()
        assert set(re.findall(r'"([a-z0-9_]+)"', snippet)) - {"a", "ok"} <= columns


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    pages = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    assert pages <= set(re.findall(r"[\w/-]+\.md", navigation))


def first_cells(page: str, heading: str) -> set[str]:
    """The names in the first column of the tables below this heading."""
    section = PAGES[page].partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def verbs() -> dict[str, argparse.ArgumentParser]:
    """The parser of each verb of the harness."""
    (action,) = (one for one in make_parser()._actions if isinstance(one, argparse._SubParsersAction))
    return dict(action.choices)


def options_of(verb: str) -> set[str]:
    return {text for action in verbs()[verb]._actions for text in action.option_strings if text.startswith("--")}

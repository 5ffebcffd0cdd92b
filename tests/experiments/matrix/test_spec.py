"""matrix.yaml: what is accepted, what it turns into, and the exact words for what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bigdata.registry import LOADERS
from experiments.errors import BadInput
from experiments.matrix.spec import (
    DataSet,
    Defaults,
    Experiment,
    Matrix,
    PostgresConfiguration,
    Resources,
    load_matrix,
    matrix_adapter,
)

GOOD = """\
version: 1
repeats: 10
seed: 2014
timeout_s: 120
baseline: {loader: row_by_row_threaded}
data:
  ny: {source: synthetic, state: NY, records: 100}
postgres:
  default: {version: "17", storage: disk}
resources:
  split: {loader_cpuset: "0", server_cpuset: rest}
defaults: {loader: row_by_row_threaded, poolsize: 20, postgres: default, data: ny, resources: split}
experiments:
  loaders:
    question: Which?
    matrix:
      loader: [row_by_row_threaded, row_by_row_asyncio]
profiles:
  smoke: {repeats: 1, records: 5, experiments: [loaders]}
"""


def load(folder: Path, text: str) -> Matrix:
    (folder / "matrix.yaml").write_text(text)
    return load_matrix(folder / "matrix.yaml")


def refusal(folder: Path, text: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        load(folder, text)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_every_section_becomes_its_type(tmp_path: Path) -> None:
    matrix = load(tmp_path, GOOD)
    assert (matrix.version, matrix.repeats, matrix.seed, matrix.timeout_s) == (1, 10, 2014, 120.0)
    assert matrix.baseline == {"loader": "row_by_row_threaded"}
    assert matrix.data == {"ny": DataSet(source="synthetic", state="NY", segments=("01",), records=100, seed=2014)}
    assert matrix.postgres == {"default": PostgresConfiguration(version="17", storage="disk", settings={})}
    assert matrix.resources == {"split": Resources(loader_cpuset="0", server_cpuset="rest", loader_cpus=None)}
    assert matrix.experiments == {
        "loaders": Experiment(question="Which?", matrix={"loader": ("row_by_row_threaded", "row_by_row_asyncio")})
    }
    assert matrix.profiles["smoke"].experiments == ("loaders",)


def test_a_matrix_survives_json(tmp_path: Path) -> None:
    matrix = load(tmp_path, GOOD)
    adapter = matrix_adapter()
    assert adapter.validate_json(adapter.dump_json(matrix)) == matrix


def test_axes_with_a_usual_value_need_not_be_in_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).defaults == Defaults(
        loader="row_by_row_threaded",
        poolsize=20,
        postgres="default",
        data="ny",
        resources="split",
        engine="auto",
        python="default",
        gil="default",
        loop="asyncio",
        protocol="default",
        implementation="default",
        transaction="autocommit",
        inserts="execute",
    )


def test_settings_become_the_text_that_postgresql_takes(tmp_path: Path) -> None:
    settings = '{synchronous_commit: off, fsync: on, x.a: yes, max_wal_size: 2GB, x.b: 100, x.c: 0.5, x.d: "off"}'
    matrix = load(tmp_path, changed("storage: disk", f"storage: disk, settings: {settings}"))
    assert matrix.postgres["default"].settings == {
        "synchronous_commit": "off",
        "fsync": "on",
        "x.a": "on",
        "max_wal_size": "2GB",
        "x.b": "100",
        "x.c": "0.5",
        "x.d": "off",
    }


@pytest.mark.parametrize(("on", "off"), [("on", "off"), ("true", "false"), ('"on"', '"off"')])
def test_sampling_needs_no_quotes(on: str, off: str, tmp_path: Path) -> None:
    loaders = "      loader: [row_by_row_threaded, row_by_row_asyncio]\n"
    text = changed(loaders, f"{loaders}      sampling: [{on}, {off}]\n")
    matrix = load(tmp_path, text.replace("poolsize: 20,", f"poolsize: 20, sampling: {off},"))
    assert matrix.defaults.sampling == "off"
    assert matrix.experiments["loaders"].matrix["sampling"] == ("on", "off")


@pytest.mark.parametrize("written", ["off", '"off"'])
def test_a_gil_that_is_off_needs_no_quotes(tmp_path: Path, written: str) -> None:
    matrix = load(
        tmp_path,
        changed(
            "      loader: [row_by_row_threaded, row_by_row_asyncio]\n",
            f"      gil: [default, {written}]\n    exclude: [{{gil: {written}, why: slow}}]\n",
        ),
    )
    assert matrix.experiments["loaders"].matrix == {"gil": ("default", "off")}
    assert matrix.experiments["loaders"].exclude == ({"gil": "off", "why": "slow"},)


def test_every_loop_of_a_loader_and_a_free_threaded_build_are_values(tmp_path: Path) -> None:
    lists = 'loop: [asyncio, uvloop, rloop], python: ["3.7", "3.13t", "3.14t"]'
    matrix = load(
        tmp_path,
        changed("    matrix:\n      loader: [row_by_row_threaded, row_by_row_asyncio]\n", f"    matrix: {{{lists}}}\n"),
    )
    found = matrix.experiments["loaders"].matrix
    assert found == {"loop": ("asyncio", "uvloop", "rloop"), "python": ("3.7", "3.13t", "3.14t")}


@pytest.mark.parametrize("written", ['"17"', "17"])
def test_a_major_version_needs_no_quotes(tmp_path: Path, written: str) -> None:
    matrix = load(tmp_path, changed('version: "17"', f"version: {written}"))
    assert matrix.postgres["default"].version == "17"


def test_a_core_needs_no_quotes(tmp_path: Path) -> None:
    assert load(tmp_path, changed('cpuset: "0"', "cpuset: 0")).resources["split"].loader_cpuset == "0"


def test_all_errors_come_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = GOOD.replace("repeats: 10", "repeats: 0").replace("seed: 2014", "seeds: 2014")
    text = text.replace("[row_by_row_threaded, row_by_row_asyncio]", "[row_by_row_threaded, row_by_row_asynco]")
    text = text.replace("data: ny", "data: nyc")
    known = "version, repeats, seed, timeout_s, data, postgres, resources, defaults, experiments, "
    known += "packages, network, hosts, patience_s, baseline, profiles"
    assert refusal(tmp_path, text) == [
        "matrix.yaml:1: seed: is missing: add it",
        "matrix.yaml:2: repeats: 0 is too small: write 1 or more",
        f"matrix.yaml:3: seeds: unknown key (did you mean seed? known: {known})",
        "matrix.yaml:12: defaults.data: unknown data set 'nyc' (did you mean ny? known: ny)",
        "matrix.yaml:17: experiments.loaders.matrix.loader[1]: unknown loader 'row_by_row_asynco' "
        f"(did you mean row_by_row_asyncio? known: {', '.join(LOADERS)})",
    ]


ONE_ERROR = [
    ("version: 1\n", "version: 2\n", "version: 2 is not valid (expected 1)"),
    ("repeats: 10", "repeats: ten", "repeats: 'ten' is not an integer (expected for example 20)"),
    ("repeats: 10", "repeats: 2.5", "repeats: 2.5 is not an integer (expected for example 20)"),
    ("repeats: 10", "repeats: yes", "repeats: yes is not an integer (expected for example 20)"),
    ("repeats: 10", "repeats:", "repeats: an empty value is not an integer (expected for example 20)"),
    ("seed: 2014", "seed: [1]", "seed: this list is not an integer (expected for example 20)"),
    ("timeout_s: 120", "timeout_s: 0", "timeout_s: 0 is too small: write more than 0"),
    ("timeout_s: 120", "timeout_s: .inf", "timeout_s: .inf is not finite (expected for example 0.25)"),
    (
        "source: synthetic",
        "source: synthetc",
        "data.ny.source: unknown source of data 'synthetc' "
        "(did you mean synthetic? known: synthetic, directory, census)",
    ),
    (
        "records: 100",
        "records: many",
        "data.ny.records: 'many' is no number of records: write 1 to 9,999,999, auto or all",
    ),
    (
        "records: 100",
        "records: all",
        "data.ny: this entry has 'records: all', but source synthetic has no end: write a number, or auto",
    ),
    (
        "source: synthetic, state: NY,",
        "source: directory,",
        "data.ny: this entry lacks 'path': a data set with source directory needs path",
    ),
    (
        "source: synthetic, state: NY,",
        "source: census,",
        "data.ny: this entry lacks 'state': a data set with source census needs state",
    ),
    (
        "state: NY,",
        "state: NY, path: data,",
        "data.ny: this entry has 'path', which means nothing with source synthetic: take it out",
    ),
    ("state: NY", "state: NO", "data.ny.state: NO is not text: write it in quotes"),
    (
        "state: NY,",
        "state: NY, segments: [01],",
        'data.ny.segments[0]: 01 is not a segment: write two digits in quotes, from "01" to "39"',
    ),
    (
        "state: NY,",
        'state: NY, segments: ["40"],',
        'data.ny.segments[0]: \'40\' is not a segment: write two digits in quotes, from "01" to "39"',
    ),
    ("state: NY,", "state: NY, segments: [],", "data.ny.segments: this list is empty: name at least one"),
    (
        'version: "17"',
        "version: 17.2",
        'postgres.default.version: 17.2 is not a major version of PostgreSQL: write it in quotes, such as "17"',
    ),
    (
        "storage: disk",
        "storage: disc",
        "postgres.default.storage: unknown storage 'disc' (did you mean disk? known: disk, tmpfs)",
    ),
    (
        "storage: disk",
        "storage: disk, settings: {hba-file: /tmp/trust}",
        "postgres.default.settings.hba-file: commands, files, libraries and addresses reach beyond the experiment; "
        "remove it",
    ),
    (
        "storage: disk",
        "storage: disk, settings: {fsync: [on]}",
        "postgres.default.settings.fsync: this list is not a value of a setting: write text, a number, on or off",
    ),
    (
        'loader_cpuset: "0"',
        "loader_cpuset: 0-",
        "resources.split.loader_cpuset: '0-' is not a set of cores: "
        "write numbers from 0 and ranges such as \"0-2,5\", or 'rest'",
    ),
    (
        'loader_cpuset: "0", ',
        "",
        "resources.split: this entry asks for the rest of nothing: "
        "where one cpuset is 'rest', give the other side numbers",
    ),
    (
        'loader_cpuset: "0"',
        'loader_cpuset: "0", loader_cpus: 0',
        "resources.split.loader_cpus: 0 is too small: write more than 0",
    ),
    ("poolsize: 20, ", "", "defaults.poolsize: is missing: add it"),
    ("poolsize: 20", "poolsize: 0", "defaults.poolsize: 0 is too small: write 1 or more"),
    ("poolsize: 20", 'poolsize: "20"', "defaults.poolsize: '20' is not an integer (expected for example 20)"),
    (
        "poolsize: 20",
        "poolsize: 20, python: 3.10",
        "defaults.python: 3.10 without quotes is a number, so that 3.10 would be 3.1: put the version in quotes",
    ),
    (
        "poolsize: 20",
        'poolsize: 20, python: "3"',
        "defaults.python: '3' is not a Python version: write 'default' or major and minor in quotes, such as \"3.13\"",
    ),
    (
        "poolsize: 20",
        "poolsize: 20, engine: podman",
        "defaults.engine: unknown engine 'podman' (known: auto, docker, local)",
    ),
    (
        "poolsize: 20",
        "poolsize: 20, loop: uvlop",
        "defaults.loop: unknown event loop 'uvlop' (did you mean uvloop? known: asyncio, rloop, uvloop)",
    ),
    (
        "poolsize: 20",
        "poolsize: 20, protocol: preparde",
        "defaults.protocol: unknown protocol 'preparde' "
        "(did you mean prepared? known: default, simple, extended, prepared)",
    ),
    (
        "poolsize: 20",
        "poolsize: 20, implementation: binari",
        "defaults.implementation: unknown implementation 'binari' "
        "(did you mean binary? known: default, binary, c, python)",
    ),
    (
        "poolsize: 20",
        "poolsize: 20, gil: on",
        "defaults.gil: unknown state of the GIL on (known: default, off)",
    ),
    (
        "poolsize: 20",
        "poolsize: 20, sampling: often",
        "defaults.sampling: unknown state of the sampler 'often' (known: on, off)",
    ),
    (
        "loader: [row_by_row_threaded, row_by_row_asyncio]",
        "protocol: [simple, binary]",
        "experiments.loaders.matrix.protocol[1]: unknown protocol 'binary' "
        "(known: default, simple, extended, prepared)",
    ),
    (
        "      loader: [row_by_row_threaded, row_by_row_asyncio]\n",
        "      gil: [default]\n    exclude: [{gil: off}]\n",
        "experiments.loaders.exclude[0].gil: 'off' is not a value of this experiment (known: default)",
    ),
    (
        "postgres: default, data",
        "postgres: defalt, data",
        "defaults.postgres: unknown PostgreSQL configuration 'defalt' (did you mean default? known: default)",
    ),
    (
        "baseline: {loader: row_by_row_threaded}",
        "baseline: {resources: shared}",
        "baseline.resources: unknown resources 'shared' (known: split)",
    ),
    (
        "    matrix:\n      loader: [row_by_row_threaded, row_by_row_asyncio]\n",
        "",
        "experiments.loaders: has no cells: give it a matrix, or an include",
    ),
    (
        "loader: [row_by_row_threaded, row_by_row_asyncio]",
        "loader: row_by_row_asyncio",
        "experiments.loaders.matrix.loader: 'row_by_row_asyncio' is not a list: write [one, two] or one '- ' per line",
    ),
    (
        "loader: [row_by_row_threaded, row_by_row_asyncio]",
        "pool_size: [1]",
        "experiments.loaders.matrix.pool_size: unknown key (did you mean poolsize? known: engine, python, gil, "
        "loader, loop, protocol, implementation, poolsize, postgres, data, transaction, inserts, resources, sampling, "
        "workload, packages, network, arrivals, checkout)",
    ),
    (
        "loader: [row_by_row_threaded, row_by_row_asyncio]",
        "python: [3.10]",
        "experiments.loaders.matrix.python[0]: "
        "3.10 without quotes is a number, so that 3.10 would be 3.1: put the version in quotes",
    ),
    (
        "    question: Which?\n",
        "    question: Which?\n    include: [{data: ri}]\n",
        "experiments.loaders.include[0].data: unknown data set 'ri' (known: ny)",
    ),
    (
        "    question: Which?\n",
        "    question: Which?\n    exclude: [{loader: row_by_row_asyncio, why: 3}]\n",
        "experiments.loaders.exclude[0].why: 3 is not text: write it in quotes",
    ),
    (
        "    question: Which?\n",
        "    question: Which?\n    exclude: [{why: because}]\n",
        "experiments.loaders.exclude[0]: names no axis, so it would leave out everything: name what to leave out",
    ),
    (
        "      loader: [row_by_row_threaded, row_by_row_asyncio]\n",
        "      poolsize: [1, 5]\n    exclude: [{poolsize: 50}]\n",
        "experiments.loaders.exclude[0].poolsize: 50 is not a value of this experiment (known: 1, 5)",
    ),
    (
        "    question: Which?\n",
        "    question: Which?\n    exclude: [{loader: row_by_row_asyncio, poolsize: 50}]\n",
        "experiments.loaders.exclude[0].poolsize: 50 is not a value of this experiment (known: 20)",
    ),
    (
        "  loaders:\n    question",
        "  loaders/2:\n    question",
        "experiments.loaders/2: 'loaders/2' is not a valid name: "
        "use letters, digits, '_', '-' and '.' only, at most 40",
    ),
    (
        "experiments: [loaders]",
        "experiments: [loader]",
        "profiles.smoke.experiments[0]: unknown experiment 'loader' (did you mean loaders? known: loaders)",
    ),
    (
        "  loaders:\n    question",
        "  Loaders: {question: Q, include: [{poolsize: 1}]}\n  loaders:\n    question",
        "experiments.loaders: differs from Loaders in the case of letters only: rename it",
    ),
    ("timeout_s: 120", "timeout_s: 1.0e+300", "timeout_s: 1.0e+300 is too large: write 604,800 or less"),
    ("timeout_s: 120", "timeout_s: !!timestamp x", "timeout_s: 'x' is not a valid !!timestamp: put it in quotes"),
    ("repeats: 10", "repeats: 1000000", "repeats: 1000000 is too large: write 10,000 or less"),
    ("poolsize: 20", "poolsize: 300000", "defaults.poolsize: 300000 is too large: write 262,133 or less"),
    (
        "source: synthetic, state: NY, records: 100",
        "source: directory, path: ~nosuchuser/x",
        "data.ny.path: '~nosuchuser/x' begins with the home of a user who has none here: write the folder out",
    ),
    (
        "state: NY",
        "state: ../../x",
        "data.ny.state: '../../x' is not a state: write its name or code, such as New_York or NY",
    ),
    (
        "state: NY",
        f"state: {'N' * 200}",
        f"data.ny.state: '{'N' * 100}...' is not a state: write its name or code, such as New_York or NY",
    ),
    (
        "  loaders:\n    question",
        f"  {'x' * 300}:\n    question",
        f"experiments.{'x' * 100}...: '{'x' * 100}...' is not a valid name: "
        "use letters, digits, '_', '-' and '.' only, at most 40",
    ),
    (
        "question: Which?",
        f"question: {'x ' * 2_000}",
        f"experiments.loaders.question: '{'x ' * 50}...' is too long: write at most 2,000 characters",
    ),
    (
        "storage: disk",
        f"storage: disk, settings: {{application_name: {'x' * 200_000}}}",
        "postgres.default.settings.application_name: has 200,000 characters: write at most 10,000",
    ),
    (
        "storage: disk",
        f"storage: disk, settings: {{application_name: {'x' * 5_000}}}",
        f"postgres.default.settings.application_name: '{'x' * 100}...' is too long for a setting: "
        "write at most 2,000 characters",
    ),
    (
        "server_cpuset: rest",
        "server_cpuset: rest, server_memory: 9999999999TB",
        "resources.split.server_memory: '9999999999TB' is too large: write at most 1024TB",
    ),
    (
        "      loader: [row_by_row_threaded, row_by_row_asyncio]\n",
        f"      poolsize: {list(range(1, 1000))}\n      python: [{', '.join(['default'] * 101)}]\n",
        "experiments.loaders: makes this matrix too large: write at most 100,000 combinations in all experiments",
    ),
    (
        "      loader: [row_by_row_threaded, row_by_row_asyncio]\n",
        f"      poolsize: {list(range(1, 1000))}\n      python: [{', '.join(['default'] * 99)}]\n"
        f"    exclude: [{', '.join(['{poolsize: 5}'] * 20)}]\n",
        "experiments.loaders: makes this matrix too large: write at most 100,000 combinations in all experiments, "
        "each checked against few of 20 entries",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), ONE_ERROR)
def test_an_error_names_the_place_what_was_found_and_what_to_do(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    errors = [re.sub(r"^matrix\.yaml:\d+: ", "", line) for line in refusal(tmp_path, changed(old, new))]
    assert message in errors


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "- a\n") == ["matrix.yaml:1: this list is not a mapping: write 'name: value' below it"]


@pytest.mark.parametrize("wrong", [None, 3, "text", [], [[]], {}, {"a": None}, [{"a": [1]}]])
@pytest.mark.parametrize("section", sorted(yaml.safe_load(GOOD)))
def test_nothing_of_the_wrong_shape_gets_past_or_ends_in_a_traceback(tmp_path: Path, section: str, wrong: Any) -> None:
    document = {**yaml.safe_load(GOOD), section: wrong}
    (tmp_path / "matrix.yaml").write_text(yaml.safe_dump(document))
    if (section, wrong) in [("baseline", {}), ("profiles", {}), ("seed", 3), ("repeats", 3), ("timeout_s", 3)]:
        load_matrix(tmp_path / "matrix.yaml")
    else:
        with pytest.raises(BadInput, match=rf"matrix\.yaml:\d+: .*{section}"):
            load_matrix(tmp_path / "matrix.yaml")


def test_names_that_cannot_be_printed_are_escaped_wherever_a_message_has_them(tmp_path: Path) -> None:
    text = changed("  default: {version", '  "\u202e": {version')
    assert refusal(tmp_path, text) == [
        "matrix.yaml:9: postgres.\\u202e: '\\u202e' is not a valid name: "
        "use letters, digits, '_', '-' and '.' only, at most 40",
        "matrix.yaml:12: defaults.postgres: unknown PostgreSQL configuration 'default' (known: \\u202e)",
    ]

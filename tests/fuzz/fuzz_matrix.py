"""Mutated files of a matrix: each is planned, or refused with a line, soon and in little memory."""

from __future__ import annotations

import contextlib
import copy
import random
import re
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml

from bigdata.registry import IMPLEMENTATIONS, LOADERS, PROTOCOLS, WORKLOADS
from experiments.campaign.feasibility import find_impossible
from experiments.cli.announce import describe_plan
from experiments.engines.protocol import Engine
from experiments.errors import BadInput
from experiments.matrix.cell import INSERTS, SAMPLINGS, TRANSACTIONS
from experiments.matrix.expand import expand
from experiments.matrix.plan import make_plan
from experiments.matrix.selection import Selection, apply_selection
from experiments.matrix.spec import load_matrix, matrix_adapter
from experiments.matrix.values import LOOPS
from tests.experiments.matrix.test_shipped_matrix import MachineWithAll
from tests.project import ROOT

_SMALL = """\
version: 1
repeats: 3
seed: 2014
timeout_s: 120
baseline: {loader: row_by_row_threaded}
data:
  ny: {source: synthetic, state: NY, segments: ["01", "02"], records: 100}
  here: &here {source: directory, path: data/Rhode_Island, records: 100}
  there: *here
postgres:
  default: {version: "17", storage: disk, settings: {fsync: off, shared_buffers: 128MB}, shm_size: 1GB}
  memory: {version: 15, storage: tmpfs, settings: {max_connections: 100, work_mem: 4096, seq_page_cost: 1.5}}
resources:
  split: {loader_cpuset: "0-2,5", server_cpuset: rest}
  pod: {loader_cpus: 0.5, loader_memory: 64MB}
defaults: {loader: row_by_row_threaded, poolsize: 20, postgres: default, data: ny, resources: split}
experiments:
  loaders:
    question: "Which?"
    matrix:
      loader: [row_by_row_threaded, row_by_row_asyncio]
      loop: [asyncio, uvloop]
      poolsize: [1, 5, 20]
    exclude: [{loader: row_by_row_asyncio, poolsize: 5, why: "because"}]
    include: [{loader: row_by_row_threaded, python: "3.14t", gil: off}, {postgres: memory, sampling: on}]
  pods: {question: Small, matrix: {resources: [pod]}, baseline: {resources: pod}, explain: true}
packages:
  older: {asyncpg: "0.29.0"}
  own: {psycopg: dist/psycopg-3.4.0.dev1-py3-none-any.whl, uvloop: ./uvloop}
profiles:
  smoke: {repeats: 1, records: 5, experiments: [loaders]}
"""
_LARGE = (ROOT / "matrix.yaml").read_text(encoding="utf-8")
_WORDS = (
    *("", "~", "null", "on", "off", "0", "-1", "1e300", "1.0e+300", ".inf", ".nan", "1:60:60", "9" * 30),
    *("0x" + "f" * 90, "2014-13-01", "2014-01-01", "3.10", "!!bool x", "!!timestamp x", "!!int x", "!!set {a}"),
    *("!!python/name:os.system x", "!x y", "*here", "&a [*a]", "&here x", "<<", "- ", ": ", "[" * 300, "{a: " * 40),
    *(r'"\0"', r'"\ud800"', r'"\e[31m"', r'"\UFFFFFFFF"', "é", "\u202e", "👍", "a b", "x" * 300, "y" * 20_000),
    *("~nosuchuser/x", "../../x", "[1, 2]", "{}", "[]", "{a: b}", "row_by_row_asyncio", "default", "rest"),
    *("9999999999TB", "300000", "shared_bufers", "archive_command"),
)
_VALUES: tuple[Any, ...] = (None, True, -1, 0, 1.5, 10**18, 2**70, {}, [], [[]], {"a": 1}, "\0", "\ud800")
_AXES: dict[str, tuple[Any, ...]] = {
    "engine": ("auto", "local", "docker"),
    "python": ("default", "3.7", "3.13", "3.14t"),
    "gil": ("default", "off"),
    "loader": tuple(LOADERS),
    "loop": LOOPS,
    "protocol": ("default", *PROTOCOLS),
    "implementation": ("default", *IMPLEMENTATIONS),
    "poolsize": (1, 5, 20, 50, 90, 5_000),
    "postgres": ("default", "memory"),
    "data": ("ny", "here", "there"),
    "transaction": TRANSACTIONS,
    "inserts": INSERTS,
    "resources": ("split", "pod"),
    "sampling": SAMPLINGS,
    "workload": tuple(WORKLOADS),
    "packages": ("locked", "older", "own"),
}
_LONGEST_MESSAGE = 1_000_000


@cache
def _parsed(text: str) -> Any:
    return yaml.safe_load(text)


def mutate(rng: random.Random) -> bytes:
    """Return a file with some bytes, lines or values changed."""
    text = _LARGE if rng.random() < 0.01 else _SMALL
    kind = rng.random()
    if kind < 0.2:
        tree = _parsed(_SMALL) | {"experiments": {f"e{number}": _ask(rng) for number in range(rng.choice((1, 2, 5)))}}
        del tree["profiles"]
        return yaml.safe_dump(tree, sort_keys=False).encode()
    if kind < 0.5:
        tree = copy.deepcopy(_parsed(text))
        for _ in range(rng.choice((1, 1, 2, 4))):
            _change_tree(rng, tree)
        return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode(errors="surrogatepass")
    if kind < 0.8:
        for _ in range(rng.choice((1, 1, 2, 4))):
            text = _change_text(rng, text)
        return text.encode()
    content = bytearray(text.encode())
    for _ in range(rng.choice((1, 2, 10))):
        place = rng.randrange(len(content))
        content[place : place + rng.choice((0, 1, 1, 5))] = bytes(
            rng.randrange(256) for _ in range(rng.choice((0, 1, 1, 3)))
        )
    return bytes(content)


def _ask(rng: random.Random) -> dict[str, Any]:
    """Return an experiment that is valid, or nearly so."""
    names = rng.sample([*_AXES], rng.choice((1, 2, 3, 4)))
    lists = {axis: rng.sample(_AXES[axis], rng.randint(1, min(3, len(_AXES[axis])))) for axis in names}
    listed = {axis: tuple(values) for axis, values in lists.items()}
    return {
        "question": "Which?",
        "matrix": lists,
        "include": [_entry(rng, _AXES) for _ in range(rng.choice((0, 0, 1, 3)))],
        "exclude": [_entry(rng, listed) | {"why": "so"} for _ in range(rng.choice((0, 0, 1, 3)))],
        "baseline": _entry(rng, _AXES),
    }


def _entry(rng: random.Random, values: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    names = rng.sample([*values], rng.randint(1, min(4, len(values))))
    return {axis: rng.choice(values[axis]) for axis in names}


def _rare(rng: random.Random, usual: int, large: int) -> int:
    return large if rng.random() < 0.05 else usual


def _change_tree(rng: random.Random, inside: Any) -> None:
    """Replace, remove, rename or multiply one value, however deep."""
    while True:
        keys = [*inside] if isinstance(inside, dict) else [*range(len(inside))]
        if not keys:
            return
        key = rng.choice(keys)
        if not isinstance(inside[key], dict | list) or rng.random() < 0.2:
            break
        inside = inside[key]
    value, chance = inside[key], rng.random()
    if chance < 0.15:
        del inside[key]
    elif chance < 0.3 and isinstance(inside, dict):
        inside[rng.choice((*_WORDS, 17, True, "Ny"))] = inside.pop(key)
    elif chance < 0.4:
        inside[key] = [value] * _rare(rng, 100, 5_000)
    elif chance < 0.5:
        inside[key] = list(range(_rare(rng, 100, 6_000)))
    elif chance < 0.55:
        inside[key] = {f"n{number}": value for number in range(_rare(rng, 10, 1_000))}
    else:
        inside[key] = rng.choice(
            (*_WORDS, None, True, -1, 0, 1.5, 10**18, 2**70, {}, [], [[]], {"a": 1}, "\0", "\ud800")
        )


def _change_text(rng: random.Random, text: str) -> str:
    lines = text.splitlines()
    place, chance = rng.randrange(len(lines)), rng.random()
    if chance < 0.15:
        del lines[place]
    elif chance < 0.3:
        lines.insert(place, rng.choice(lines))
    elif chance < 0.4:
        lines[place] = " " * rng.randrange(8) + lines[place].strip()
    elif chance < 0.45:
        lines[place:place] = [lines[place]] * _rare(rng, 10, 20_000)
    elif chance < 0.55:
        lines[place:place] = [
            f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" if n else "a0: &a0 [x]" for n in range(40)
        ]
    else:
        tokens = re.split(r"([\s,:{}\[\]]+)", lines[place])
        tokens[rng.randrange(len(tokens))] = rng.choice(_WORDS)
        lines[place] = "".join(tokens)
    return "\n".join(lines) + "\n"


def check(content: bytes) -> None:
    """Plan the matrix. Raises what planning raises, except a refusal as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "matrix.yaml"
        file.write_bytes(content)
        try:
            matrix = load_matrix(file)
        except BadInput as refused:
            _check_message(str(refused), file)
            return
    adapter = matrix_adapter()
    assert adapter.validate_json(adapter.dump_json(matrix)) == matrix
    with contextlib.suppress(BadInput):
        chosen = apply_selection(matrix, Selection())
        plan = make_plan(expand(matrix, Selection(), MachineWithAll()), chosen.repeats, chosen.seed)
        cores = SimpleNamespace(here=True)
        engines = dict.fromkeys(("local", "docker"), cast(Engine, SimpleNamespace(cores=lambda: cores)))
        for finding in find_impossible(plan, chosen, engines):
            assert finding.text.isprintable()
        text = describe_plan(plan, chosen, {})
        assert text.encode()
        assert len({(planned.cell, planned.arm) for planned in plan.cells}) == len(plan.cells)
        assert all(planned.experiments for planned in plan.cells)
        _check_names([name for planned in plan.cells for name in planned.experiments])


def _check_message(message: str, file: Path) -> None:
    assert len(message) < _LONGEST_MESSAGE, len(message)
    for line in message.splitlines():
        too_large = line == f"{file}: has more than 256 kB: remove what is not needed"
        assert too_large or re.match(re.escape(str(file)) + r":\d+: ", line), line
        assert line.isprintable(), line


def _check_names(names: list[str]) -> None:
    for name in dict.fromkeys(names):
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", name), name
